package daemon

import (
	"errors"
	"fmt"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
)

const (
	// stalledTime without samples is a warning, lostTime ends the recording.
	stalledTime = 1500 * time.Millisecond
	lostTime    = 5 * time.Second
	// maxSyncAge is how old the last sync may be while the unit is published as recording.
	maxSyncAge = 5 * time.Second
	// slowWrite is how long an append may take before it is a warning.
	slowWrite = 5 * time.Second
)

// watchMic ends the recording of a microphone that gives nothing, and the process if the sound card
// hangs. While samples come it has the light looked at.
func (d *Daemon) watchMic(now time.Time) {
	if err := d.mic.Overdue(now); err != nil {
		d.fatal = err
		return
	}
	if !d.mic.IsOpen() {
		return
	}
	quiet := d.mic.Quiet(now)
	if quiet >= stalledTime {
		d.warnings.Warn(health.MicStalled, fmt.Errorf("no samples for %s", quiet.Round(100*time.Millisecond)))
	}
	if quiet >= lostTime {
		d.micFailed(fmt.Errorf("no samples for %s", lostTime))
	} else if now.Sub(d.light.seen) >= senseEvery {
		d.light.look()
	}
}

// syncAge returns how long ago the running recording last reached the disk.
func (d *Daemon) syncAge() time.Duration {
	if d.take == nil {
		return 0
	}
	return d.take.SyncAge()
}

// watchDisk warns while an append takes long. It ends a recording that lost samples because of
// that.
func (d *Daemon) watchDisk(now time.Time) {
	if d.take == nil {
		d.warnings.Clear(health.SpoolSlow)
		d.warnings.Clear(health.UnitBusy)
		return
	}
	write, late := d.take.WriteTime(), d.take.SyncAge() >= maxSyncAge
	if write == 0 {
		d.warnings.Clear(health.SpoolSlow)
	} else if write >= slowWrite || late {
		d.warnings.Warn(health.SpoolSlow, fmt.Errorf("a write has taken %s so far", write.Round(time.Second)))
	}
	if !late {
		d.warnings.Clear(health.UnitBusy)
	} else if write == 0 && d.machine.Phase() == consent.Recording && d.mic.Quiet(now) < stalledTime {
		d.warnings.Warn(health.UnitBusy, fmt.Errorf("nothing has been sealed for %s", maxSyncAge))
	}
	if !d.mic.Losing() || !d.take.announced {
		return
	}
	if write >= slowWrite {
		d.warnings.Warn(health.SpoolSlow, errors.New("samples were lost because the disk did not take them"))
		d.step(consent.Fault{})
		return
	}
	// The unit was busy: the gap is declared in the file, and the recording goes on.
	d.warnings.Warn(health.UnitBusy, fmt.Errorf("samples were lost at %s", now.Format(time.TimeOnly)))
}
