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
	// A recording that could not be recovered is tried again after retryMin, then at growing
	// intervals. Each try reads all of it.
	retryMin = 5 * time.Second
	retryMax = time.Hour
	// maxWrites is how often recovered bytes of one recording are written in vain before the unit
	// gives up until its next start. On a disk that has room and passes a probe, more tries help
	// nothing, and each wears out the card.
	maxWrites = 8
)

// failure is what Recover remembers of a recording that it could not recover. Only Recover and Due
// use it.
type failure struct {
	err     error
	wait    time.Duration
	next    time.Time
	written int // number of tries that wrote recovered bytes
}

// Due reports whether Recover should be called to try a recording again.
func (s *Spool) Due() bool {
	for _, f := range s.failed {
		if !time.Now().Before(f.next) {
			return true
		}
	}
	return false
}

// waiting reports whether it is too early to try a recording again, and the error of the last try.
func (s *Spool) waiting(name string) (bool, error) {
	f := s.failed[name]
	if f == nil || !time.Now().Before(f.next) {
		return false, nil
	}
	return true, f.err
}

// recordTry records the result of a try.
func (s *Spool) recordTry(name string, wrote bool, err error) {
	if err == nil {
		delete(s.failed, name)
		return
	}
	f := s.failed[name]
	if f == nil {
		f = &failure{wait: retryMin / 2}
		s.failed[name] = f
	}
	if wrote {
		f.written++
	}
	f.err, f.wait = err, min(2*f.wait, retryMax)
	f.next = time.Now().Add(f.wait)
}

// forget drops the failures of recordings that are gone.
func (s *Spool) forget(there []fs.DirEntry) {
	for name := range s.failed {
		if !slices.ContainsFunc(there, func(e fs.DirEntry) bool { return e.Name() == name }) {
			delete(s.failed, name)
		}
	}
}

// checkRetry returns nil if it makes sense to try a failed recording again. It writes no more than a
// probe.
func (s *Spool) checkRetry(r Recovered, unit note.Signer, boot string) error {
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
	if f.written >= maxWrites {
		return f.err
	}
	recovered, err := recording.Recover(old, size, io.Discard, unit, boot)
	aside := recovered.Beyond
	if errors.Is(err, recording.ErrNoHead) {
		if aside, err = recording.HasSegment(old, size); err == nil && !aside {
			return nil // it will be removed, which takes no space
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
			Err: fmt.Errorf("it needs %d KB, and %d KB are free", needed>>10, free>>10)}
	}
	return s.Probe()
}

// endRoom is more bytes than the end of a recording takes.
const endRoom = 64 << 10

// mayKeepAside reports whether a file's old bytes have already been kept. It fails if no more can be
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
