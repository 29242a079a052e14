package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tacet/daemon/capture"
	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/lamp"
	"tacet/daemon/lines"
	"tacet/daemon/mqtt"
	"tacet/daemon/readiness"
	"tacet/daemon/ring"
	"tacet/daemon/take"
	"tacet/daemon/topic"
)

const (
	// queuedEvents bounds the pending events; senders block when it is full.
	queuedEvents = 64
	// stopTime is how long a stop may take: the rest of the recording has to reach the disk.
	stopTime = 20 * time.Second
	// maxSleep is how long the owner sleeps with nothing to do.
	maxSleep = 10 * time.Second
)

// own is the owner goroutine. It waits for nothing but its own select.
//
// Each turn handles the queued events first, edges and readings of the lines in the order in which
// they were posted; then the blocks; then whatever is due.
func (d *Daemon) own(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	for {
		timer.Reset(time.Until(d.nextWake()))
		var first any
		var b *ring.Block
		select {
		case first = <-d.events:
		case b = <-d.blocks:
		case <-timer.C:
		case <-d.nudge: // something that is shown has changed
		case <-done:
			done = nil
			d.stop()
		}
		if d.suspend.Suspended(d.atRest()) { // nobody knows who is in the room now
			d.log.Warn("the machine was suspended")
			d.step(consent.Slept{})
		}
		if first != nil {
			d.handle(first)
		}
		d.drainEvents()
		if b != nil {
			d.arrive(b)
		}
		d.drainBlocks() // all of them, before work finds samples missing
		d.work(time.Now())
		if d.fatal != nil {
			return d.fatal
		}
		if d.retiring && d.stopBy.IsZero() && d.atRest() {
			d.stop()
		}
		if !d.stopBy.IsZero() && d.atRest() {
			return nil
		}
	}
}

// drainEvents handles what is queued, but not without end: a busy sender must not keep the owner
// from its work.
func (d *Daemon) drainEvents() {
	for range queuedEvents {
		select {
		case ev := <-d.events:
			d.handle(ev)
		default:
			return
		}
	}
}

func (d *Daemon) drainBlocks() {
	for range ring.Blocks {
		select {
		case b := <-d.blocks:
			d.arrive(b)
		default:
			return
		}
	}
}

// stop ends a recording that is under way, for good.
func (d *Daemon) stop() {
	d.stopBy = time.Now().Add(stopTime)
	d.step(consent.Stop{})
}

// atRest reports whether nothing is given and nothing is open.
func (d *Daemon) atRest() bool {
	p := d.machine.Phase()
	return p == consent.Idle || p == consent.Faulty
}

// post sends an event to the owner. It blocks while the queue is full, until the owner has ended.
func (d *Daemon) post(ev any) {
	select {
	case d.events <- ev:
	case <-d.gone:
	}
}

// Events that come from no package of their own.
type (
	brokerReady struct{ client mqtt.Publisher }
	ping        struct{ answered chan struct{} }
	retire      struct{}
)

// handle takes an event.
func (d *Daemon) handle(ev any) {
	switch ev := ev.(type) {
	case lines.Edge:
		d.edge(ev)
	case lines.Reading:
		d.linesRead(ev, time.Now())
	case lines.WatchFailed:
		d.hands.watchErr = ev.Err
		d.handsFailed(ev.Err)
	case lines.Watching:
		d.hands.watchErr = nil
	case lamp.Lit:
		d.lightLit(ev)
	case lamp.Seen:
		d.lightSeen(ev)
	case lamp.Dark:
		d.lightDark(ev)
	case lamp.Blinking:
		d.lightBlinking(ev)
	case lamp.StatusDriven:
		d.status.Driven(ev, time.Now().Add(readiness.Every))
		d.warnings.While(health.StatusLightFault, ev.Err)
	case lamp.Sounded:
		d.sounded(ev)
	case capture.Opened:
		d.micOpened(ev)
	case capture.Failed:
		if d.mic.Concerns(ev) {
			d.micFailed(ev.Err)
		}
	case capture.Closed:
		d.micClosed(ev)
	case take.Prepared:
		d.prepared(ev)
	case take.Begun:
		d.begun(ev)
	case take.Failed:
		d.takeFailed(ev)
	case take.Ended:
		d.ended(ev)
	case readiness.Result:
		d.checked(ev)
	case brokerReady:
		d.announcer.Connect(ev.client)
	case topic.Event:
		d.announcer.Event(ev)
	case ping:
		close(ev.answered)
	case retire:
		d.retiring = true
	}
}

// step gives the consent machine an event and carries out its effects, in order. Events that an
// effect causes at once come after all effects of this one.
func (d *Daemon) step(ev consent.Event) {
	d.inbox = append(d.inbox, ev)
	if len(d.inbox) > 1 {
		return // step is under way and comes to it
	}
	for len(d.inbox) > 0 {
		before := d.machine.Phase()
		effects := d.machine.Step(time.Now(), d.inbox[0])
		if after := d.machine.Phase(); after != before {
			d.phaseChanged(before, after)
			d.publish(time.Now()) // before the effects: recording is never said of a closed microphone
		}
		for _, effect := range effects {
			d.apply(effect)
		}
		d.inbox = d.inbox[1:]
	}
}

func (d *Daemon) phaseChanged(before, after consent.Phase) {
	if after == consent.Recording {
		d.announce()
	}
	// A microphone that is still opening when consent is withdrawn has not failed.
	if silent := !d.mic.Heard() && d.mic.Quiet(time.Now()) >= time.Second; silent && before == consent.Starting {
		d.warnings.Warn(health.MicFault, errors.New("it delivered no samples within a second"))
	}
	d.log.Debug("phase", "from", before.String(), "to", after.String())
}

// work does what is due. What was captured comes before what ends it.
func (d *Daemon) work(now time.Time) {
	d.keep()
	if t, ok := d.machine.Deadline(); ok && !now.Before(t) {
		d.step(consent.Tick{})
	}
	if d.mic.NeedsReading(now) {
		d.hands.ask(now)
		d.light.look()
	}
	d.watchMic(now)
	d.watchLight()
	d.watchTones(now)
	d.watchHands(now)
	d.watchDisk(now)
	d.watchChecks(now)
	d.watchStores()
	d.watchUpdates(now)
	if t, ok := d.warnings.Deadline(); ok && !now.Before(t) {
		d.warnings.Tick(now)
	}
	if ready := d.disk != nil && d.copies != nil && d.hands.known && !now.Before(d.hands.settledAt) &&
		!d.warnings.Blocking(); ready != d.ready {
		d.ready = ready
		d.step(consent.Ready{OK: ready})
	}
	if !d.stopBy.IsZero() && !now.Before(d.stopBy) && !d.atRest() {
		d.fatal = fmt.Errorf("the recording could not be closed within %s: the disk does not answer", stopTime)
	}
	d.showStatus(now)
	d.publish(now)
}

// nextWake returns when work is due again if nothing happens.
func (d *Daemon) nextWake() time.Time {
	now := time.Now()
	wake := now.Add(maxSleep)
	by := func(t time.Time, ok bool) {
		if ok && t.Before(wake) {
			wake = t
		}
	}
	later := func(t time.Time) { by(t, now.Before(t)) }
	by(d.machine.Deadline())
	by(d.warnings.Deadline())
	by(d.mic.Wake())
	if d.mic.IsOpen() {
		last := now.Add(-d.mic.Quiet(now))
		later(last.Add(stalledTime))
		by(last.Add(lostTime), true)
		by(d.light.seen.Add(senseEvery), d.light.proved && !d.light.looking)
	}
	by(now.Add(lampHangs), d.light.pending || d.light.looking || d.light.driver.Busy() > 0)
	if !d.hands.askedAt.IsZero() {
		later(d.hands.askedAt.Add(readFailTime))
	}
	later(d.hands.settledAt)
	for i := range d.hands.buttons {
		if t, held := d.machine.HeldSince(i); held {
			later(t.Add(heldTime))
		}
	}
	if t, ok := d.machine.LapsesAt(); ok {
		later(t.Add(-nearMax))
	}
	later(d.checks.at.Add(checkHangs))
	by(d.firstLookBy, !d.looked)
	by(d.stopBy, !d.stopBy.IsZero())
	by(d.updates.due(d.options.Rest))
	return wake
}
