package daemon

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"tacet/audio/stream"
	"tacet/daemon/consent"
)

const (
	// openTime and closeTime bound what a sound card may take. Behind them the
	// microphone may be open and nobody knows: the process has to end.
	openTime  = 10 * time.Second
	closeTime = 5 * time.Second
	// stalledTime without samples is a warning, lostTime the recording's end.
	stalledTime = 1500 * time.Millisecond
	lostTime    = 5 * time.Second
	// silentTime of digital zero is a warning.
	silentTime = 10 * time.Second
	// keptPerSecond is how often in each second of a recording what was kept is
	// handed on: nobody does anything with less, and each time costs.
	keptPerSecond = 2
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
	stop    *atomic.Bool // set: the audio thread copies nothing more
	keeping bool         // blocks are held back to be kept

	held      []*block // arrived, not yet kept, in order
	decided   int      // how many of held the gap finder is done with
	kept      int64    // frames handed on: where the recording stands
	last      time.Time
	heard     bool // samples have come
	zeroSince time.Time
}

func (d *Daemon) openMic() {
	d.mic.opening++
	opening, stop := d.mic.opening, new(atomic.Bool)
	d.mic.state, d.mic.stop, d.mic.keeping = micIsOpening, stop, true
	d.mic.by = time.Now().Add(openTime)
	d.mic.last, d.mic.zeroSince, d.mic.heard, d.mic.kept = time.Time{}, time.Time{}, false, 0
	d.meter = stream.Meter{Rate: d.cfg.Audio.Rate, Channels: d.cfg.Audio.Channels}
	d.gaps = stream.NewGaps(d.cfg.Audio.Rate, d.hw.Microphone.Raw())
	go func() {
		handle, err := d.hw.Microphone.Open(
			func(samples []int16, arrived time.Time, raw stream.Raw) {
				d.deliver(stop, opening, samples, arrived, raw)
			},
			func(err error) { d.post(micFailed{opening, err}) },
		)
		d.post(micOpened{opening, handle, err})
	}()
}

// deliver runs on the audio thread: it copies into the ring and goes.
func (d *Daemon) deliver(stop *atomic.Bool, opening uint64, samples []int16, arrived time.Time, raw stream.Raw) {
	for len(samples) > 0 && !stop.Load() {
		b, rest := d.ring.take(samples, d.cfg.Audio.Channels)
		if b == nil {
			return
		}
		b.opening = opening
		// A block's arrival is that of its last sample.
		b.arrived = arrived.Add(-d.framesTime(int64(len(rest) / d.cfg.Audio.Channels)))
		b.raw = raw
		d.blocks <- b // as many places as blocks: never blocks
		samples = rest
	}
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
		d.mic.state, d.mic.keeping = micIsClosed, false
		d.mic.stop.Store(true)
		code := codeOf(ev.err, "mic-fault")
		if code == "mic-missing" {
			// The prober says that and takes it back; it sees no PCM but a card's own. This
			// stays until samples come.
			code = "mic-fault"
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
	d.mic.state, d.mic.keeping = micIsClosing, false
	d.mic.stop.Store(true)
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
	d.health.Clear("mic-stalled")
	d.health.Clear("mic-silent")
	d.step(consent.Closed{})
}

func (d *Daemon) micFault(err error) {
	d.warn(codeOf(err, "mic-fault"), err)
	d.step(consent.Fault{})
}

// cut drops every block that is still held back and not proved to be from
// before the edge: all that arrived since the lines were last seen in order.
func (d *Daemon) cut() {
	if !d.mic.keeping {
		return
	}
	d.mic.keeping = false
	d.mic.stop.Store(true)
	d.settle(d.gaps.Flush())
	d.handOn(d.proved())
	for _, b := range d.mic.held {
		d.ring.give(b)
	}
	d.mic.held, d.mic.decided = nil, 0
}

// arrive takes a block from the audio thread into the hold-back.
func (d *Daemon) arrive(b *block) {
	if b.opening != d.mic.opening || !d.mic.keeping {
		d.ring.give(b)
		return
	}
	now := time.Now()
	d.mic.last = now
	d.health.Clear("mic-stalled")
	sound, zero := d.meter.Block(b.samples)
	d.noteZero(zero, now)
	d.mic.held = append(d.mic.held, b)
	d.judge(b)
	for _, code := range []string{"mic-busy", "mic-rate", "mic-fault"} {
		d.health.Clear(code)
	}
	d.mic.heard = true
	if d.mic.state == micIsOpening {
		return // Open has not returned yet; micOpened will tell
	}
	d.step(consent.Samples{})
	if sound {
		d.step(consent.Sound{})
	}
}

func (d *Daemon) noteZero(zero bool, now time.Time) {
	switch {
	case !zero:
		d.mic.zeroSince = time.Time{}
		d.health.Clear("mic-silent")
	case d.mic.zeroSince.IsZero():
		d.mic.zeroSince = now
	case now.Sub(d.mic.zeroSince) >= silentTime:
		d.warn("mic-silent", errors.New("nothing but digital zero"))
	}
}

// holdBackDue is when the oldest block that was not cleared may be.
func (d *Daemon) holdBackDue() (time.Time, bool) {
	for _, b := range d.mic.held {
		if !b.cleared {
			return b.arrived.Add(d.debounce), true
		}
	}
	return time.Time{}, false
}

// holdBackWake is when the held blocks are looked at again if nothing happens. The
// next block's arrival is such a happening, and so comes before it wherever the
// card keeps its pace: one wake-up does for both.
func (d *Daemon) holdBackWake() (time.Time, bool) {
	due, held := d.holdBackDue()
	if due.Before(d.heldRetry) {
		return d.heldRetry, held
	}
	return due.Add(max(0, senseEvery-d.debounce)), held
}

// clearHeld reads the lines and the light for the blocks whose debounce time has
// passed, and keeps those that are proved.
func (d *Daemon) clearHeld(now time.Time) {
	due, ok := d.holdBackDue()
	if !ok || now.Before(due) {
		return
	}
	if !d.readLines(now) || !d.checkLight(now) || !d.mic.keeping {
		d.heldRetry = now.Add(senseRetry)
		return
	}
	for _, b := range d.mic.held {
		if b.arrived.Add(d.debounce).After(now) {
			break
		}
		b.cleared = true
	}
	share := int64(d.cfg.Audio.Rate / keptPerSecond)
	n, at := d.proved()
	if at/share > d.mic.kept/share {
		d.handOn(n, at)
	}
}

// proved is how many of the held blocks, from the first, are cleared and decided,
// and where the recording stands behind them.
func (d *Daemon) proved() (n int, at int64) {
	for at = d.mic.kept; n < d.mic.decided && d.mic.held[n].cleared; n++ {
		b := d.mic.held[n]
		at += b.silence + int64(len(b.samples)/d.cfg.Audio.Channels)
	}
	return n, at
}

// handOn gives the recorder the first n held blocks.
func (d *Daemon) handOn(n int, at int64) {
	for _, b := range d.mic.held[:n] {
		d.recorder.keep(b)
	}
	d.mic.held, d.mic.decided, d.mic.kept = d.mic.held[n:], d.mic.decided-n, at
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
			d.warn("mic-stalled", fmt.Errorf("no samples for %s", age.Round(100*time.Millisecond)))
		}
		if age >= lostTime {
			d.micFault(fmt.Errorf("no samples for %s", lostTime))
		} else if d.light.proved && now.Sub(d.light.seen) >= senseEvery {
			d.checkLight(now)
		}
	}
}
