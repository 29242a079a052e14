//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/spool"
	"tacet/daemon/topic"
)

// Spool is the part of [*spool.Spool] that the followers use.
type Spool interface {
	List() ([]spool.Entry, error)
	Read(name string) (durable.File, error)
	Synced(name string) (size int64, live bool, err error)
	Remove(name string) error
}

// Log is the part of the unit's ledger that is about copies. An entry is on disk when its method
// returns nil.
type Log interface {
	// History calls visit with what was done with recordings, oldest first. store may be empty. at
	// is zero if the clock was not set then, or that is unknown.
	History(visit func(what Deed, id, store string, at time.Time)) error
	Copied(id, store string) error
	Released(id string) error
	// Expired records that an old copy is removed from a store. It is called before the removal.
	Expired(id, store string) error
}

// Place is a configured store.
type Place struct {
	Name string
	Kind Kind
	// Keep is the age at which copies are removed if another store holds them too; 0 means never.
	// The age counts from the recording's start if the unit's clock was set then, otherwise from
	// the first ledger entry of a copy made while the clock was set. If neither is known the copy
	// stays.
	Keep time.Duration
}

// Settings configure a Set.
type Settings struct {
	Spool   Spool
	Log     *slog.Logger
	Ledger  Log
	Places  []Place
	Release Release
	// ClockSet reports whether the clock can be trusted for the age of recordings. It must not
	// block.
	ClockSet func() bool
	// Copied and Released are called after the ledger's entry, from the followers' goroutines.
	Copied   func(id, store string)
	Released func(id string)
	// Conflict is called for a copy that doesn't have the recording's own name.
	Conflict func(store, why string)
	// Changed is called when the results of Stores or Pending may have changed. It must not block.
	Changed func()
}

// Set is the stores of a unit. Any goroutine may use it.
type Set struct {
	Settings
	index     *index
	followers []*follower
	stopped   atomic.Bool  // nothing more is entered in the ledger
	discarded atomic.Int64 // number of discarded recordings
	expiring  sync.Mutex   // serialises expiry, from reading the holders to the ledger entry
}

// A logError is a failure of the ledger.
type logError struct{ err error }

func (e *logError) Error() string { return e.err.Error() }
func (e *logError) Unwrap() error { return e.err }

// NewSet reads what is in the spool, after its Recover, and what the ledger says about it. It
// writes and starts nothing.
func NewSet(s Settings) (*Set, error) {
	set := &Set{Settings: s, index: newIndex(len(s.Places))}
	for i, p := range s.Places {
		set.followers = append(set.followers, &follower{
			set: set, index: i, place: p, wake: make(chan struct{}, 1), again: make(chan struct{}, 1),
			skipUntil: map[string]time.Time{}, logged: map[string]bool{},
			standing: standing{changed: s.Changed},
		})
	}
	past, err := set.history()
	if err != nil {
		return nil, err
	}
	for _, p := range past {
		if p.dropped {
			set.discarded.Add(1)
		}
	}
	entries, err := s.Spool.List()
	if err != nil && !errors.Is(err, durable.ErrTooMany) {
		return nil, err
	}
	for _, e := range entries {
		held, d := past[e.ID].served(), notDated
		waits := len(s.Places) > 0 && (held == nil || slices.Contains(held, false))
		if !waits || set.clockSynced(e.Name) { // if no store waits for it, its age doesn't matter
			d = dated
		}
		set.index.put(e.Name, e.Live, e.Finished, held, d)
	}
	return set, nil
}

// stopWait is how long Run waits at its end for followers whose store doesn't answer.
const stopWait = 3 * time.Second

// Run copies recordings until ctx ends. It doesn't wait long for a follower that hangs: that can do
// no more than append to a copy what belongs there.
func (s *Set) Run(ctx context.Context) {
	s.settle()
	var all sync.WaitGroup
	for _, f := range s.followers {
		all.Go(func() { f.run(ctx) })
	}
	done := make(chan struct{})
	go func() { defer close(done); all.Wait() }()
	<-ctx.Done()
	s.stopped.Store(true)
	timer := time.NewTimer(stopWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.Log.Warn("a store does not answer; stopping without it")
	}
}

// settle finishes what the last stop interrupted: releases, and their ledger entries.
func (s *Set) settle() {
	all, err := s.history()
	if err != nil {
		s.Log.Error("reading the ledger for what was released", "err", err)
		return
	}
	there := s.index.ids()
	for id, p := range all {
		if !there[id] && !p.released && s.Release.met(p.had) {
			if err := s.Ledger.Released(id); err != nil {
				s.Log.Error("noting a release", "recording", id, "err", err)
				return
			}
		}
	}
	for _, name := range s.index.releasable(s.Release) {
		if err := s.release(name); err != nil {
			s.Log.Error("releasing a recording", "file", name, "err", err)
		}
	}
}

// Began reports that a recording is live. It never blocks.
func (s *Set) Began(name string) { s.put(name, true, false) }

// Ended reports that a recording is no longer live. finished says that it has its end, and all of
// it is on disk. It never blocks.
func (s *Set) Ended(name string, finished bool) { s.put(name, false, finished) }

// Gone reports that a recording was discarded: it was removed from the spool, and the ledger says
// so. Its copies are removed too. It never blocks.
func (s *Set) Gone(name string) {
	s.index.drop(name)
	s.discarded.Add(1)
	s.notify()
}

func (s *Set) put(name string, live, finished bool) {
	s.index.put(name, live, finished, nil, cameNow)
	s.notify()
}

// Again makes followers try at once the stores that could not be used, because the reason may be
// gone. It never blocks.
func (s *Set) Again() {
	for _, f := range s.followers {
		select {
		case f.again <- struct{}{}:
		default:
		}
	}
}

// notify wakes the followers, and calls Changed.
func (s *Set) notify() {
	s.Changed()
	for _, f := range s.followers {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// Stores returns the status of each store, in the configuration's order.
func (s *Set) Stores() []Status {
	now, clockSet := time.Now(), s.ClockSet()
	all := make([]Status, len(s.followers))
	for i, f := range s.followers {
		all[i] = Status{Name: f.place.Name, State: topic.StoreOK, Trouble: f.now(now)}
		if t := all[i].Trouble; t != nil {
			all[i].State = t.State()
		}
		all[i].Pending, all[i].Oldest = s.index.pending(i, clockSet)
	}
	return all
}

// Pending returns how many recordings are still to be copied to one store or more, and since when
// the oldest has waited.
func (s *Set) Pending() (n int, oldest Since) { return s.index.pendingAnywhere(s.ClockSet()) }

// holds records that a store holds a recording, and releases the spool's copy if it waited for no
// other.
func (s *Set) holds(f *follower, name string) error {
	e, known := s.index.get(name)
	if !known {
		return nil
	}
	if s.stopped.Load() {
		return context.Canceled
	}
	if err := s.Ledger.Copied(e.id, f.place.Name); err != nil {
		return &logError{err}
	}
	f.well()
	s.Log.Info("copied", "recording", e.id, "store", f.place.Name)
	s.Copied(e.id, f.place.Name)
	leave := s.index.hold(name, f.index, s.Release)
	s.Changed()
	if !leave {
		return nil
	}
	if err := s.release(name); err != nil {
		s.Log.Error("releasing a recording", "file", name, "err", err)
	}
	return nil
}

// release removes the spool's copy of a recording. If it fails, the next start tries again.
func (s *Set) release(name string) error {
	e, known := s.index.get(name)
	if !known {
		return nil
	}
	err := s.Spool.Remove(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.index.cancelRelease(name)
		return err
	}
	s.index.drop(name)
	if err := s.Ledger.Released(e.id); err != nil {
		return fmt.Errorf("note the release of %s: %w", e.id, err)
	}
	s.Log.Info("released", "recording", e.id)
	s.Released(e.id)
	return nil
}

func (s *Set) conflict(store, why string) {
	s.Log.Warn("a copy has another name than its recording", "store", store, "why", why)
	s.Conflict(store, why)
}
