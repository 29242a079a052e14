package daemon

import (
	"context"
	"fmt"
	"time"

	"tacet/daemon/consent"
)

// own is the owner goroutine: it alone holds the consent machine, the
// microphone's handle and the blocks that are held back. It never blocks on
// anything but its own select.
func (d *Daemon) own(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	for {
		timer.Reset(time.Until(d.nextWake()))
		select {
		case ev := <-d.events:
			d.handle(ev)
		case b := <-d.blocks:
			d.drainEvents()
			d.arrive(b)
		case <-timer.C:
			d.drainEvents()
		case <-d.nudge: // a warning came or went elsewhere
		case <-done:
			done = nil
			d.stop()
		}
		d.work(time.Now())
		if d.fatal != nil {
			return d.fatal
		}
		if d.retiring && d.stopBy.IsZero() && d.atRest() {
			d.stop()
		}
		if !d.stopBy.IsZero() && d.settled() {
			return nil
		}
	}
}

// drainEvents handles what is queued, edges before all: no block may be judged
// before them.
func (d *Daemon) drainEvents() {
	for {
		select {
		case ev := <-d.events:
			d.handle(ev)
		default:
			return
		}
	}
}

// stop ends what runs; nothing starts any more.
func (d *Daemon) stop() {
	now := time.Now()
	d.stopBy = now.Add(stopTime)
	d.clearHeld(now)
	d.step(consent.Stop{})
}

// atRest says that nothing is open.
func (d *Daemon) atRest() bool {
	p := d.machine.Phase()
	return p == consent.Idle || p == consent.Faulty
}

// settled says that a daemon told to stop has nothing open any more.
func (d *Daemon) settled() bool {
	if !d.atRest() && !time.Now().Before(d.stopBy) {
		d.fatal = fmt.Errorf("what was recorded could not be closed within %s: the disk does not answer", stopTime)
	}
	return d.atRest()
}

// post hands an event to the owner. It blocks while the owner is behind, and no
// longer once the owner has gone.
func (d *Daemon) post(ev event) {
	select {
	case d.events <- ev:
	case <-d.gone:
	}
}

// handle turns what the others say into events of the consent machine.
func (d *Daemon) handle(ev event) {
	switch ev := ev.(type) {
	case edge:
		d.edge(ev)
	case watchEnded:
		d.watchErr = ev.err
		d.buttonsFailed(ev.err)
	case watchBegins:
		d.watchErr = nil
	case micOpened:
		d.micOpened(ev)
	case micFailed:
		if ev.opening == d.mic.opening && d.mic.state != micIsClosed {
			d.micFault(ev.err)
		}
	case micClosed:
		d.micClosed(ev)
	case prepared:
		d.prepared(ev)
	case recorderFailed:
		d.warn(codeOf(ev.err, ev.code), ev.err)
		if ev.recorder == d.recorder {
			d.step(consent.Fault{})
		}
	case recorderEnded:
		d.recorderEnded(ev)
	case probed:
		d.probed(ev)
	case tellerReady:
		d.teller.client, d.teller.due = ev.client, true
	case told:
		d.teller.event(ev.event)
	case ping:
		close(ev.answered)
	case retire:
		d.retiring = true
	}
}

// step gives the machine an event and carries out its effects, in order. What
// an effect brings about at once is given to the machine after all effects of
// the event before it.
func (d *Daemon) step(ev consent.Event) {
	d.inbox = append(d.inbox, ev)
	if len(d.inbox) > 1 {
		return // the call that works the inbox will come to it
	}
	for len(d.inbox) > 0 {
		before := d.machine.Phase()
		effects := d.machine.Step(time.Now(), d.inbox[0])
		if after := d.machine.Phase(); after != before {
			// Said before it is done: recording is never said of a closed microphone.
			d.phaseChanged(before, after)
			d.publish(time.Now())
		}
		for _, effect := range effects {
			d.apply(effect)
		}
		d.inbox = d.inbox[1:]
	}
}

func (d *Daemon) apply(effect consent.Effect) {
	switch e := effect.(type) {
	case consent.LightOn:
		d.lightOn()
	case consent.LightPulse:
		d.lightResult(d.hw.Light.Pulse())
	case consent.LightFlash:
		d.lightResult(d.hw.Light.Flash())
	case consent.LightOff:
		d.lightOff()
	case consent.Prepare:
		d.prepare()
	case consent.OpenMic:
		d.openMic()
	case consent.Cut:
		d.cut()
	case consent.CloseMic:
		d.closeMic()
	case consent.End:
		d.end(e)
	}
}

// edge gives a change of a line to the machine.
func (d *Daemon) edge(e edge) {
	if e.input < 0 || e.input >= len(d.levels) {
		return
	}
	d.levels[e.input] = e.active
	d.log.Debug("edge", "input", e.input, "active", e.active, "fresh", e.fresh)
	if e.input < d.buttons {
		d.step(consent.Edge{Button: e.input, Pressed: e.active, At: e.at, Fresh: e.fresh})
	} else if e.active {
		d.step(consent.Door{At: e.at})
	}
}

// readLines reads every line and tells the machine of any change that brought no
// edge: it can withdraw, never give. Clear is false unless every line is known
// to say that consent stands.
func (d *Daemon) readLines(now time.Time) (clear bool) {
	levels, err := d.hw.Buttons.Read()
	if err == nil && len(levels) != len(d.levels) {
		err = fmt.Errorf("%d lines read, not %d", len(levels), len(d.levels))
	}
	if err != nil {
		if d.readFailing.IsZero() {
			d.readFailing = now
		}
		if now.Sub(d.readFailing) >= readFailTime {
			d.buttonsFailed(err)
		}
		return false
	}
	d.readFailing = time.Time{}
	clear = true
	for i, active := range levels {
		if active != d.levels[i] {
			d.edge(edge{input: i, active: active, at: now})
		}
		if i < d.buttons && active != (d.settings.Buttons[i].Style == consent.Latching) {
			clear = false
		}
	}
	return clear && d.mic.keeping
}

func (d *Daemon) buttonsFailed(err error) {
	d.warn("button-fault", err)
	d.step(consent.Fault{})
}
