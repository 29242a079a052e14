package daemon

import (
	"fmt"
	"time"

	"tacet/audio/monitor"
	"tacet/daemon/consent"
	"tacet/daemon/health"
)

// keptPerSecond is how often in each second of a recording what was kept is handed on: nobody does
// anything with less, and each time costs.
const keptPerSecond = 2

// judge shows the finder a new block.
func (d *Daemon) judge(b *block) {
	frames := len(b.samples) / d.cfg.Audio.Channels
	d.mic.undecided = append(d.mic.undecided, b)
	if b.overrun {
		d.gaps.Overrun()
	}
	// Frames that the full ring refused are lost, but for certain: the finder counts them as
	// arrived.
	d.settle(d.gaps.Push(frames+int(b.lost), b.raw))
	d.notePace(b)
}

// settle applies what the finder decided, to the blocks that it has had longest.
func (d *Daemon) settle(verdicts []monitor.Verdict) {
	for _, v := range verdicts {
		b := d.mic.undecided[0]
		d.mic.undecided = d.mic.undecided[1:]
		b.decided, b.silence = true, v.Lost+b.lost
		if stale := min(int(v.Stale)*d.cfg.Audio.Channels, len(b.samples)); stale > 0 {
			b.samples = b.samples[stale:] // from before the opening: the finder says so of the first blocks alone
		}
		if b.silence > 0 {
			d.noteLost(fmt.Errorf("%s at %s", d.framesTime(b.silence).Round(time.Millisecond), b.arrived.Format(time.TimeOnly)))
		}
	}
}

// noteLost warns of samples that are missing, as soon as it may be known that anything is recorded.
func (d *Daemon) noteLost(err error) {
	if d.recorder == nil || !d.recorder.said {
		d.mic.lost = err
		return
	}
	d.warn(health.SamplesLost, err)
}

// askHeld has the lines and the light read for the blocks whose debounce time has passed.
func (d *Daemon) askHeld(now time.Time) {
	if !d.mic.keeping {
		return
	}
	if due, held := d.mic.hold.Due(); held && !now.Before(due) && !now.Before(d.heldRetry) {
		d.heldRetry = now.Add(senseRetry)
		d.askLines(now)
		d.askLight()
	}
}

// holdBackWake is when the held blocks are looked at again if nothing happens. The next block's
// arrival is such a happening, and so comes before it wherever the card keeps its pace: one wake-up
// does for both.
func (d *Daemon) holdBackWake() (time.Time, bool) {
	if !d.mic.keeping {
		return time.Time{}, false
	}
	due, held := d.mic.hold.Due()
	if due.Before(d.heldRetry) {
		return d.heldRetry, held
	}
	return due.Add(max(0, senseEvery-d.debounce)), held
}

// keep takes from the hold-back what it has proved, and hands it on while a recording runs. The
// first of it has the recording begin.
func (d *Daemon) keep() {
	if d.mic.hold == nil {
		return
	}
	d.mic.proved = append(d.mic.proved, d.mic.hold.Keep()...)
	n, at := d.decided()
	switch {
	case n == 0:
	case d.machine.Phase() == consent.Starting && d.mic.state == micIsOpen:
		d.step(consent.Keepable{})
	case d.machine.Phase() == consent.Recording:
		share := int64(d.cfg.Audio.Rate / keptPerSecond)
		if at/share > d.mic.kept/share {
			d.handOn(n, at)
		}
	}
}

// decided is how many of the proved blocks, from the first, the gap finder is done with, and where
// the recording stands after them.
func (d *Daemon) decided() (n int, at int64) {
	for at = d.mic.kept; n < len(d.mic.proved) && d.mic.proved[n].decided; n++ {
		b := d.mic.proved[n]
		at += b.silence + int64(len(b.samples)/d.cfg.Audio.Channels)
	}
	return n, at
}

// handOn gives the recorder the first n proved blocks.
func (d *Daemon) handOn(n int, at int64) {
	for _, b := range d.mic.proved[:n] {
		d.recorder.keep(b)
	}
	d.mic.proved, d.mic.kept = d.mic.proved[n:], at
}

// cut ends the keeping: what is proved, and was captured before a time, is the recording's, if one
// runs, and all else goes.
func (d *Daemon) cut(at time.Time) {
	if d.mic.hold == nil {
		return
	}
	d.mic.keeping = false
	d.mic.filler.stop()
	d.settle(d.gaps.Flush())
	d.mic.hold.Cut(at)
	d.mic.proved = append(d.mic.proved, d.mic.hold.Keep()...)
	if d.recorder != nil && d.recorder.said {
		d.handOn(d.decided())
	}
	for _, b := range append(d.mic.proved, d.mic.hold.Drop()...) {
		d.ring.give(b)
	}
	d.mic.proved, d.mic.undecided, d.mic.hold = nil, nil, nil
}
