package consent

import "time"

// edge handles an edge of a button.
func (m *Machine) edge(now time.Time, e Edge) {
	if e.Button < 0 || e.Button >= len(m.buttons) {
		return
	}
	b := &m.buttons[e.Button]
	doubted := isDoubted(now, e)
	started := b.edge(e, doubted, m.mayGive(b, e.At))
	switch m.phase {
	case Idle, Faulty:
		switch {
		case !e.Pressed:
		case e.At.Before(m.deadUntil):
			m.rest(now)
		case m.phase == Faulty && started && !doubted && !m.stopped:
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

// isDoubted reports whether an edge can only withdraw: its reader doubts it, or it arrived so late
// that nobody waits for a reaction any more.
func isDoubted(now time.Time, e Edge) bool {
	return !e.Fresh || now.Sub(e.At) > lateAfter
}

// doubt cancels, before anything else that is due, what a doubted edge may have cancelled: the
// press of its button and, while waiting, its give. So nothing starts with an edge that stops it.
// Two edges in the same direction are doubted too, since one between them is missing.
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

// mayGive reports whether a press that starts now may give. The checks of phase and gave are
// redundant: an edge then also clears or rests, which voids all running presses.
func (m *Machine) mayGive(b *button, at time.Time) bool {
	return (m.phase == Idle || m.phase == Waiting) && !b.gave && !m.stopped && !at.Before(m.deadUntil) &&
		!at.Before(b.doubted)
}

// give is the only way out of idle.
func (m *Machine) give(now time.Time, button int) {
	b := &m.buttons[button]
	b.gave, b.live = true, false
	m.acts = append(m.acts, Act{Party: b.Party, Kind: Gave, At: b.started, Line: b.Line})
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

// withdraw needs no debouncing: the first edge counts, in either direction. While consent stands no
// edge is expected; a release without its press means that the press was missed.
func (m *Machine) withdraw(now time.Time, b *button, e Edge) {
	act := Act{Party: b.Party, Kind: Withdrew, At: e.At, Line: b.Line}
	m.clear(now, act, Cut{At: e.At, Fresh: e.Fresh}, ReasonWithdrawn)
}

// lapse ends any consent without a hand.
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

// clear cancels all consent and every running press, if any consent stands, and starts the dead
// time.
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

// voidPresses cancels every running press.
func (m *Machine) voidPresses() {
	for i := range m.buttons {
		m.buttons[i].live = false
	}
}

// rest starts or restarts the dead time, and cancels every running press.
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

// setReady does not end a recording: what has to end one is reported as a Fault.
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
