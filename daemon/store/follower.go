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
	// minPause and maxPause limit how long a follower waits after a failure. The pause doubles each
	// time, with jitter.
	minPause = 2 * time.Second
	maxPause = 5 * time.Minute
	// lookEvery is how often a store is opened if there is nothing to copy.
	lookEvery = 10 * time.Minute
	// skipFor is how long a recording is skipped that the spool could not read.
	skipFor = 10 * time.Minute
)

// follower copies recordings to one store. Its own goroutine uses it; any may use wake, again and
// standing.
type follower struct {
	set   *Set
	index int // of its store
	place Place
	wake  chan struct{} // there is something new to copy
	again chan struct{} // the store may be usable now
	standing

	pause       time.Duration        // zero: the last visit went well
	newest      bool                 // which end of the queue is next
	skipUntil   map[string]time.Time // recordings that the spool could not read
	failed      map[string]bool      // files on the medium that could not be written or synced
	cantReplace map[string]bool      // files on the medium that could not be replaced
	medium      string               // the ID of the medium that failed and cantReplace are about
	logged      map[string]bool      // limits of media that were logged
	sweptAt     time.Time            // when old copies were last removed
	sweepFrom   string               // the name at which an unfinished sweep stopped
	cleared     int64                // value of Set.discarded when discarded recordings were last removed
	loggedAt    int64                // value of Set.discarded when a failure to do so was last logged
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
			f.pause = min(max(2*f.pause, minPause), maxPause)
			if f.fail(err) {
				f.set.Log.Warn("a store fails", "store", f.place.Name, "err", shorten(err))
			}
			f.rest(ctx, jitter(f.pause), false)
		} else {
			f.pause = 0
			f.well()
			f.rest(ctx, f.look(), true)
		}
	}
}

// look returns how long to wait after a visit that went well: until the store should be opened
// again, or a skipped recording tried again.
func (f *follower) look() time.Duration {
	d := jitter(lookEvery)
	for _, until := range f.skipUntil {
		d = min(d, time.Until(until))
	}
	return d
}

// jitter returns d plus or minus up to a quarter, so that units that lost a server together don't
// come back together.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d)/2+1))
}

// rest waits for d, or until something changes at the store. After a visit that went well it also
// waits for something new.
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

// visit opens the store, copies what there is to copy, and stays while a recording is live.
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

// use copies what there is to copy to an open medium.
func (f *follower) use(ctx context.Context, m Medium) error {
	if id := m.ID(); id != f.medium || f.failed == nil {
		f.medium, f.failed, f.cantReplace, f.cleared = id, map[string]bool{}, map[string]bool{}, 0
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
			err = fmt.Errorf("a medium of unknown kind %T", m)
		}
	}
	if err == nil || ctx.Err() != nil || errors.As(err, new(*sourceError)) || errors.As(err, new(*logError)) {
		return err
	}
	f.busy()
	if cause := m.Check(err); cause != nil {
		return cause
	}
	return err
}

// maxLimits limits how many limits are remembered.
const maxLimits = 20

// limits logs what a medium can't do, each limit once.
func (f *follower) limits(m Medium) {
	limited, ok := m.(Limited)
	if !ok {
		return
	}
	for _, limit := range limited.Limits() {
		if !f.logged[limit] && len(f.logged) < maxLimits {
			f.logged[limit] = true
			f.set.Log.Warn("a store can't do everything", "store", f.place.Name, "limit", limit)
		}
	}
}

// send copies finished recordings into a bucket until there are no more.
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
		beside, err := putObject(ctx, b, from, size, name, f.busy)
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

// pick returns the next recording to copy: the newest and the oldest in turn, so that today's are
// safe soon and none waits for ever.
func (f *follower) pick() string {
	f.newest = !f.newest
	now := time.Now()
	maps.DeleteFunc(f.skipUntil, func(_ string, until time.Time) bool { return !now.Before(until) })
	return f.set.index.next(f.index, f.newest, func(name string) bool {
		_, passed := f.skipUntil[name]
		return passed
	})
}

// open opens a recording in the spool, and returns how many bytes of it may be copied.
func (f *follower) open(name string) (*source, int64, error) {
	size, _, err := f.set.Spool.Synced(name)
	if err != nil {
		return nil, 0, &sourceError{err}
	}
	file, err := f.set.Spool.Read(name)
	if err != nil {
		return nil, 0, &sourceError{err}
	}
	return &source{file: file, name: name}, size, nil
}

// pass skips a recording that the spool has lost or can't read now, so that the others go on. It
// returns false for errors of the store.
func (f *follower) pass(name string, err error) bool {
	if !errors.As(err, new(*sourceError)) {
		return false
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.set.index.drop(name)
		f.set.Log.Warn("a recording has gone from the spool before it was copied", "store", f.place.Name, "file", name)
		return true
	}
	f.set.Log.Error("a recording can't be read to copy it", "store", f.place.Name, "file", name, "err", err)
	if len(f.skipUntil) < maxRemembered {
		f.skipUntil[name] = time.Now().Add(skipFor)
		return true
	}
	return false
}

// maxRemembered limits each list of recordings or files with problems.
const maxRemembered = 1000

// holds records that the store holds a recording: it was read back and compared.
func (f *follower) holds(name, beside string) error {
	if beside != "" {
		f.set.conflict(f.place.Name, beside)
	}
	return f.set.holds(f, name)
}
