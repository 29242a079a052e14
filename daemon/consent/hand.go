package consent

import "time"

// edge is a hand, or what looks like one, on a button.
func (m *Machine) edge(now time.Time, e Edge) {
	if e.Button < 0 || e.Button >= len(m.buttons) {
		return
	}
	b := &m.buttons[e.Button]
	doubted := isDoubted(now, e)
	began := b.edge(e, doubted, m.mayGive(b, e.At))
	switch m.phase {
	case Idle, Faulty:
		switch {
		case !e.Pressed:
		case e.At.Before(m.deadUntil):
			m.rest(now)
		case m.phase == Faulty && began && !doubted && !m.stopped:
			m.emit(LightFlash{})
		}
	case Waiting:
		if b.gave {
			m.withdraw(now, b, e)
		}
	case Starting, Recording:
		m.withdraw(now, b, e)
	case Stopping:
		m.cutEarlier(e.At, e.Fresh)
		if e.Pressed {
			m.rest(now)
		}
	}
}

// isDoubted tells whether an edge can only withdraw: its reader doubts it, or it was learnt of so
// late that whoever moved the button no longer waits for an answer.
func isDoubted(now time.Time, e Edge) bool {
	return !e.Fresh || now.Sub(e.At) > lateAfter
}

// doubt takes back what a doubted edge may have taken back before anything now due: the press of
// its button and, while waiting, its give. So nothing starts with an edge that stops it. Two edges
// of one direction say that one is missing between them: they are doubt too.
func (m *Machine) doubt(now time.Time, e Edge) {
	if e.Button < 0 || e.Button >= len(m.buttons) {
		return
	}
	b := &m.buttons[e.Button]
	if !isDoubted(now, e) && e.Pressed != b.pressed {
		return
	}
	b.live, b.doubted = false, now
	if m.phase == Waiting && b.gave {
		m.withdraw(now, b, e)
	}
}

// mayGive tells whether a press that begins now may give. What it says of phase and gave is kept
// twice: such an edge also clears or rests, which voids all presses under way.
func (m *Machine) mayGive(b *button, at time.Time) bool {
	return (m.phase == Idle || m.phase == Waiting) && !b.gave && !m.stopped && !at.Before(m.deadUntil) &&
		!at.Before(b.doubted)
}

// give is the only way out of idle.
func (m *Machine) give(now time.Time, button int) {
	b := &m.buttons[button]
	b.gave, b.live = true, false
	m.acts = append(m.acts, Act{Party: b.Party, Kind: Gave, At: b.began, Line: b.Line})
	for i := range m.buttons {
		if !m.buttons[i].gave {
			if m.phase == Idle {
				m.emit(LightPulse{})
			}
			m.phase = Waiting
			m.waitUntil = now.Add(waitingTime)
			return
		}
	}
	m.start(now)
}

// withdraw needs no debouncing: the first edge counts, whichever way it goes. Where consent stands
// no edge at all is in order; a release without its press says that the press was missed.
func (m *Machine) withdraw(now time.Time, b *button, e Edge) {
	act := Act{Party: b.Party, Kind: Withdrew, At: e.At, Line: b.Line}
	m.clear(now, act, Cut{At: e.At, Fresh: e.Fresh}, ReasonWithdrawn)
}

// lapse ends consent, where there is any, without a hand.
func (m *Machine) lapse(now, at time.Time, cause string) {
	reason := ReasonLapsed
	switch cause {
	case CauseFault:
		reason = ReasonFault
	case CauseStopped:
		reason = ReasonStopped
	}
	m.clear(now, Act{Kind: Lapsed, At: at, Cause: cause}, Cut{At: at, Fresh: true}, reason)
}

// clear takes back every consent and every press under way, if any consent stands, and begins the
// dead time.
func (m *Machine) clear(now time.Time, act Act, cut Cut, reason string) {
	switch m.phase {
	case Waiting:
		m.acts = nil
		m.phase = m.idle()
		m.turnOff()
	case Starting, Recording:
		m.acts = append(m.acts, act)
		m.end(cut, reason)
	default:
		return
	}
	for i := range m.buttons {
		m.buttons[i].gave = false
	}
	m.rest(now)
}

// voidPresses makes every press under way count as nothing.
func (m *Machine) voidPresses() {
	for i := range m.buttons {
		m.buttons[i].live = false
	}
}

// rest begins the dead time, or begins it again; a press that began before counts as nothing
// either.
func (m *Machine) rest(now time.Time) {
	m.voidPresses()
	m.deadUntil = now.Add(deadTime)
}

// idle is the phase without consent.
func (m *Machine) idle() Phase {
	if m.ready {
		return Idle
	}
	return Faulty
}

func (m *Machine) door(now time.Time, d Door) {
	m.voidPresses()
	if m.phase == Stopping {
		m.cutEarlier(d.At, true)
	}
	m.lapse(now, d.At, CauseDoor)
}

// setReady does not end a recording: what has to is told as a Fault.
func (m *Machine) setReady(now time.Time, ok bool) {
	m.ready = ok
	switch m.phase {
	case Idle, Faulty:
		m.phase = m.idle()
		if !ok {
			m.voidPresses()
		}
	case Waiting:
		if !ok {
			m.lapse(now, now, CauseFault)
		}
	}
}
