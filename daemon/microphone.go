package daemon

import (
	"errors"
	"fmt"
	"io"
	"time"

	"tacet/audio/monitor"
	"tacet/daemon/health"
	"tacet/daemon/holdback"
	"tacet/daemon/lamp"
	"tacet/daemon/ring"
)

const (
	// openTime and closeTime bound a call on the sound card. After that the microphone may be open
	// without anybody knowing, so the process has to end.
	openTime  = 10 * time.Second
	closeTime = 5 * time.Second
	// stalledTime without samples is a warning, lostTime ends the recording.
	stalledTime = 1500 * time.Millisecond
	lostTime    = 5 * time.Second
	// silentTime of a dead signal is a warning if the microphone has given no sound in this
	// recording, mutedTime if it has: the broker must not hear of every pause in which somebody mutes
	// the microphone. The meter takes another second to be sure.
	silentTime = 9 * time.Second
	mutedTime  = 5 * time.Minute
	// handOnsPerSecond is how often in each second of a recording kept blocks are handed on. More
	// often would only cost wake-ups.
	handOnsPerSecond = 2
)

type micState uint8

const (
	micIsClosed micState = iota
	micIsOpening
	micIsOpen
	micIsClosing
)

// microphone is the sound card and all sound that is not yet kept. It is the owner's.
type microphone struct {
	hw             Microphone
	ring           *ring.Ring
	blocks         chan *ring.Block
	rate, channels int
	debounce       time.Duration // the longest of the buttons'
	warnings       *warnings

	state   micState
	opening uint64    // number of openings; events of an earlier one are ignored
	by      time.Time // when the call under way must have returned
	handle  io.Closer
	filler  *ring.Filler
	worked  bool // it has recorded since the start, so it is there

	keeping   bool                        // blocks are held back, to be kept
	hold      *holdback.Hold[*ring.Block] // nil: nothing is held
	askAgain  time.Time                   // not before this are the lines and the light read for held blocks
	proved    []*ring.Block               // out of the hold-back and not handed on, in order
	undecided []*ring.Block               // the gap finder has not finished with them, in order
	handedOn  int64                       // frames
	announced bool                        // recording has been said
	gaps      *monitor.Gaps
	meter     monitor.Meter

	last      time.Time // when the last block came, or the opening
	heard     bool      // samples have come
	sound     bool      // the signal has been alive
	deadSince time.Time
	lost      error // samples that were lost before recording was said
}

// The events of a microphone.
type (
	micOpened struct {
		opening uint64
		handle  io.Closer
		err     error
	}
	micFailed struct {
		opening uint64
		err     error
	}
	micClosed struct {
		opening uint64
		err     error
	}
)

// open starts to open the microphone, and posts micOpened. Sensed says that the light's sense line
// can prove that it is lit.
func (m *microphone) open(sensed bool, post func(any)) {
	m.opening++
	opening := m.opening
	f := ring.NewFiller(m.ring, m.channels, opening, m.hw, m.blocks)
	m.state, m.by, m.filler = micIsOpening, time.Now().Add(openTime), f
	m.keeping, m.hold = true, holdback.New[*ring.Block](m.debounce, sensed)
	m.handedOn, m.announced, m.lost = 0, false, nil
	m.last, m.deadSince, m.heard, m.sound = time.Time{}, time.Time{}, false, false
	m.meter = monitor.Meter{Rate: m.rate, Channels: m.channels}
	m.gaps = monitor.NewGaps(m.rate, m.hw.Raw())
	go func() {
		handle, err := m.hw.Open(f.Deliver, func(err error) { post(micFailed{opening, err}) })
		post(micOpened{opening, handle, err})
	}()
}

// close starts to close the microphone, and posts micClosed.
func (m *microphone) close(post func(any)) {
	m.state, m.by = micIsClosing, time.Now().Add(closeTime)
	m.filler.Stop()
	opening, handle := m.opening, m.handle
	go func() { post(micClosed{opening, handle.Close()}) }()
}

// isClosed takes note that the microphone is closed.
func (m *microphone) isClosed() {
	m.state, m.handle, m.by = micIsClosed, nil, time.Time{}
	m.filler.Drop()
}

// add puts a block into the hold-back, and shows it to the gap finder. It reports whether there was
// sound in it.
func (m *microphone) add(b *ring.Block) (sound bool) {
	now := time.Now()
	m.last, m.heard = now, true
	m.warnings.Clear(health.MicStalled)
	sound, dead := m.meter.Block(b.Samples)
	m.noteDead(dead, now)
	m.hold.Block(b, b.Arrived)
	m.undecided = append(m.undecided, b)
	if b.Overrun {
		m.gaps.Overrun()
	}
	// To the finder, frames that the full ring refused have arrived: their loss is known.
	m.decide(m.gaps.Push(len(b.Samples)/m.channels+int(b.Lost), b.Raw))
	m.noteRate(b)
	return sound
}

// decide applies the gap finder's verdicts to the oldest undecided blocks.
func (m *microphone) decide(verdicts []monitor.Verdict) {
	for _, v := range verdicts {
		b := m.undecided[0]
		m.undecided = m.undecided[1:]
		b.Decided, b.Silence = true, v.Lost+b.Lost
		if stale := min(int(v.Stale)*m.channels, len(b.Samples)); stale > 0 {
			b.Samples = b.Samples[stale:] // captured before the opening; only in the first blocks
		}
		if b.Silence > 0 {
			lost := time.Duration(b.Silence) * time.Second / time.Duration(m.rate)
			m.noteLost(fmt.Errorf("%s at %s", lost.Round(time.Millisecond), b.Arrived.Format(time.TimeOnly)))
		}
	}
}

// noteLost warns of lost samples, as soon as people may know that there is a recording.
func (m *microphone) noteLost(err error) {
	if !m.announced {
		m.lost = err
		return
	}
	m.warnings.Warn(health.SamplesLost, err)
}

// noteRate warns of a card that does not keep its nominal rate, and has the recording note the real
// one. The sound is kept as it comes.
func (m *microphone) noteRate(b *ring.Block) {
	pace := m.gaps.Pace()
	rate, known := pace.Rate()
	if !known {
		return
	}
	b.Rate = rate
	if _, off := pace.Off(); off {
		m.warnings.Warn(health.MicPace, fmt.Errorf("%.0f samples a second instead of %d, %+.1f %%", rate, m.rate,
			100*(rate/float64(m.rate)-1)))
		return
	}
	m.warnings.Clear(health.MicPace)
}

// noteDead warns of a dead signal. The warning then stays for the rest of the recording, so that
// nothing that follows the talk leaves the room.
func (m *microphone) noteDead(dead bool, now time.Time) {
	limit := silentTime
	if m.sound {
		limit = mutedTime
	}
	switch {
	case !dead:
		m.deadSince, m.sound = time.Time{}, true
	case m.deadSince.IsZero():
		m.deadSince = now
	case now.Sub(m.deadSince) >= limit:
		m.warnings.Warn(health.MicSilent, fmt.Errorf("the signal has not moved for %s", limit))
	}
}

// needsReading reports whether held blocks wait for a reading of the lines and the light.
func (m *microphone) needsReading(now time.Time) bool {
	if !m.keeping {
		return false
	}
	due, held := m.hold.Due()
	if !held || now.Before(due) || now.Before(m.askAgain) {
		return false
	}
	m.askAgain = now.Add(lamp.SenseRetry)
	return true
}

// wake is when held blocks need a reading if nothing else happens. It is later than necessary: the
// next block usually comes first, and one wake-up serves both.
func (m *microphone) wake() (time.Time, bool) {
	if !m.keeping {
		return time.Time{}, false
	}
	due, held := m.hold.Due()
	if due.Before(m.askAgain) {
		return m.askAgain, held
	}
	return due.Add(max(0, senseEvery-m.debounce)), held
}

// ready takes proved blocks out of the hold-back. It returns how many of them, from the first, the
// gap finder has finished with, and the frames of the recording up to there.
func (m *microphone) ready() (n int, frames int64) {
	m.proved = append(m.proved, m.hold.Keep()...)
	for frames = m.handedOn; n < len(m.proved) && m.proved[n].Decided; n++ {
		frames += m.proved[n].Silence + int64(len(m.proved[n].Samples)/m.channels)
	}
	return n, frames
}

// worthHandingOn reports whether there is enough up to a frame to wake the encoder for it.
func (m *microphone) worthHandingOn(frames int64) bool {
	share := int64(m.rate / handOnsPerSecond)
	return frames/share > m.handedOn/share
}

// handOn gives the first n proved blocks to the take.
func (m *microphone) handOn(n int, frames int64, keep func(*ring.Block)) {
	for _, b := range m.proved[:n] {
		keep(b)
	}
	m.proved, m.handedOn = m.proved[n:], frames
}

// cut ends the keeping. Blocks that are proved, and were captured before a time, go to keep if it
// is not nil; everything else is wiped.
func (m *microphone) cut(at time.Time, keep func(*ring.Block)) {
	if m.hold == nil {
		return
	}
	m.keeping = false
	m.filler.Stop()
	m.decide(m.gaps.Flush())
	m.hold.Cut(at)
	n, frames := m.ready()
	if keep != nil {
		m.handOn(n, frames, keep)
	}
	for _, b := range append(m.proved, m.hold.Drop()...) {
		m.ring.Give(b)
	}
	m.proved, m.undecided, m.hold = nil, nil, nil
}

// overdue returns an error if the sound card has not answered in time.
func (m *microphone) overdue(now time.Time) error {
	if (m.state == micIsOpening || m.state == micIsClosing) && !now.Before(m.by) {
		return errors.New("the sound card does not answer: the microphone may be open")
	}
	return nil
}

// quiet returns for how long no samples have come from the open microphone.
func (m *microphone) quiet(now time.Time) time.Duration {
	if m.state != micIsOpen {
		return 0
	}
	return now.Sub(m.last)
}
