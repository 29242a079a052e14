//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tacet/daemon/health"
)

// folderVisit is a visit to a Folder.
type folderVisit struct {
	*follower
	to   Folder
	live *copying // of the recording that is being written
	due  time.Time
	jobs []*copying // of finished recordings; the last one is worked on

	tried int64 // value of Set.discarded when clear was last tried
}

// maxJobs limits the copies of finished recordings in progress: one, and one that ended meanwhile.
const maxJobs = 2

// fill copies recordings into a folder until there are no more, and none is live.
func (f *follower) fill(ctx context.Context, to Folder) error {
	v := &folderVisit{follower: f, to: to}
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
			if err := v.followLive(now); err != nil {
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

func (v *folderVisit) leave() {
	if v.live != nil {
		v.live.close()
	}
	for _, c := range v.jobs {
		c.close()
	}
}

// follow updates v.live. A recording that has ended is the next to be finished here.
func (v *folderVisit) follow() {
	running := v.set.index.live()
	if v.live != nil && v.live.name != running {
		if !v.ended(v.live) {
			v.live.close() // work will find it again
		}
		v.live = nil
	}
	if v.live == nil && running != "" {
		if c, err := v.start(running); err == nil {
			v.live, v.due = c, time.Now()
		}
	}
}

// ended makes a job of the copy if the recording is finished. The spool may have replaced the file
// to finish it.
func (v *folderVisit) ended(c *copying) bool {
	e, known := v.set.index.get(c.name)
	if !known || !e.finished || len(v.jobs) >= maxJobs {
		return false
	}
	from, _, err := v.open(c.name)
	if err != nil {
		return false
	}
	c.setSource(from)
	v.jobs = append(v.jobs, c)
	return true
}

// start prepares to copy a recording. It does nothing at the store yet.
func (v *folderVisit) start(name string) (*copying, error) {
	from, _, err := v.open(name)
	if err != nil {
		return nil, err
	}
	return &copying{name: name, from: from, folder: v.to, ruined: v.ruined, irreplaceable: v.irreplaceable}, nil
}

// followLive copies what the spool has of the live recording.
func (v *folderVisit) followLive(now time.Time) error {
	size, _, err := v.set.Spool.Synced(v.live.name)
	if err != nil {
		return &sourceError{err}
	}
	more, err := v.copyChunk(v.live, size)
	if err == nil && !more {
		v.due = now.Add(appendEvery)
		if v.live.wholeOnly && v.live.temp { // each piece would need a new file: name it once the recording has ended
			return nil
		}
		if v.live.temp || v.live.unnamed || v.live.unsynced && !now.Before(v.live.syncDue) {
			err = v.settled(v.live)
		}
	}
	return err
}

// work reports whether there is a finished recording to copy, and makes it a job.
func (v *folderVisit) work() bool {
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

// advance does the next piece of work on the last job.
func (v *folderVisit) advance() error {
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

// piece copies, syncs or reads back a part of a recording. done says that the store holds it.
func (v *folderVisit) piece(c *copying) (done bool, err error) {
	size, live, err := v.set.Spool.Synced(c.name)
	if err != nil {
		return false, &sourceError{err}
	}
	if live {
		return false, &sourceError{errors.New("it is live again")}
	}
	if c.back == nil {
		if more, err := v.copyChunk(c, size); more || err != nil {
			if err == nil && !time.Now().Before(c.syncDue) && !c.temp {
				err = v.settled(c)
			}
			return false, err
		}
		if err := v.settled(c); err != nil || c.as == "" {
			return false, err
		}
	}
	done, err = c.compare(size)
	if done {
		c.tidy()
	}
	if errors.Is(err, errDiffers) {
		v.failed[c.as] = true // replaced next time
		err = &Trouble{health.StoreMismatch, fmt.Errorf("%s: %w", c.as, err)}
	}
	return done, v.noteFailure(c, err)
}

// ruined reports whether a write or sync of a file failed since its medium was mounted: the kernel
// may wrongly take its data for written. With too many such files to remember, it returns true for
// all.
func (v *folderVisit) ruined(as string) bool { return v.failed[as] || len(v.failed) >= maxRemembered }

// irreplaceable reports whether a file on this medium could not be replaced. With too many such
// files to remember, it returns true for all.
func (v *folderVisit) irreplaceable(as string) bool {
	return v.cantReplace[as] || len(v.cantReplace) >= maxRemembered
}

// useOtherName lets the copy use another name if err says that its file can't be replaced, and the
// medium is there. Otherwise it returns err.
func (v *folderVisit) useOtherName(c *copying, err error) error {
	refused := (*replaceError)(nil)
	if !errors.As(err, &refused) || v.irreplaceable(refused.as) {
		return v.noteFailure(c, err)
	}
	if t := (*Trouble)(nil); errors.As(v.to.Check(err), &t) && t.Code == health.StoreMissing {
		return t
	}
	v.cantReplace[refused.as] = true
	v.set.Log.Warn("a copy can't be replaced, and gets another name", "store", v.place.Name, "file", refused.as, "err",
		shorten(refused.err))
	c.restart()
	return nil
}

// copyChunk appends one chunk.
func (v *folderVisit) copyChunk(c *copying, size int64) (more bool, err error) {
	if c.out == nil {
		if err := c.begin(size, v.busy); err != nil {
			return true, v.useOtherName(c, err)
		}
		if c.beside != "" {
			v.set.conflict(v.place.Name, c.beside)
		}
	}
	more, err = c.append(size)
	return more, v.noteFailure(c, err)
}

func (v *folderVisit) settled(c *copying) error {
	replaced := c.temp
	if err := c.settle(); err != nil {
		return v.useOtherName(c, err)
	}
	if replaced {
		delete(v.failed, c.as)
	}
	v.well()
	return nil
}

// noteFailure remembers a file that must not be written again. It returns err.
func (v *folderVisit) noteFailure(c *copying, err error) error {
	if errors.As(err, new(*writeError)) && len(v.failed) < maxRemembered {
		v.failed[c.as] = true
	}
	return err
}

// await waits until the live recording has grown, or something happens. It also checks the medium
// now and then: the kernel may take long to notice that it can't write.
func (v *folderVisit) await(ctx context.Context) error {
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
