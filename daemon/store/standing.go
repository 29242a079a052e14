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

// hungAfter is how long an operation at a place may take without any progress before it is said.
const hungAfter = 30 * time.Second

// Status is how one store stands.
type Status struct {
	Name  string
	State topic.Store
	// Trouble is what keeps recordings from it; nil where nothing does.
	Trouble *Trouble
	// Pending is how many recordings it still has to get, and Oldest since when the first of them
	// has waited.
	Pending int
	Oldest  Since
}

// standing is how a follower fares. Its goroutine writes it, anybody may read.
type standing struct {
	changed func() // told of every change

	mu      sync.Mutex // guards all below
	since   time.Time  // of the last progress of what is going on; zero: nothing is
	trouble *Trouble
}

// busy says that something begins, or goes on.
func (s *standing) busy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Now()
}

// idle says that nothing is going on.
func (s *standing) idle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Time{}
}

// reached says that the place is there and lets itself be used, as far as can be told without.
func (s *standing) reached() {
	s.mu.Lock()
	t := s.trouble
	s.mu.Unlock()
	if t == nil {
		return
	}
	switch t.Code {
	case health.StoreMissing, health.StoreForeign, health.StoreDenied, health.StoreHostKey:
		s.become(nil)
	}
}

// well says that something reached the medium, or that there was nothing to bring.
func (s *standing) well() { s.become(nil) }

// fail takes note of what ended a visit, and reports whether that is new. What the unit's own disk
// did is no trouble of the store's.
func (s *standing) fail(err error) (fresh bool) {
	if errors.As(err, new(*originalError)) || errors.As(err, new(*logError)) {
		return true
	}
	return s.become(troubleOf(err))
}

func (s *standing) become(t *Trouble) (fresh bool) {
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

// now is the standing at a time: a place that doesn't answer is in trouble too.
func (s *standing) now(now time.Time) *Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.since.IsZero() && now.Sub(s.since) >= hungAfter {
		return &Trouble{health.StoreHung, fmt.Errorf("no answer since %s", s.since.UTC().Format(time.RFC3339))}
	}
	return s.trouble
}
