//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"time"
)

const (
	// firstPause and longestPause are how long a follower waits after it failed: doubled each time,
	// and never quite the same.
	firstPause   = 2 * time.Second
	longestPause = 5 * time.Minute
	// lookEvery is how often a place is looked for where there is nothing to bring.
	lookEvery = 10 * time.Minute
	// passOver is for how long a recording is left alone that the spool could not read.
	passOver = 10 * time.Minute
)

// follower brings recordings to one place. All but wake and the standing is its own goroutine's.
type follower struct {
	set   *Set
	index int // of its store
	place Place
	wake  chan struct{}
	again chan struct{} // the place may be usable now
	standing

	pause   time.Duration        // zero: the last visit went well
	newest  bool                 // which end of the queue is next
	passed  map[string]time.Time // recordings that the spool could not read, and until when they are left alone
	failed  map[string]bool      // files on the medium that a write or sync failed in
	fixed   map[string]bool      // files on the medium whose place no other can take
	medium  string               // the medium that failed and fixed hold of
	said    map[string]bool      // limits of places that were written down
	sweptAt time.Time            // when the place was last looked over for old copies
	cleared int64                // drops after which the medium was cleared of what came to nothing
	blamed  int64                // drops after which it was said that this fails
	sweptTo string               // the name that a looking-over came to that is not done; empty: none is under way
}

// run follows until ctx ends.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.visit(ctx)
		if ctx.Err() != nil {
			return
		}
		f.idle()
		if err != nil {
			f.pause = min(max(2*f.pause, firstPause), longestPause)
			if f.fail(err) {
				f.set.Log.Warn("a store fails", "store", f.place.Name, "err", brief(err))
			}
			f.rest(ctx, jitter(f.pause), false)
		} else {
			f.pause = 0
			f.well()
			f.rest(ctx, f.look(), true)
		}
	}
}

// look is how long to wait after all went well: until the place is due to be looked for, or a
// recording that was passed over is to be tried again.
func (f *follower) look() time.Duration {
	d := jitter(lookEvery)
	for _, until := range f.passed {
		d = min(d, time.Until(until))
	}
	return d
}

// jitter is d, up to a quarter more or less: units that lost a server together don't come back
// together.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d)/2+1))
}

// rest waits until it is time, or something changed at the place; and, after all went well, for
// something new.
func (f *follower) rest(ctx context.Context, d time.Duration, well bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	wake := f.wake
	if !well {
		wake = nil
	}
	select {
	case <-timer.C:
	case <-wake:
	case <-f.place.Kind.Changed():
		f.pause = 0
	case <-f.again:
		f.pause = 0
	case <-ctx.Done():
	}
}

// visit opens the place, brings there what there is to bring, and stays as long as a recording
// runs.
func (f *follower) visit(ctx context.Context) error {
	f.busy()
	m, err := f.place.Kind.Open(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, m.Abort)
	defer stop()
	defer m.Close()
	return f.use(ctx, m)
}

// use brings to a place that was reached what there is to bring.
func (f *follower) use(ctx context.Context, m Medium) error {
	if id := m.ID(); id != f.medium || f.failed == nil {
		f.medium, f.failed, f.fixed, f.cleared = id, map[string]bool{}, map[string]bool{}, 0
	}
	defer f.limits(m)
	err := m.Check(nil)
	if err == nil {
		f.reached()
		switch m := m.(type) {
		case Folder:
			err = f.fill(ctx, m)
		case Bucket:
			err = f.send(ctx, m)
		default:
			err = fmt.Errorf("a place of unknown kind %T", m)
		}
	}
	if err == nil || ctx.Err() != nil || errors.As(err, new(*originalError)) || errors.As(err, new(*logError)) {
		return err
	}
	f.busy()
	if cause := m.Check(err); cause != nil {
		return cause
	}
	return err
}

// maxSaid bounds what is remembered of limits.
const maxSaid = 20

// limits writes down, once, what a place can't do.
func (f *follower) limits(m Medium) {
	limited, ok := m.(Limited)
	if !ok {
		return
	}
	for _, limit := range limited.Limits() {
		if !f.said[limit] && len(f.said) < maxSaid {
			f.said[limit] = true
			f.set.Log.Warn("a store can't do everything", "store", f.place.Name, "limit", limit)
		}
	}
}

// send brings finished recordings into a bucket until there are none.
func (f *follower) send(ctx context.Context, b Bucket) error {
	for ctx.Err() == nil {
		name := f.pick()
		if name == "" {
			return nil
		}
		from, size, err := f.open(name)
		if err != nil {
			if !f.pass(name, err) {
				return err
			}
			continue
		}
		beside, err := putWhole(ctx, b, from, size, name, f.busy)
		from.file.Close()
		if err != nil && f.pass(name, err) {
			continue
		}
		if err == nil {
			err = f.holds(name, beside)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// pick is the next recording to bring: from the newest end and from the oldest in turn, so that
// today's are safe soon and none waits for ever.
func (f *follower) pick() string {
	f.newest = !f.newest
	now := time.Now()
	maps.DeleteFunc(f.passed, func(_ string, until time.Time) bool { return !now.Before(until) })
	return f.set.index.next(f.index, f.newest, func(name string) bool {
		_, passed := f.passed[name]
		return passed
	})
}

// open opens a recording in the spool, and says how much of it may be copied.
func (f *follower) open(name string) (*original, int64, error) {
	size, _, err := f.set.Spool.Synced(name)
	if err != nil {
		return nil, 0, &originalError{err}
	}
	file, err := f.set.Spool.Read(name)
	if err != nil {
		return nil, 0, &originalError{err}
	}
	return &original{file: file, name: name}, size, nil
}

// pass deals with a recording that the spool has lost, or can't read just now: the others go on.
// All other errors are the store's.
func (f *follower) pass(name string, err error) bool {
	if !errors.As(err, new(*originalError)) {
		return false
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.set.index.drop(name)
		f.set.Log.Warn("a recording has gone from the spool before it was copied", "store", f.place.Name, "file", name)
		return true
	}
	f.set.Log.Error("a recording can't be read to copy it", "store", f.place.Name, "file", name, "err", err)
	if len(f.passed) < maxPassed {
		f.passed[name] = time.Now().Add(passOver)
		return true
	}
	return false
}

// maxPassed bounds what is remembered of recordings that can't be read; with more the visit ends.
const maxPassed = 1000

// holds notes that the place holds a recording: it was read back there, and is the same.
func (f *follower) holds(name, beside string) error {
	if beside != "" {
		f.set.conflict(f.place.Name, beside)
	}
	return f.set.holds(f, name)
}
