//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

const (
	// A recording that could not be recovered is tried again after againFirst, and then ever more
	// rarely. Each try reads all of it.
	againFirst = 5 * time.Second
	againMost  = time.Hour
	// mostWritten is how often the recovered bytes of one recording are written in vain before the
	// unit starts anew. What fails so often, on a disk that has room and takes a probe, is mended
	// by no further try, and a card wears out with what is written to it.
	mostWritten = 8
)

// failure is what Recover remembers of a recording that it could not recover. Recover and Due alone
// use it.
type failure struct {
	err     error
	wait    time.Duration
	next    time.Time
	written int // how often recovered bytes were written for it, in vain
}

// Due reports whether it is time for Recover to try one again that it could not recover.
func (s *Spool) Due() bool {
	for _, f := range s.failed {
		if !time.Now().Before(f.next) {
			return true
		}
	}
	return false
}

// waits reports whether a recording's time for another try has not come, and why the last one
// failed.
func (s *Spool) waits(name string) (error, bool) {
	f := s.failed[name]
	if f == nil || !time.Now().Before(f.next) {
		return nil, false
	}
	return f.err, true
}

// tried remembers how a try ended.
func (s *Spool) tried(name string, wrote bool, err error) {
	if err == nil {
		delete(s.failed, name)
		return
	}
	f := s.failed[name]
	if f == nil {
		f = &failure{wait: againFirst / 2}
		s.failed[name] = f
	}
	if wrote {
		f.written++
	}
	f.err, f.wait = err, min(2*f.wait, againMost)
	f.next = time.Now().Add(f.wait)
}

// forget drops what is remembered of recordings that have gone.
func (s *Spool) forget(there []fs.DirEntry) {
	for name := range s.failed {
		if !slices.ContainsFunc(there, func(e fs.DirEntry) bool { return e.Name() == name }) {
			delete(s.failed, name)
		}
	}
}

// rehearse tells, without writing more than a probe, whether there is a point in trying a recording
// again that could not be recovered.
func (s *Spool) rehearse(r Recovered, unit note.Signer, boot string) error {
	f := s.failed[r.Name]
	if f == nil {
		return nil
	}
	old, err := s.fs.Open(r.Name)
	if err != nil {
		return err
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if f.written >= mostWritten {
		return f.err
	}
	made, err := recording.Recover(old, size, io.Discard, unit, boot)
	aside := made.Beyond
	if errors.Is(err, recording.ErrNoHead) {
		if aside, err = hasSegments(old, size); err == nil && !aside {
			return nil // it goes, which takes no room
		}
	}
	if err != nil {
		return err
	}
	needed := size + endRoom
	if aside {
		there, err := s.mayKeepAside(r.Name)
		if err != nil {
			return err
		}
		if !there {
			needed += size
		}
	}
	if free, _, err := s.fs.Space(); err != nil {
		return err
	} else if free < needed {
		return &Error{Kind: Full, Doing: "recover " + r.Name + " in",
			Err: fmt.Errorf("it takes %d KB, and %d KB are free", needed>>10, free>>10)}
	}
	return s.Probe()
}

// endRoom is more than the end of a recording takes.
const endRoom = 64 << 10

// mayKeepAside reports whether a file's old bytes lie aside already; it fails where no more can be
// kept.
func (s *Spool) mayKeepAside(name string) (there bool, err error) {
	names, err := s.fs.ReadDir(".")
	if err != nil && !errors.Is(err, durable.ErrTooMany) {
		return false, err
	}
	kept := 0
	for _, n := range names {
		if n.Name() == name+damagedSuffix {
			return true, nil
		}
		if strings.HasSuffix(n.Name(), damagedSuffix) {
			kept++
		}
	}
	if kept >= maxDamaged {
		return false, fmt.Errorf("%d damaged files are kept already: copy the %s files elsewhere and remove them", kept,
			damagedSuffix)
	}
	return false, nil
}
