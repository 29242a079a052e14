//go:build unix

package store

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// hangTime is how long an operation may make no progress before the store is reported as hung.
const hangTime = 30 * time.Second

// Status is the status of one store.
type Status struct {
	Name  string
	State topic.Store
	// Trouble is why it gets no recordings; nil if there is no reason.
	Trouble *Trouble
	// Pending is the number of recordings still to be copied, Oldest since when the oldest has
	// waited.
	Pending int
	Oldest  Since
}

// standing is a follower's status. The follower's goroutine writes it; any may read.
type standing struct {
	changed func() // called after each change

	mu      sync.Mutex // guards all below
	since   time.Time  // of the last progress of an operation; zero: there is none
	trouble *Trouble
}

// busy records that an operation starts or makes progress.
func (s *standing) busy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Now()
}

// idle records that no operation is in progress.
func (s *standing) idle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Time{}
}

// reached records that the store could be opened, which ends some troubles.
func (s *standing) reached() {
	s.mu.Lock()
	t := s.trouble
	s.mu.Unlock()
	if t == nil {
		return
	}
	switch t.Code {
	case health.StoreMissing, health.StoreForeign, health.StoreDenied, health.StoreHostKey:
		s.setTrouble(nil)
	}
}

// well records that something reached the medium, or that there was nothing to copy.
func (s *standing) well() { s.setTrouble(nil) }

// fail records the error that ended a visit, and reports whether it is new. A failure of the unit's
// own disk is no trouble of the store.
func (s *standing) fail(err error) (fresh bool) {
	if errors.As(err, new(*sourceError)) || errors.As(err, new(*logError)) {
		return true
	}
	return s.setTrouble(troubleOf(err))
}

func (s *standing) setTrouble(t *Trouble) (fresh bool) {
	s.mu.Lock()
	before := s.trouble
	s.trouble = t
	s.mu.Unlock()
	if before == t || before != nil && t != nil && before.Code == t.Code && before.Error() == t.Error() {
		return false
	}
	s.changed()
	return t != nil && (before == nil || before.Code != t.Code)
}

// now returns the trouble at a time: also that of a store that doesn't answer.
func (s *standing) now(now time.Time) *Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.since.IsZero() && now.Sub(s.since) >= hangTime {
		return &Trouble{health.StoreHung, fmt.Errorf("no answer since %s", s.since.UTC().Format(time.RFC3339))}
	}
	return s.trouble
}
