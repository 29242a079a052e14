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
	darks   int // LightOffs that are not answered yet

	deadUntil time.Time // a press that starts before has no effect
	waitUntil time.Time // while waiting
	out       []Effect  // of the current step
}

// New returns a machine that is not ready, with nothing given. First report each line's level as an
// edge that is not fresh: so a button that is held already gives nothing, and a latching one is
// known to be off.
func New(s Settings, now time.Time) *Machine {
	m := &Machine{set: s, phase: Faulty, deadUntil: now}
	for _, b := range s.Buttons {
		m.buttons = append(m.buttons, newButton(b))
	}
	return m
}

// Step handles one event and returns what to do, in order; mostly nothing. Queued edges and door
// events come before anything else.
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

// other handles the events without a time of their own.
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

// Deadline is when the next Tick is due, if one is.
func (m *Machine) Deadline() (at time.Time, ok bool) {
	t, ok := m.nextTimer()
	return t.at, ok
}

// Phase returns the present phase.
func (m *Machine) Phase() Phase { return m.phase }

// Acts returns the acts since the first give of this consent; none once it is cleared and
// everything is closed.
func (m *Machine) Acts() []Act { return slices.Clone(m.acts) }

// Consented reports whether a button's consent stands.
func (m *Machine) Consented(button int) bool { return m.buttons[button].gave }

// Pressed reports whether a button is pressed or on, without debouncing.
func (m *Machine) Pressed(button int) bool { return m.buttons[button].pressed }

// HeldSince is when a momentary button was pressed, if it still is.
func (m *Machine) HeldSince(button int) (since time.Time, held bool) {
	b := &m.buttons[button]
	if b.Style == Latching || !b.pressed {
		return time.Time{}, false
	}
	return b.started, true
}

// LapsesAt is when a recording reaches the maximum length.
func (m *Machine) LapsesAt() (at time.Time, recording bool) {
	return m.run.maxAt, m.phase == Recording
}

// timer is something due: a press that gives, or consent that lapses.
type timer struct {
	at     time.Time
	button int
	cause  string // empty if the button gives
}

// nextTimer finds the earliest timer, and of two at the same time the lapse.
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

// advance fires the timers due until limit, in order. Each fires once: a give is no longer live,
// and a lapse leaves the phase.
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
