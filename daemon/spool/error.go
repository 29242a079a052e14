//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"syscall"

	"tacet/daemon/health"
)

// Kind is what is wrong with a spool.
type Kind uint8

const (
	Failed     Kind = iota // the disk returned an error
	Missing                // there is no such folder
	NotFolder              // the path isn't a folder
	NotAllowed             // the service's user may not write there
	ReadOnly               // the disk is read-only
	Full                   // there is no space
	Gone                   // the disk is gone, or another is mounted over it
	InUse                  // another process has it
)

var kinds = [...]struct {
	code health.Code
	hint string
}{
	Failed: {health.SpoolError, "look at the kernel's log (journalctl -k), and replace the disk if it fails"},
	Missing: {health.SpoolMissing,
		"mount the disk, or make the folder for the service's user; the unit never makes it"},
	NotFolder:  {health.SpoolMissing, "[spool] path must be a folder"},
	NotAllowed: {health.SpoolReadOnly, "give the folder to the service's user, with mode 0700"},
	ReadOnly: {health.SpoolReadOnly,
		"if only the service can't write there, \"tacet check\" prints how to let it; otherwise the disk is mounted " +
			"read-only, as after an error: run fsck or replace it"},
	Full:  {health.SpoolFull, "make room: let the stores take the recordings, or install a larger disk"},
	Gone:  {health.SpoolMissing, "plug the disk in, mount it, and restart the unit"},
	InUse: {health.SpoolError, "stop the other process; a spool can have only one daemon"},
}

// Error says that the spool can't be used, why, and what to do.
type Error struct {
	Kind  Kind
	Doing string // "list", "append to … in"
	Path  string // if known
	Err   error
}

func (e *Error) Error() string {
	where := " the spool"
	if e.Path != "" {
		where += " " + e.Path
	}
	return e.Doing + where + ": " + e.Err.Error() + ": " + e.Hint()
}

func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return kinds[e.Kind].hint }

// Code returns the warning to raise.
func (e *Error) Code() health.Code { return kinds[e.Kind].code }

// fault turns the error of an operation on the spool into an Error.
func (s *Spool) fault(doing string, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	kind := s.kindOf(err)
	if p, ok := err.(*fs.PathError); ok { // doing names operation and file already
		err = p.Err
	}
	return &Error{Kind: kind, Doing: doing, Err: err}
}

// fullMargin is the free space in bytes that a full disk may still report.
const fullMargin = 4 << 20

func (s *Spool) kindOf(err error) Kind {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		// A stick that was pulled gives this error too, but still reports free space.
		free, _, err := s.fs.Space()
		if errors.Is(err, errors.ErrUnsupported) || err == nil && free <= fullMargin {
			return Full
		}
		return Failed
	}
	return kindOf(err)
}

func kindOf(err error) Kind {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case is(syscall.EROFS):
		return ReadOnly
	case is(fs.ErrNotExist):
		return Missing
	case is(fs.ErrPermission):
		return NotAllowed
	case is(syscall.ENODEV, syscall.ENXIO, syscall.ESTALE):
		return Gone
	case is(syscall.ENOTDIR):
		return NotFolder
	}
	return Failed
}
