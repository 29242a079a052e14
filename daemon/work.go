package daemon

import (
	"errors"
	"fmt"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// work does what is due: deadlines of the machine, the light, the microphone and the hold-back,
// warnings, and what is said of it all. What was captured comes before what ends it.
func (d *Daemon) work(now time.Time) {
	d.keep()
	if t, ok := d.machine.Deadline(); ok && !now.Before(t) {
		d.step(consent.Tick{})
	}
	d.askHeld(now)
	d.watchMic(now)
	d.watchLight()
	d.watchLines(now)
	d.watchDisk(now)
	d.watchHands(now)
	d.watchProbe(now)
	d.watchStores(now)
	if t, ok := d.health.Deadline(); ok && !now.Before(t) {
		d.health.Tick(now)
	}
	if ready := d.disk != nil && d.copies != nil && d.linesKnown && !d.health.Blocking() &&
		!now.Before(d.linesSettle); ready != d.ready {
		d.ready = ready
		d.letGo()
		d.step(consent.Ready{OK: ready})
	}
	d.showStatus(now)
	d.publish(now)
}

// nextWake is when work is due again if nothing happens.
func (d *Daemon) nextWake() time.Time {
	now := time.Now()
	wake := now.Add(farWake)
	sooner := func(t time.Time, ok bool) {
		if ok && t.Before(wake) {
			wake = t
		}
	}
	t, ok := d.machine.Deadline()
	sooner(t, ok)
	t, ok = d.health.Deadline()
	sooner(t, ok)
	sooner(now.Add(lampHangs), d.light.wished || d.light.asked || d.lamp.hangs() > 0)
	sooner(d.lines.asked.Add(readFailTime), !d.lines.asked.IsZero() && now.Before(d.lines.asked.Add(readFailTime)))
	sooner(d.holdBackWake())
	switch d.mic.state {
	case micIsOpening, micIsClosing:
		sooner(d.mic.by, true)
	case micIsOpen:
		sooner(d.mic.last.Add(stalledTime), now.Sub(d.mic.last) < stalledTime)
		sooner(d.mic.last.Add(lostTime), true)
		sooner(d.light.seen.Add(senseEvery), d.light.proved && !d.light.asked)
	}
	sooner(d.lastMinutes())
	sooner(d.firstLookBy, !d.looked)
	sooner(d.linesSettle, now.Before(d.linesSettle))
	sooner(d.probeAt.Add(probeHangs), now.Before(d.probeAt.Add(probeHangs)))
	for i := range d.buttons {
		t, ok := d.machine.HeldSince(i)
		sooner(t.Add(heldTime), ok && now.Before(t.Add(heldTime)))
	}
	sooner(d.stopBy, !d.stopBy.IsZero())
	return wake
}

// watchHands warns of a button that nobody can be holding that long.
func (d *Daemon) watchHands(now time.Time) {
	var stuck string
	for i := range d.buttons {
		if t, ok := d.machine.HeldSince(i); ok && now.Sub(t) >= heldTime {
			stuck = d.settings.Buttons[i].Line
		}
	}
	if stuck == "" {
		d.health.Clear(health.ButtonStuck)
		return
	}
	d.warn(health.ButtonStuck, fmt.Errorf("line %s", stuck))
}

// storeAge is how long ago the running recording last reached the disk.
func (d *Daemon) storeAge() time.Duration {
	r := d.recorder
	if r == nil {
		return 0
	}
	return r.elapsed() - time.Duration(r.storedAt.Load())
}

// watchDisk warns while an append to the spool takes long, and ends a recording that lost samples
// because of it.
func (d *Daemon) watchDisk(now time.Time) {
	r := d.recorder
	if r == nil {
		d.health.Clear(health.SpoolSlow)
		d.health.Clear(health.UnitBusy)
		return
	}
	since, late := r.busySince.Load(), d.storeAge() >= storedTime
	if since == 0 {
		d.health.Clear(health.SpoolSlow)
	} else if busy := r.elapsed() - time.Duration(since); busy >= slowTime || late {
		d.warn(health.SpoolSlow, fmt.Errorf("a write has taken %s so far", busy.Round(time.Second)))
	}
	if !late {
		d.health.Clear(health.UnitBusy)
	} else if since == 0 && d.machine.Phase() == consent.Recording && now.Sub(d.mic.last) < stalledTime {
		d.warn(health.UnitBusy, fmt.Errorf("nothing has been sealed for %s", storedTime))
	}
	if d.ring.lost.Load() > 0 && d.mic.keeping && r.said {
		d.ringFull(r, now)
	}
}

// ringFull finds out who did not take the samples. Those that a busy unit lost are declared, and
// the recording goes on; a disk that has not taken any for so long ends it.
func (d *Daemon) ringFull(r *recorder, now time.Time) {
	if since := r.busySince.Load(); since != 0 && r.elapsed()-time.Duration(since) >= slowTime {
		d.warn(health.SpoolSlow, errors.New("samples were lost because the disk did not take them"))
		d.step(consent.Fault{})
		return
	}
	d.warn(health.UnitBusy, fmt.Errorf("samples were lost at %s", now.Format(time.TimeOnly)))
}

// slowTime is what an append may take before it is a warning.
const slowTime = 5 * time.Second

// warn puts a warning up, and logs it when it is new.
func (d *Daemon) warn(code health.Code, err error) {
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	if d.health.Set(code, detail) {
		d.log.Warn("warning", "code", code, "detail", detail)
	}
}

// phaseChanged is called by step.
func (d *Daemon) phaseChanged(before, after consent.Phase) {
	d.since = time.Now()
	if after == consent.Recording {
		d.letGo()
		d.recorder.said, d.mic.opened = true, true
		d.startWorked()
		d.copies.Began(d.recorder.name)
		d.teller.event(topic.Event{Type: topic.Started, Recording: d.recorder.id})
	}
	// A microphone that is still opening when consent is withdrawn is none that failed.
	silent := d.mic.state == micIsOpen && !d.mic.heard && time.Since(d.mic.last) >= time.Second
	if before == consent.Starting && silent {
		d.warn(health.MicFault, errors.New("it delivered no samples within a second"))
	}
	d.log.Debug("phase", "from", before.String(), "to", after.String())
}

// startWorked takes down what a start can have been refused for. It is not done before it is said
// that it records: a consent that is withdrawn at once must not show.
func (d *Daemon) startWorked() {
	for _, code := range []health.Code{health.MicBusy, health.MicRate, health.MicFault, health.LightSense} {
		d.health.Clear(code)
	}
	if d.mic.lost != nil {
		d.noteLost(d.mic.lost)
	}
}

// nearMax is how long before max the status light says so.
const nearMax = 5 * time.Minute

// lastMinutes is when it begins to.
func (d *Daemon) lastMinutes() (time.Time, bool) {
	t, ok := d.machine.LapsesAt()
	t = t.Add(-nearMax)
	return t, ok && time.Now().Before(t)
}
