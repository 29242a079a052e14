package daemon

import (
	"errors"
	"fmt"
	"io"
	"time"

	"tacet/audio/monitor"
	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/holdback"
)

const (
	// openTime and closeTime bound what a sound card may take. Behind them the microphone may be
	// open and nobody knows: the process has to end.
	openTime  = 10 * time.Second
	closeTime = 5 * time.Second
	// stalledTime without samples is a warning, lostTime the recording's end.
	stalledTime = 1500 * time.Millisecond
	lostTime    = 5 * time.Second
	// silentTime of a dead signal is a warning where the microphone has given no sound in this
	// recording, pausedTime where it has: one that mutes pauses must not have the broker told of
	// them.
	silentTime = 9 * time.Second // after the one that the meter takes to be sure
	pausedTime = 5 * time.Minute
)

type micState uint8

const (
	micIsClosed micState = iota
	micIsOpening
	micIsOpen
	micIsClosing
)

// microphone is the owner's view of the microphone.
type microphone struct {
	state   micState
	opening uint64 // counts the openings; a late word of an earlier one is known by it
	by      time.Time
	handle  io.Closer
	filler  *filler
	opened  bool // it has recorded once: it is there
	keeping bool // blocks are held back to be kept

	hold      *holdback.Hold[*block] // nil: nothing is held
	proved    []*block               // out of the hold-back, not handed on yet, in order
	undecided []*block               // those that the gap finder is not done with, in order
	kept      int64                  // frames handed on: where the recording stands
	last      time.Time
	heard     bool  // samples have come
	sound     bool  // the signal has not been dead all the time
	lost      error // what was lost before it was said that it records
	deadSince time.Time
}

func (d *Daemon) openMic() {
	d.mic.opening++
	opening := d.mic.opening
	f := &filler{ring: d.ring, channels: d.cfg.Audio.Channels, opening: opening, out: d.blocks}
	if card, tells := d.hw.Microphone.(interface{ Overruns() int64 }); tells {
		f.overruns, f.seen = card.Overruns, card.Overruns()
	}
	d.mic.state, d.mic.filler, d.mic.keeping = micIsOpening, f, true
	d.mic.hold = holdback.New[*block](d.debounce, d.light.proved)
	d.mic.by = time.Now().Add(openTime)
	d.mic.lost = nil
	d.mic.last, d.mic.deadSince, d.mic.heard, d.mic.sound, d.mic.kept = time.Time{}, time.Time{}, false, false, 0
	d.meter = monitor.Meter{Rate: d.cfg.Audio.Rate, Channels: d.cfg.Audio.Channels}
	d.gaps = monitor.NewGaps(d.cfg.Audio.Rate, d.hw.Microphone.Raw())
	go func() {
		handle, err := d.hw.Microphone.Open(f.deliver, func(err error) { d.post(micFailed{opening, err}) })
		d.post(micOpened{opening, handle, err})
	}()
}

func (d *Daemon) framesTime(frames int64) time.Duration {
	return time.Duration(frames) * time.Second / time.Duration(d.cfg.Audio.Rate)
}

func (d *Daemon) micOpened(ev micOpened) {
	if ev.opening != d.mic.opening {
		return
	}
	var stuck interface{ MayBeOpen() bool }
	if errors.As(ev.err, &stuck) && stuck.MayBeOpen() {
		d.fatal = ev.err
		return
	}
	if ev.err != nil {
		d.mic.state = micIsClosed
		d.cut(time.Now())
		d.mic.filler.empty()
		code := codeOf(ev.err, health.MicFault)
		if code == health.MicMissing {
			// The prober says that and takes it back; it sees no PCM but a card's own. This stays
			// until samples come.
			code = health.MicFault
		}
		d.warn(code, ev.err)
		d.step(consent.Opened{OK: false})
		return
	}
	d.mic.state, d.mic.handle, d.mic.by = micIsOpen, ev.handle, time.Time{}
	d.mic.last = time.Now()
	d.step(consent.Opened{OK: true})
	if d.mic.state == micIsOpen && d.mic.heard {
		d.step(consent.Samples{})
	}
}

func (d *Daemon) closeMic() {
	d.mic.state = micIsClosing
	d.mic.filler.stop()
	d.mic.by = time.Now().Add(closeTime)
	opening, handle := d.mic.opening, d.mic.handle
	go func() { d.post(micClosed{opening, handle.Close()}) }()
}

func (d *Daemon) micClosed(ev micClosed) {
	if ev.opening != d.mic.opening || d.mic.state != micIsClosing {
		return
	}
	if ev.err != nil {
		d.fatal = fmt.Errorf("close the microphone: %w", ev.err)
		return
	}
	d.mic.state, d.mic.handle, d.mic.by = micIsClosed, nil, time.Time{}
	d.mic.filler.empty()
	d.health.Clear(health.MicStalled)
	d.health.Clear(health.MicSilent)
	d.step(consent.Closed{})
}

func (d *Daemon) micFault(err error) {
	d.warn(codeOf(err, health.MicFault), err)
	d.step(consent.Fault{})
}

// arrive takes a block from the audio thread into the hold-back.
func (d *Daemon) arrive(b *block) {
	if b.opening != d.mic.opening || !d.mic.keeping {
		d.ring.give(b)
		return
	}
	now := time.Now()
	d.mic.last = now
	d.health.Clear(health.MicStalled)
	sound, dead := d.meter.Block(b.samples)
	d.noteDead(dead, now)
	d.mic.hold.Block(b, b.arrived)
	d.judge(b)
	d.mic.heard = true
	if d.mic.state == micIsOpening {
		return // Open has not returned yet; micOpened will tell
	}
	d.step(consent.Samples{})
	if sound {
		d.step(consent.Sound{})
	}
}

// noteDead warns of a signal that is none. Once it has warned it says so to the end of the
// recording: nothing that follows the talk leaves the room.
func (d *Daemon) noteDead(dead bool, now time.Time) {
	limit := silentTime
	if d.mic.sound {
		limit = pausedTime
	}
	switch {
	case !dead:
		d.mic.deadSince, d.mic.sound = time.Time{}, true
	case d.mic.deadSince.IsZero():
		d.mic.deadSince = now
	case now.Sub(d.mic.deadSince) >= limit:
		d.warn(health.MicSilent, fmt.Errorf("the signal has not moved for %s", limit))
	}
}

// watchMic looks after deadlines of the microphone.
func (d *Daemon) watchMic(now time.Time) {
	switch d.mic.state {
	case micIsOpening, micIsClosing:
		if !now.Before(d.mic.by) {
			d.fatal = errors.New("the sound card does not answer: the microphone may be open")
		}
	case micIsOpen:
		age := now.Sub(d.mic.last)
		if age >= stalledTime {
			d.warn(health.MicStalled, fmt.Errorf("no samples for %s", age.Round(100*time.Millisecond)))
		}
		if age >= lostTime {
			d.micFault(fmt.Errorf("no samples for %s", lostTime))
		} else if now.Sub(d.light.seen) >= senseEvery {
			d.askLight()
		}
	}
}
