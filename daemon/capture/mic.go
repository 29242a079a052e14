// Package capture opens the room's microphone, holds back what it delivers until it may be kept,
// and finds what is wrong with it: lost samples, a dead signal, a card that does not keep its rate.
//
// A block of sound waits in the hold-back (daemon/holdback) until it is proved, and then until the
// gap finder (audio/monitor) has finished with it. Everything that is not proved when a recording
// ends is wiped.
package capture

import (
	"errors"
	"io"
	"time"

	"tacet/audio/monitor"
	"tacet/daemon/health"
	"tacet/daemon/holdback"
	"tacet/daemon/ring"
)

const (
	// openTime and closeTime bound a call on the sound card. After that the microphone may be open
	// without anybody knowing, so the process has to end.
	openTime  = 10 * time.Second
	closeTime = 5 * time.Second
)

// Microphone is a sound card.
type Microphone interface {
	// Present reports, without opening anything, why the card can't be there. Known is false where
	// only Open can tell.
	Present() (known bool, err error)
	// Raw reads the clock whose stamps judge the card.
	Raw() monitor.Raw
	// Open starts capturing. It calls deliver on the audio thread with interleaved samples that are
	// valid only during the call, and two stamps of when they came: arrived is compared with edges
	// and readings of the lines only, and raw only judges the card. It calls failed at most once,
	// when capture can't go on.
	//
	// Close of the returned handle ends capture before it returns. An error means that the device
	// may still be open, so the process has to end.
	//
	// A microphone may have a method Overruns() int64: how often the card has dropped samples,
	// counted before the block that follows is delivered.
	//
	// An error may have a method Code() string that names its warning. An error with a method
	// MayBeOpen() bool that returns true also ends the process.
	Open(deliver func(samples []int16, arrived time.Time, raw monitor.Raw), failed func(error)) (io.Closer, error)
}

// MayBeOpen reports whether an error of Open leaves the microphone open, perhaps.
func MayBeOpen(err error) bool {
	var stuck interface{ MayBeOpen() bool }
	return errors.As(err, &stuck) && stuck.MayBeOpen()
}

type state uint8

const (
	isClosed state = iota
	isOpening
	isOpen
	isClosing
)

// Settings are what a Mic works with.
type Settings struct {
	Microphone     Microphone
	Rate, Channels int
	Debounce       time.Duration // the longest of the buttons'
	Ring           *ring.Ring
	Blocks         chan<- *ring.Block // gets the blocks, and must have room for all of them
	Warnings       health.Warner
	Post           func(event any) // gets the events; may block
}

// Mic is the microphone and all sound that is not yet kept. One goroutine uses it. Its methods do
// not block: the sound card is opened and closed on goroutines of its own.
type Mic struct {
	s Settings

	state   state
	opening uint64    // number of openings; events of an earlier one are ignored
	by      time.Time // when the call under way must have returned
	handle  io.Closer
	filler  *ring.Filler
	worked  bool // it has recorded since the start

	keeping   bool                        // blocks are held back, to be kept
	hold      *holdback.Hold[*ring.Block] // nil: nothing is held
	askAgain  time.Time                   // not before this do held blocks need another reading
	proved    []*ring.Block               // out of the hold-back and not handed on, in order
	undecided []*ring.Block               // the gap finder has not finished with them, in order
	handedOn  int64                       // frames

	gaps      *monitor.Gaps
	meter     monitor.Meter
	last      time.Time // when the last block came, or the opening
	heard     bool      // samples have come
	sound     bool      // the signal has been alive
	deadSince time.Time
	announced bool  // the recording was published
	lost      error // samples that were lost before that
}

// The events that a Mic posts.
type (
	// Opened answers Open.
	Opened struct {
		Err     error
		opening uint64
		handle  io.Closer
	}
	// Failed reports that capture can't go on.
	Failed struct {
		Err     error
		opening uint64
	}
	// Closed answers Close.
	Closed struct {
		Err     error
		opening uint64
	}
)

// New returns a microphone that is closed.
func New(s Settings) *Mic { return &Mic{s: s} }

// Open starts to open the microphone, and to hold back what it delivers. Sensed says that a sense
// line can prove that the light is lit.
func (m *Mic) Open(sensed bool) {
	m.opening++
	opening, s := m.opening, m.s
	f := ring.NewFiller(s.Ring, s.Channels, opening, s.Microphone, s.Blocks)
	m.state, m.by, m.filler = isOpening, time.Now().Add(openTime), f
	m.keeping, m.hold, m.handedOn = true, holdback.New[*ring.Block](s.Debounce, sensed), 0
	m.gaps = monitor.NewGaps(s.Rate, s.Microphone.Raw())
	m.meter = monitor.Meter{Rate: s.Rate, Channels: s.Channels}
	m.last, m.deadSince, m.heard, m.sound = time.Time{}, time.Time{}, false, false
	m.announced, m.lost = false, nil
	go func() {
		handle, err := s.Microphone.Open(f.Deliver, func(err error) { s.Post(Failed{err, opening}) })
		s.Post(Opened{err, opening, handle})
	}()
}

// TakeOpened takes the answer to Open. It returns false for that of an earlier opening. After an
// error the microphone is closed, unless MayBeOpen.
func (m *Mic) TakeOpened(e Opened) bool {
	if e.opening != m.opening {
		return false
	}
	switch {
	case MayBeOpen(e.Err):
	case e.Err != nil:
		m.Cut(time.Now(), nil)
		m.closed()
	default:
		m.state, m.handle, m.by, m.last = isOpen, e.handle, time.Time{}, time.Now()
	}
	return true
}

// Close starts to close the microphone.
func (m *Mic) Close() {
	m.state, m.by = isClosing, time.Now().Add(closeTime)
	m.filler.Stop()
	opening, handle := m.opening, m.handle
	go func() { m.s.Post(Closed{handle.Close(), opening}) }()
}

// TakeClosed takes the answer to Close. It returns false for that of an earlier opening. After an
// error the microphone may still be open.
func (m *Mic) TakeClosed(e Closed) bool {
	if e.opening != m.opening || m.state != isClosing {
		return false
	}
	if e.Err == nil {
		m.closed()
		m.s.Warnings.Clear(health.MicStalled)
		m.s.Warnings.Clear(health.MicSilent)
	}
	return true
}

func (m *Mic) closed() {
	m.state, m.handle, m.by = isClosed, nil, time.Time{}
	m.filler.Drop()
}

// IsOpen reports whether the microphone is known to be open.
func (m *Mic) IsOpen() bool { return m.state == isOpen }

// IsClosed reports whether the microphone is known to be closed.
func (m *Mic) IsClosed() bool { return m.state == isClosed }

// Concerns reports whether a failure is about the present opening.
func (m *Mic) Concerns(e Failed) bool { return e.opening == m.opening && m.state != isClosed }

// Heard reports whether the present opening has delivered samples.
func (m *Mic) Heard() bool { return m.heard }

// Worked reports whether there has been a recording since the start.
func (m *Mic) Worked() bool { return m.worked }

// Quiet returns how long the open microphone has delivered nothing; 0 if it is not open.
func (m *Mic) Quiet(now time.Time) time.Duration {
	if m.state != isOpen {
		return 0
	}
	return now.Sub(m.last)
}

// Overdue returns an error if the sound card has not answered in time.
func (m *Mic) Overdue(now time.Time) error {
	if (m.state == isOpening || m.state == isClosing) && !now.Before(m.by) {
		return errors.New("the sound card does not answer: the microphone may be open")
	}
	return nil
}

// Wake returns when held blocks need a reading of the lines, or the sound card is overdue,
// whichever comes first.
func (m *Mic) Wake() (t time.Time, ok bool) {
	t, ok = m.wakeForReading()
	if (m.state == isOpening || m.state == isClosing) && (!ok || m.by.Before(t)) {
		return m.by, true
	}
	return t, ok
}
