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

// Spool is what the followers read from; a [*spool.Spool].
type Spool interface {
	List() ([]spool.Entry, error)
	Read(name string) (durable.File, error)
	Synced(name string) (size int64, live bool, err error)
	Remove(name string) error
}

// Log is the unit's ledger, as far as copies go. What it returned nil for is on the disk.
type Log interface {
	// History tells what happened to recordings, oldest first. The store is empty where it was
	// none. at is when, and zero where the clock was not set then, or nobody knows whether it was.
	History(tell func(what Deed, id, store string, at time.Time)) error
	Copied(id, store string) error
	Released(id string) error
	// Expired: a copy is removed from a store, which has kept it as long as it should. It is
	// written before that is done.
	Expired(id, store string) error
}

// Place is a configured store.
type Place struct {
	Name string
	Kind Kind
	// Keep is how old copies become there, if another store holds them too; 0: they stay for ever.
	// The age counts from the recording's start if the unit's clock was set then, else from when a
	// copy of it was noted while the clock was set; a recording of which neither is known stays.
	Keep time.Duration
}

// Settings are what a Set works with.
type Settings struct {
	Spool   Spool
	Log     *slog.Logger
	Ledger  Log
	Places  []Place
	Release Release
	// ClockSet reports whether the clock may be trusted to say how old a recording is. It must not
	// block.
	ClockSet func() bool
	// Copied and Released are told of what was done, from the followers' goroutines.
	Copied   func(id, store string)
	Released func(id string)
	// Conflict is told of a copy that does not have the recording's own name, and why.
	Conflict func(store, why string)
	// Changed is called when Stores or Pending may say something new. It must not block.
	Changed func()
}

// Set is all the stores of a unit. Any goroutine may use it.
type Set struct {
	Settings
	index     *index
	followers []*follower
	over      atomic.Bool  // nothing is written down any more
	drops     atomic.Int64 // recordings that came to nothing
	expiring  sync.Mutex   // held from reading who holds a copy until it is written down that one store does no more
}

// A logError is a failure of the ledger's.
type logError struct{ err error }

func (e *logError) Error() string { return e.err.Error() }
func (e *logError) Unwrap() error { return e.err }

// NewSet looks at what is in the spool, after its Recover, and at what the ledger says of it. It
// writes nothing, and starts nothing.
func NewSet(s Settings) (*Set, error) {
	set := &Set{Settings: s, index: newIndex(len(s.Places))}
	for i, p := range s.Places {
		set.followers = append(set.followers, &follower{
			set: set, index: i, place: p, wake: make(chan struct{}, 1), again: make(chan struct{}, 1),
			passed: map[string]time.Time{}, said: map[string]bool{},
			standing: standing{changed: s.Changed},
		})
	}
	past, err := set.history()
	if err != nil {
		return nil, err
	}
	for _, p := range past {
		if p.dropped {
			set.drops.Add(1)
		}
	}
	entries, err := s.Spool.List()
	if err != nil && !errors.Is(err, durable.ErrTooMany) {
		return nil, err
	}
	for _, e := range entries {
		held, d := past[e.ID].served(), notDated
		waits := len(s.Places) > 0 && (held == nil || slices.Contains(held, false))
		if !waits || set.clockSynced(e.Name) { // where no store waits for it, its age makes no difference
			d = dated
		}
		set.index.put(e.Name, e.Live, e.Finished, held, d)
	}
	return set, nil
}

// stuckWait is how long an end waits for followers whose place does not answer.
const stuckWait = 3 * time.Second

// Run follows until ctx ends. A follower that hangs in an operation is not waited for longer than a
// few seconds: what it might still do is append to a copy what belongs there.
func (s *Set) Run(ctx context.Context) {
	s.settle()
	var all sync.WaitGroup
	for _, f := range s.followers {
		all.Go(func() { f.run(ctx) })
	}
	done := make(chan struct{})
	go func() { defer close(done); all.Wait() }()
	<-ctx.Done()
	s.over.Store(true)
	timer := time.NewTimer(stuckWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.Log.Warn("a store does not answer, and is left behind")
	}
}

// settle does what an end came between: recordings that may go, and releases that were not written
// down.
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
	for _, name := range s.index.leaving(s.Release) {
		if err := s.release(name); err != nil {
			s.Log.Error("releasing a recording", "file", name, "err", err)
		}
	}
}

// Began says that a recording is being written. It never blocks.
func (s *Set) Began(name string) { s.put(name, true, false) }

// Ended says that a recording has its end and is on the disk; or, if not finished, that nobody
// writes it any more. It never blocks.
func (s *Set) Ended(name string, finished bool) { s.put(name, false, finished) }

// Gone says that a recording was removed from the spool, since it came to nothing, and that the
// ledger says so. What had been copied of it goes too. It never blocks.
func (s *Set) Gone(name string) {
	s.index.drop(name)
	s.drops.Add(1)
	s.tell()
}

func (s *Set) put(name string, live, finished bool) {
	s.index.put(name, live, finished, nil, cameNow)
	s.tell()
}

// Again has the places looked for at once that could not be used: what kept them from it may have
// gone. It never blocks.
func (s *Set) Again() {
	for _, f := range s.followers {
		select {
		case f.again <- struct{}{}:
		default:
		}
	}
}

// tell says that there is something new.
func (s *Set) tell() {
	s.Changed()
	for _, f := range s.followers {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// Stores says how each store stands, in the configuration's order.
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

// Pending is how many recordings some store still has to get, and since when the oldest of them has
// waited.
func (s *Set) Pending() (n int, oldest Since) { return s.index.pendingAnywhere(s.ClockSet()) }

// holds writes down that a store holds a recording, and releases the spool's copy if that was the
// last it waited for.
func (s *Set) holds(f *follower, name string) error {
	e, known := s.index.get(name)
	if !known {
		return nil
	}
	if s.over.Load() {
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

// release removes the spool's copy of a recording. What fails is tried again at the next start.
func (s *Set) release(name string) error {
	e, known := s.index.get(name)
	if !known {
		return nil
	}
	err := s.Spool.Remove(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.index.stay(name)
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
