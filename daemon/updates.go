package daemon

import (
	"errors"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/update"
)

// restTime is how long the unit has been at rest before it ends for a new version: the patient of
// this consultation has left, and the package manager has finished.
const restTime = 10 * time.Minute

// updates are what the owner knows of a version that was installed since the start. They are the
// owner's.
//
// At rest means that no party's consent stands and nothing is recorded. A copy under way doesn't
// count: its follower goes on where it was, and a store that is missing must not keep a version
// from being used.
type updates struct {
	waiting string    // empty: none
	since   time.Time // since when it has waited with the unit at rest; zero: the unit is not
	replace bool      // the daemon ends for it
}

// due returns when the daemon ends, if nothing happens until then.
func (u *updates) due(rest time.Duration) (time.Time, bool) {
	return u.since.Add(rest), !u.since.IsZero() && !u.replace
}

// updateFound takes what a check found.
func (d *Daemon) updateFound(f update.Found) {
	if f.Failed != nil {
		d.warnings.Warn(health.UpdateFailed, errors.New("version "+f.Failed.Version+": "+f.Failed.Why))
	} else {
		d.warnings.Clear(health.UpdateFailed)
	}
	if u := &d.updates; f.Waiting != u.waiting {
		u.waiting, u.since = f.Waiting, time.Time{}
		if u.waiting != "" {
			d.log.Info("a new version waits until the unit has been at rest", "version", u.waiting, "rest", d.options.Rest)
		}
	}
}

// watchUpdates makes the daemon end when a version has waited for long enough with the unit at rest.
func (d *Daemon) watchUpdates(now time.Time) {
	u := &d.updates
	switch {
	case u.waiting == "" || !d.atRest():
		u.since = time.Time{}
	case u.since.IsZero():
		u.since = now
	case !u.replace && now.Sub(u.since) >= d.options.Rest:
		d.log.Info("ending for the new version", "version", u.waiting)
		u.replace, d.retiring = true, true
		d.replaced.Store(true)
	}
}

// Replaced reports whether Run has ended, or is about to, so that a new version can be started.
func (d *Daemon) Replaced() bool { return d.replaced.Load() }
