package daemon

import (
	"fmt"
	"time"

	"tacet/daemon/capture"
	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/lamp"
	"tacet/daemon/recording"
	"tacet/daemon/ring"
	"tacet/daemon/take"
	"tacet/daemon/topic"
)

// This file is the life of a recording, in order: what the consent machine asks for (apply), and
// the answers to it.

// current is the recording under way. It is the owner's.
type current struct {
	*take.Take
	announced bool // it was published as recording
	failed    bool // a fault ends it
}

// apply carries out an effect of the consent machine.
func (d *Daemon) apply(effect consent.Effect) {
	switch e := effect.(type) {
	case consent.LightPulse:
		d.light.show(lamp.Pulse, false)
	case consent.LightFlash:
		d.light.show(lamp.Flash, false)
	case consent.LightOn:
		d.light.show(lamp.On, false)
	case consent.Prepare:
		take.Prepare(&d.takeSettings, d.disk, actsOf(d.machine.Acts()))
	case consent.OpenMic:
		d.mic.Open(d.light.proved)
	case consent.Begin:
		d.begin()
	case consent.Discard:
		d.take.Discard()
		d.take = nil
	case consent.Cut:
		d.cut(e.At)
	case consent.CloseMic:
		d.mic.Close()
	case consent.LightOff:
		d.light.show(lamp.Off, true)
		d.tones.over()
	case consent.End:
		d.end(e)
	}
}

func actsOf(acts []consent.Act) []recording.Act {
	out := make([]recording.Act, len(acts))
	for i, a := range acts {
		out[i] = recording.Act{Party: a.Party, Act: a.Kind, Time: a.At, Line: a.Line, Cause: a.Cause}
	}
	return out
}

// prepared takes a head that was made in memory. The machine then has the microphone opened.
func (d *Daemon) prepared(ev take.Prepared) {
	if ev.Err != nil {
		code := health.CodeOf(ev.Err, health.SpoolError)
		if code == health.RecipientsBad {
			d.checker.KeyFailed()
		}
		d.warnings.Warn(code, ev.Err)
		d.step(consent.Prepared{OK: false})
		return
	}
	d.take = &current{Take: ev.Take}
	d.step(consent.Prepared{OK: true})
}

// micOpened takes the answer to Open. By now the light is lit and the head is made.
func (d *Daemon) micOpened(ev capture.Opened) {
	if !d.mic.TakeOpened(ev) {
		return
	}
	if capture.MayBeOpen(ev.Err) {
		d.fatal = ev.Err
		return
	}
	if ev.Err != nil {
		code := health.CodeOf(ev.Err, health.MicFault)
		if code == health.MicMissing {
			// The checks raise and clear that one, and they look for the card only, not for its
			// PCM. This warning stays until samples come.
			code = health.MicFault
		}
		d.warnings.Warn(code, ev.Err)
		d.step(consent.Opened{OK: false})
		return
	}
	d.step(consent.Opened{OK: true})
	if d.mic.IsOpen() && d.mic.Heard() {
		d.step(consent.Samples{})
	}
}

// arrive takes a block from the audio thread into the hold-back.
func (d *Daemon) arrive(b *ring.Block) {
	arrived, sound := d.mic.Add(b)
	if arrived {
		d.step(consent.Samples{})
	}
	if arrived && sound && !d.tones.heard(b.Arrived) {
		d.step(consent.Sound{})
	}
}

// keep hands on the blocks that the hold-back has decided may be kept: see package holdback. The
// first such block starts the recording; from then on, keep hands the blocks to the take.
func (d *Daemon) keep() {
	switch phase := d.machine.Phase(); {
	case !d.mic.Keepable():
	case phase == consent.Starting && d.mic.IsOpen():
		d.step(consent.Keepable{})
	case phase == consent.Recording:
		d.mic.HandOn(d.take.Keep)
	}
}

// begin has the head made durable. Until now nothing of the consent is on any disk.
func (d *Daemon) begin() {
	light := "unproved"
	if d.light.proved { // seen dark and then lit, in this start
		light = "proved"
	}
	d.take.Begin(d.disk, light)
}

func (d *Daemon) begun(ev take.Begun) {
	if ev.Err != nil {
		d.checker.Interrupted() // to remove what is left of the file
		d.warnings.Warn(health.CodeOf(ev.Err, health.SpoolError), ev.Err)
	}
	d.step(consent.Begun{OK: ev.Err == nil})
}

// announce says that there is a recording, before any sample goes to the take. Warnings that can
// refuse a start are cleared only now, so that a consent that is withdrawn at once does not show.
func (d *Daemon) announce() {
	d.take.announced = true
	for _, code := range []health.Code{health.MicBusy, health.MicRate, health.MicFault, health.LightSense} {
		d.warnings.Clear(code)
	}
	d.mic.Announce()
	d.copies.Began(d.take.Name)
	d.announcer.Event(topic.Event{Type: topic.Started, Recording: d.take.ID})
	d.tones.begin(time.Now())
}

// cut ends the keeping at the time of a withdrawal. A take that was never announced gets nothing.
func (d *Daemon) cut(at time.Time) {
	var keep func(*ring.Block)
	if d.take != nil && d.take.announced {
		keep = d.take.Keep
	}
	d.mic.Cut(at, keep)
}

// micFailed ends the recording because the microphone can't go on.
func (d *Daemon) micFailed(err error) {
	d.warnings.Warn(health.CodeOf(err, health.MicFault), err)
	d.step(consent.Fault{})
}

// takeFailed ends the recording because the encoder or the disk can't go on.
func (d *Daemon) takeFailed(ev take.Failed) {
	d.warnings.Warn(health.CodeOf(ev.Err, health.SpoolError), ev.Err)
	if d.take != nil && ev.Take == d.take.Take {
		d.step(consent.Fault{})
	}
}

// micClosed takes the answer to Close. Only now may the light go off.
func (d *Daemon) micClosed(ev capture.Closed) {
	switch {
	case !d.mic.TakeClosed(ev):
	case ev.Err != nil:
		d.fatal = fmt.Errorf("close the microphone: %w", ev.Err)
	default:
		d.step(consent.Closed{})
	}
}

// end has the take sealed and closed.
func (d *Daemon) end(e consent.End) {
	d.take.failed = e.Reason == consent.ReasonFault
	d.take.End(e.Reason, actsOf(e.Acts))
	d.log.Info("recording ends", "recording", d.take.ID)
}

// ended takes the answer to End. The recording is on disk, and the followers may copy it. One
// without samples is removed.
func (d *Daemon) ended(ev take.Ended) {
	t := d.take
	finished := ev.Err == nil && ev.Length > 0
	if finished {
		d.warnings.Clear(health.EncoderFault)
	}
	if finished || t.announced { // the stores know nothing of a start without a recording
		d.copies.Ended(t.Name, finished)
	}
	switch {
	case ev.Err != nil:
		d.checker.Interrupted()
	case !finished:
		d.checker.Erase(t.ID, t.Name)
	}
	about := []any{"recording", t.ID, "seconds", int64(ev.Length / time.Second)}
	if ev.Err != nil {
		about = append(about, "err", ev.Err)
	}
	d.log.Info("recording ended", about...)
	if t.announced {
		d.announcer.Event(topic.Event{Type: topic.Ended, Recording: t.ID, Seconds: topic.Seconds(ev.Length)})
		d.announcer.WitnessNow()
	}
	if finished && !t.failed {
		d.warnings.EndedWell(t.Created)
	}
	d.take = nil
	d.checker.Soon()
	d.step(consent.Ended{})
}
