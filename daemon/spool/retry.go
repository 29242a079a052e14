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
	// gives up until its next start, even if each time the reason seemed to be gone.
	maxWrites = 8
)

// failure is what Recover remembers of a recording that it could not recover. Only Recover and Due
// use it.
type failure struct {
	err     error
	wait    time.Duration
	next    time.Time
	written int // number of tries that wrote recovered bytes
	// seen: since the last write, a check has found a reason for which it failed. Only when that is
	// gone is it worth writing the same bytes again, which wears out the card.
	seen bool
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
		f.seen = s.explains(err)
	}
	f.err, f.wait = err, min(2*f.wait, retryMax)
	f.next = time.Now().Add(f.wait)
}

// explains reports whether the reason why a write has failed shows outside of that write, so that it
// can be seen to be gone: there is no room, enough damaged files are kept, or the disk fails a probe.
func (s *Spool) explains(err error) bool {
	full := (*Error)(nil)
	return errors.As(err, &full) && full.Kind == Full || errors.Is(err, errManyDamaged) || s.Probe() != nil
}

// forget drops the failures of recordings that are gone.
func (s *Spool) forget(there []fs.DirEntry) {
	for name := range s.failed {
		if !slices.ContainsFunc(there, func(e fs.DirEntry) bool { return e.Name() == name }) {
			delete(s.failed, name)
		}
	}
}

// checkRetry returns nil if it makes sense to try a failed recording again: nothing stands against
// it and, if its bytes were written before, something did since. It writes no more than a probe.
func (s *Spool) checkRetry(r Recovered, unit note.Signer, boot string) error {
	f := s.failed[r.Name]
	if f == nil {
		return nil
	}
	if f.written >= maxWrites {
		return f.err
	}
	if err := s.obstacle(r.Name, unit, boot); err != nil {
		f.seen = true
		return err
	}
	if f.written > 0 && !f.seen {
		return f.err
	}
	return nil
}

// obstacle returns why a recording can't be recovered now, as far as that shows without writing it.
func (s *Spool) obstacle(name string, unit note.Signer, boot string) error {
	old, err := s.fs.Open(name)
	if err != nil {
		return err
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
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
		there, err := s.mayKeepAside(name)
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
		return &Error{Kind: Full, Doing: "recover " + name + " in",
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
		return false, fmt.Errorf("%d %w: copy the %s files elsewhere and remove them", kept, errManyDamaged, damagedSuffix)
	}
	return false, nil
}

var errManyDamaged = errors.New("damaged files are kept already")
