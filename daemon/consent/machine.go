package consent

import (
	"slices"
	"time"
)

// Machine is the consent machine. One goroutine owns it.
type Machine struct {
	set     Settings
	buttons []button
	phase   Phase
	ready   bool
	stopped bool // for good
	acts    []Act
	run     run
	darks   int // LightOffs not yet answered

	deadUntil time.Time // a press begun before counts as nothing
	waitUntil time.Time // while waiting
	out       []Effect  // of the step under way
}

// New makes a machine that is not ready, with nothing given. Tell it each line's level first, as an
// edge that is not fresh: so a button held since before gives nothing, and a latching one that is
// off is known to be.
func New(s Settings, now time.Time) *Machine {
	m := &Machine{set: s, phase: Faulty, deadUntil: now}
	for _, b := range s.Buttons {
		m.buttons = append(m.buttons, newButton(b))
	}
	return m
}

// Step takes in one event and returns what is to be done, in order; mostly nothing. Edges and door
// events that are queued come before anything else.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	switch ev := ev.(type) {
	case Edge:
		m.doubt(now, ev)
		m.advance(earlier(ev.At, now), now)
		m.edge(now, ev)
	case Door:
		m.advance(earlier(ev.At, now), now)
		m.door(now, ev)
	default:
		m.advance(now, now)
		m.other(now, ev)
	}
	out := m.out
	m.out = nil
	return out
}

// other takes in the events that carry no time of their own.
func (m *Machine) other(now time.Time, ev Event) {
	switch ev := ev.(type) {
	case Ready:
		m.setReady(now, ev.OK)
	case Lit:
		m.litAnswer(now, ev.OK)
	case Prepared:
		m.prepared(now, ev.OK)
	case Opened:
		m.opened(now, ev.OK)
	case Samples:
		m.samples(now)
	case Keepable:
		m.keepable(now)
	case Begun:
		m.begun(now, ev.OK)
	case Sound:
		m.sound(now)
	case Fault:
		m.voidPresses()
		m.lapse(now, now, CauseFault)
	case Slept:
		m.voidPresses()
		m.lapse(now, now, CauseSlept)
	case Closed:
		m.closed()
	case Dark:
		m.dark()
	case Ended:
		m.ended()
	case Stop:
		m.stopped = true
		m.voidPresses()
		m.lapse(now, now, CauseStopped)
	}
}

// Deadline tells when the next Tick is due.
func (m *Machine) Deadline() (time.Time, bool) {
	t, ok := m.nextTimer()
	return t.at, ok
}

// Phase tells where the machine is.
func (m *Machine) Phase() Phase { return m.phase }

// Acts are those since the first give of this consent; none once it has been cleared and all is
// closed.
func (m *Machine) Acts() []Act { return slices.Clone(m.acts) }

// Consented tells whether a button's consent stands.
func (m *Machine) Consented(button int) bool { return m.buttons[button].gave }

// Pressed tells whether a button is pressed, or on; raw, not debounced.
func (m *Machine) Pressed(button int) bool { return m.buttons[button].pressed }

// HeldSince tells since when a momentary button has been pressed. One held for a minute is stuck,
// or leaned on.
func (m *Machine) HeldSince(button int) (time.Time, bool) {
	b := &m.buttons[button]
	if b.Style == Latching || !b.pressed {
		return time.Time{}, false
	}
	return b.began, true
}

// LapsesAt tells, while recording, when the longest length is reached.
func (m *Machine) LapsesAt() (time.Time, bool) {
	return m.run.maxAt, m.phase == Recording
}

// timer is something that happens by itself: a press that gives, or consent that lapses.
type timer struct {
	at     time.Time
	button int
	cause  string // empty: the button gives
}

// nextTimer finds the earliest timer; of two at the same time the lapse.
func (m *Machine) nextTimer() (next timer, ok bool) {
	consider := func(t timer) {
		if !ok || t.at.Before(next.at) {
			next, ok = t, true
		}
	}
	switch m.phase {
	case Waiting:
		consider(timer{at: m.waitUntil, cause: CauseWaiting})
	case Starting:
		consider(timer{at: m.run.startBy, cause: CauseFault})
	case Recording:
		consider(timer{at: m.run.maxAt, cause: CauseMax})
		if m.set.Quiet > 0 {
			consider(timer{at: m.run.quietAt, cause: CauseQuiet})
		}
	}
	for i := range m.buttons {
		if at, gives := m.buttons[i].givesAt(); gives {
			consider(timer{at: at, button: i})
		}
	}
	return next, ok
}

// advance lets happen, in order, what was due until limit. Each timer that fires is gone: a give is
// no longer live, a lapse leaves the phase.
func (m *Machine) advance(limit, now time.Time) {
	for {
		t, ok := m.nextTimer()
		if !ok || t.at.After(limit) {
			return
		}
		if t.cause != "" {
			m.lapse(now, t.at, t.cause)
		} else {
			m.give(now, t.button)
		}
	}
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
