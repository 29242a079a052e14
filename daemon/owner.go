package daemon

import (
	"context"
	"fmt"
	"time"

	"tacet/daemon/consent"
)

// own is the owner goroutine: it alone holds the consent machine, the microphone's handle and the
// blocks that are held back. It never waits for anything but its own select.
//
// Each turn begins with what is queued, edges and readings of the lines among it in the order in
// which they were posted, and ends with what is due.
func (d *Daemon) own(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	for {
		timer.Reset(time.Until(d.nextWake()))
		var first event
		var b *block
		select {
		case first = <-d.events:
		case b = <-d.blocks:
		case <-timer.C:
		case <-d.nudge: // a warning came or went elsewhere
		case <-done:
			done = nil
			d.stop()
		}
		d.noteSleep()
		if first != nil {
			d.handle(first)
		}
		d.drainEvents()
		if b != nil {
			d.arrive(b)
		}
		d.drainBlocks() // who was late must not take what waits for what is missing
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

// drainEvents handles what is queued, and no more: who posts must not keep the owner from its work.
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
	for range ringBlocks {
		select {
		case b := <-d.blocks:
			d.arrive(b)
		default:
			return
		}
	}
}

// stop ends what runs; nothing starts any more.
func (d *Daemon) stop() {
	now := time.Now()
	d.stopBy = now.Add(stopTime)
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

// post hands an event to the owner. It blocks while the owner is behind, and no longer once the
// owner has gone.
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
	case reading:
		d.linesRead(ev, time.Now())
	case lampLit:
		d.lampLit(ev)
	case lampSeen:
		d.lampSeen(ev)
	case lampDark:
		d.lampDark(ev)
	case lampBlinks:
		d.lampBlinks(ev)
	case statusDriven:
		d.statusDriven(ev, time.Now())
	case prepared:
		d.prepared(ev)
	case begun:
		d.begun(ev)
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
		d.teller.client, d.teller.due, d.teller.unsaid = ev.client, true, true
	case told:
		d.teller.event(ev.event)
	case ping:
		close(ev.answered)
	case retire:
		d.retiring = true
	}
}

// step gives the machine an event and carries out its effects, in order. What an effect brings
// about at once is given to the machine after all effects of the event before it.
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
		d.show(glowOn, false)
	case consent.LightPulse:
		d.show(glowPulse, false)
	case consent.LightFlash:
		d.show(glowFlash, false)
	case consent.LightOff:
		d.show(glowOff, true)
	case consent.Prepare:
		d.prepare()
	case consent.OpenMic:
		d.openMic()
	case consent.Begin:
		d.begin()
	case consent.Discard:
		d.discard()
	case consent.Cut:
		d.cut(e.At)
	case consent.CloseMic:
		d.closeMic()
	case consent.End:
		d.end(e)
	}
}
