//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"syscall"

	"tacet/daemon/health"
)

// Kind is what is the matter with a spool.
type Kind uint8

const (
	Failed     Kind = iota // the disk gave an error
	Missing                // there is no such folder
	NotFolder              // it is something else
	NotAllowed             // the service's user may not write there
	ReadOnly               // the disk can't be written
	Full                   // no room
	Gone                   // the disk is not there any more, or another lies over it
	InUse                  // another process has it
)

var kinds = [...]struct {
	code health.Code
	hint string
}{
	Failed: {health.SpoolError, "look at the kernel's log (journalctl -k), and change the disk if it fails"},
	Missing: {health.SpoolMissing,
		"mount the disk, or make the folder for the service's user; the unit never makes it"},
	NotFolder:  {health.SpoolMissing, "[spool] path must be a folder"},
	NotAllowed: {health.SpoolReadOnly, "give the folder to the service's user, with mode 0700"},
	ReadOnly: {health.SpoolReadOnly,
		"find out why the disk is mounted read-only: after an error it needs fsck, or goes"},
	Full:  {health.SpoolFull, "make room: let the stores take the recordings, or put in a larger disk"},
	Gone:  {health.SpoolMissing, "plug the disk in, mount it, and restart the unit"},
	InUse: {health.SpoolError, "stop the other one; there can be one daemon for a spool"},
}

// Error is a spool that can't be used, and what to do.
type Error struct {
	Kind  Kind
	Doing string // "list", "append to … in"
	Path  string // where it is known
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

// Hint is what to do.
func (e *Error) Hint() string { return kinds[e.Kind].hint }

// Code is the warning that goes with it.
func (e *Error) Code() health.Code { return kinds[e.Kind].code }

// fault makes an Error of one that an operation on the spool returned.
func (s *Spool) fault(doing string, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	kind := s.kindOf(err)
	if p, ok := err.(*fs.PathError); ok { // what was being done to which file is said already
		err = p.Err
	}
	return &Error{Kind: kind, Doing: doing, Err: err}
}

// almostNothing is as little room as a full disk may claim to have.
const almostNothing = 4 << 20

func (s *Spool) kindOf(err error) Kind {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		// A stick that was pulled says so too, and still claims to have room.
		free, _, err := s.fs.Space()
		if errors.Is(err, errors.ErrUnsupported) || err == nil && free <= almostNothing {
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
