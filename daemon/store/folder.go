//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tacet/daemon/health"
)

// filling is a visit to a Folder.
type filling struct {
	*follower
	to   Folder
	live *copying // of the recording that is being written
	due  time.Time
	jobs []*copying // finished ones under way: the last is worked on, and whoever was in the middle goes on after it

	tried int64 // drops after which clearing was tried
}

// maxJobs bounds how many copies are under way: one, and one that ended meanwhile.
const maxJobs = 2

// fill brings recordings into a folder until there are none and none runs.
func (f *follower) fill(ctx context.Context, to Folder) error {
	v := &filling{follower: f, to: to}
	defer v.leave()
	if err := f.sweep(to); err != nil {
		return err
	}
	for ctx.Err() == nil {
		f.busy()
		now := time.Now()
		v.follow()
		v.clear()
		switch {
		case v.live != nil && !now.Before(v.due):
			if err := v.keepUp(now); err != nil {
				return err
			}
		case v.work():
			if err := v.advance(); err != nil {
				return err
			}
		case v.live == nil:
			return nil
		default:
			f.idle()
			if err := v.await(ctx); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (v *filling) leave() {
	if v.live != nil {
		v.live.close()
	}
	for _, c := range v.jobs {
		c.close()
	}
}

// follow keeps v.live what it says. A recording that has ended is the next to be finished here.
func (v *filling) follow() {
	running := v.set.index.live()
	if v.live != nil && v.live.name != running {
		if !v.ended(v.live) {
			v.live.close() // it will be found again
		}
		v.live = nil
	}
	if v.live == nil && running != "" {
		if c, err := v.start(running); err == nil {
			v.live, v.due = c, time.Now()
		}
	}
}

// ended makes a job of the copy of a recording that has its end by now. The spool may have put
// another file in its place to close it.
func (v *filling) ended(c *copying) bool {
	e, known := v.set.index.get(c.name)
	if !known || !e.finished || len(v.jobs) >= maxJobs {
		return false
	}
	from, _, err := v.open(c.name)
	if err != nil {
		return false
	}
	c.reread(from)
	v.jobs = append(v.jobs, c)
	return true
}

// start prepares the copying of a recording. Nothing of it has been done at the place.
func (v *filling) start(name string) (*copying, error) {
	from, _, err := v.open(name)
	if err != nil {
		return nil, err
	}
	return &copying{name: name, from: from, folder: v.to, ruined: v.ruined, fixed: v.stuck}, nil
}

// keepUp brings the running recording's copy to where the spool is.
func (v *filling) keepUp(now time.Time) error {
	size, _, err := v.set.Spool.Synced(v.live.name)
	if err != nil {
		return &originalError{err}
	}
	more, err := v.bring(v.live, size)
	if err == nil && !more {
		v.due = now.Add(appendEvery)
		if v.live.whole && v.live.temp { // it would have to be made anew for each piece: it gets its name when it has ended
			return nil
		}
		if v.live.temp || v.live.unnamed || v.live.unsynced && !now.Before(v.live.syncDue) {
			err = v.settled(v.live)
		}
	}
	return err
}

// work finds something finished to do.
func (v *filling) work() bool {
	for len(v.jobs) == 0 {
		name := v.pick()
		if name == "" {
			return false
		}
		c, err := v.start(name)
		if err != nil {
			if !v.pass(name, err) {
				return false
			}
			continue
		}
		v.jobs = append(v.jobs, c)
	}
	return true
}

// advance does the next piece of work on a finished recording.
func (v *filling) advance() error {
	c := v.jobs[len(v.jobs)-1]
	done, err := v.piece(c)
	if !done && err == nil {
		return nil
	}
	if done {
		err = v.holds(c.name, c.beside)
	}
	v.jobs = v.jobs[:len(v.jobs)-1]
	c.close()
	if err != nil && v.pass(c.name, err) {
		return nil
	}
	return err
}

// piece copies, syncs or reads back a part of a recording. done: the place holds it.
func (v *filling) piece(c *copying) (done bool, err error) {
	size, live, err := v.set.Spool.Synced(c.name)
	if err != nil {
		return false, &originalError{err}
	}
	if live {
		return false, &originalError{errors.New("it is being written again")}
	}
	if c.back == nil {
		if more, err := v.bring(c, size); more || err != nil {
			if err == nil && !time.Now().Before(c.syncDue) && !c.temp {
				err = v.settled(c)
			}
			return false, err
		}
		if err := v.settled(c); err != nil || c.as == "" {
			return false, err
		}
	}
	done, err = c.prove(size)
	if done {
		c.tidy()
	}
	if errors.Is(err, errDiffers) {
		v.failed[c.as] = true // made anew, next time
		err = &Trouble{health.StoreMismatch, fmt.Errorf("%s: %w", c.as, err)}
	}
	return done, v.lost(c, err)
}

// ruined reports whether a write or a sync of a file failed since its medium was mounted: the
// kernel may take for written what never was. With too many of them to remember, all are.
func (v *filling) ruined(as string) bool { return v.failed[as] || len(v.failed) >= maxPassed }

// stuck reports whether no other file can take a file's place on this medium. With too many of them
// to remember, none can.
func (v *filling) stuck(as string) bool { return v.fixed[as] || len(v.fixed) >= maxPassed }

// unstick looks for another name for a copy whose own can't be had, as far as err says so and the
// medium is there.
func (v *filling) unstick(c *copying, err error) error {
	fixed := (*fixedFile)(nil)
	if !errors.As(err, &fixed) || v.stuck(fixed.as) {
		return v.lost(c, err)
	}
	if t := (*Trouble)(nil); errors.As(v.to.Check(err), &t) && t.Code == health.StoreMissing {
		return t
	}
	v.fixed[fixed.as] = true
	v.set.Log.Warn("a copy can't be replaced, and gets another name", "store", v.place.Name, "file", fixed.as, "err",
		brief(fixed.err))
	c.again()
	return nil
}

// bring appends one chunk.
func (v *filling) bring(c *copying, size int64) (more bool, err error) {
	if c.out == nil {
		if err := c.begin(size, v.busy); err != nil {
			return true, v.unstick(c, err)
		}
		if c.beside != "" {
			v.set.conflict(v.place.Name, c.beside)
		}
	}
	more, err = c.append(size)
	return more, v.lost(c, err)
}

func (v *filling) settled(c *copying) error {
	anew := c.temp
	if err := c.settle(); err != nil {
		return v.unstick(c, err)
	}
	if anew {
		delete(v.failed, c.as)
	}
	v.well()
	return nil
}

// lost remembers the file that must not be written on.
func (v *filling) lost(c *copying, err error) error {
	if errors.As(err, new(*lostWrite)) && len(v.failed) < maxPassed {
		v.failed[c.as] = true
	}
	return err
}

// await waits until the running recording has grown enough, or something happens. It looks now and
// then whether the medium is still there: what was written may wait long before somebody notices
// that it can't go anywhere.
func (v *filling) await(ctx context.Context) error {
	timer := time.NewTimer(min(time.Until(v.due), checkEvery))
	defer timer.Stop()
	select {
	case <-timer.C:
		return v.to.Check(nil)
	case <-v.wake:
	case <-v.place.Kind.Changed():
		return v.to.Check(nil)
	case <-ctx.Done():
	}
	return nil
}
