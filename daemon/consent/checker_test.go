package consent

import (
	"fmt"
	"time"
)

const maxButtons = 3 // in tests

// checker watches events and effects from outside and reports broken promises. It runs after every
// step of every test, keeps its own records, and uses only the methods of the machine.
type checker struct {
	set   Settings
	phase Phase

	ready, stopped bool
	light          byte // the last effect: 0 off, '1' on, 'p' pulse, 'f' flash
	lit            bool // proved since the last LightOn
	mic            mic
	head           head
	heard          bool // samples since OpenMic
	refused        bool // a start failed, which the light may say when dark
	dead           time.Time
	down           [maxButtons]bool // the last edge's
	pressed        [maxButtons]bool // a press since consent was last cleared, and since the last doubted edge …
	released       [maxButtons]bool // … and after it a release
}

func newChecker(set Settings) checker {
	c := checker{set: set, phase: Faulty, dead: epoch}
	for i, b := range set.Buttons {
		c.down[i] = b.Style == Latching
	}
	return c
}

func (c *checker) step(m *Machine, now time.Time, ev Event, out []Effect) error {
	was := c.phase
	c.hear(ev)
	if e, ok := ev.(Edge); ok && c.doubted(now, e) { // before what this step gives
		c.pressed[e.Button], c.released[e.Button] = false, false
	}
	for _, e := range out {
		if err := c.effect(m, now, ev, e); err != nil {
			return fmt.Errorf("%T in phase %v, by %T: %w", e, was, ev, err)
		}
	}
	c.phase = m.Phase()
	c.learn(ev)
	if err := c.phases(m, was); err != nil {
		return fmt.Errorf("phase %v after %v, by %T: %w", c.phase, was, ev, err)
	}
	if e, ok := ev.(Edge); ok && e.Button < len(c.set.Buttons) {
		if err := c.edge(now, e, was, out); err != nil {
			return fmt.Errorf("edge in phase %v: %w", was, err)
		}
	}
	due, ok := m.Deadline()
	if _, tick := ev.(Tick); tick && ok && !due.After(now) {
		return fmt.Errorf("a Tick left a past deadline, in phase %v", c.phase)
	}
	return nil
}

// hear records the answers; only answers to a request count.
func (c *checker) hear(ev Event) {
	switch ev := ev.(type) {
	case Lit:
		c.lit = ev.OK && c.light == '1'
	case Prepared:
		if c.head == headAsked {
			c.head = headDone
			if ev.OK {
				c.head = headReady
			}
		}
	case Begun:
		if c.head == headBeginning {
			c.head = headReady
			if ev.OK {
				c.head = headWritten
			}
		}
	case Opened:
		if c.mic == micOpening {
			c.mic = micClosed
			if ev.OK {
				c.mic = micOpen
			}
		}
	case Samples, Keepable:
		c.heard = c.heard || c.mic == micOpening || c.mic == micOpen
	case Closed:
		if c.mic == micClosing {
			c.mic = micClosed
		}
	case Ended:
		if c.head == headEnding {
			c.head = headDone
		}
	}
}

func (c *checker) effect(m *Machine, now time.Time, ev Event, e Effect) error {
	if err := c.allowed(now, ev, e); err != nil {
		return err
	}
	switch e := e.(type) {
	case LightOn:
		c.light, c.lit = '1', false
	case LightPulse:
		c.light = 'p'
	case LightOff:
		if c.light == 'p' {
			c.cleared(now)
		}
		c.light, c.lit = 0, false
	case LightFlash:
		c.light, c.refused = 'f', false
	case Prepare:
		c.head = headAsked
		if acts := m.Acts(); len(acts) < len(c.set.Buttons) {
			return fmt.Errorf("only %d acts for the head", len(acts))
		}
	case OpenMic:
		c.mic, c.heard = micOpening, false
	case Begin:
		c.head = headBeginning
	case Discard:
		c.head = headDone
	case Cut:
		if c.phase != Stopping {
			acts := m.Acts()
			c.refused = c.phase != Recording && len(acts) > 0 && acts[len(acts)-1].Cause == CauseFault
			c.cleared(now)
		}
	case CloseMic:
		c.mic = micClosing
	case End:
		c.head = headEnding
		if len(e.Acts) != 1 || e.Acts[0].Kind == Gave {
			return fmt.Errorf("closing acts %v", e.Acts)
		}
	}
	return nil
}

// cleared is derived from the effects, since a late step may hold a give and its lapse.
func (c *checker) cleared(now time.Time) {
	c.dead = later(c.dead, now.Add(3*time.Second))
	c.pressed, c.released = [maxButtons]bool{}, [maxButtons]bool{}
}

// learn records, after the effects, what counts from now on.
func (c *checker) learn(ev Event) {
	void := false
	switch ev := ev.(type) {
	case Ready:
		c.ready = ev.OK
		void = c.phase == Faulty
	case Stop:
		c.stopped, void = true, true
	case Door, Fault, Slept:
		void = true
	}
	if void {
		c.pressed, c.released = [maxButtons]bool{}, [maxButtons]bool{}
	}
}

// allowed checks what each effect requires.
func (c *checker) allowed(now time.Time, ev Event, e Effect) error {
	if c.mic != micClosed {
		switch e.(type) {
		case LightOff, LightPulse, LightFlash, LightOn:
			return fmt.Errorf("light changed while the microphone was open")
		}
	}
	if c.stopped {
		switch e.(type) {
		case LightOn, LightPulse, LightFlash, Prepare, OpenMic, Begin:
			return fmt.Errorf("started after Stop")
		}
	}
	switch e.(type) {
	case LightOn, LightPulse:
		switch {
		case c.mic != micClosed || c.head != headNone && c.head != headDone:
			return fmt.Errorf("started before the last one was closed")
		case !c.ready:
			return fmt.Errorf("started when not ready")
		case now.Before(c.dead):
			return fmt.Errorf("started in the dead time")
		}
		if _, on := e.(LightOn); on {
			return c.everyHand()
		}
		return c.someHand()
	case Prepare:
		if c.light != '1' || c.head != headNone && c.head != headDone {
			return fmt.Errorf("a second head")
		}
		return c.everyHand()
	case OpenMic:
		if c.light != '1' || !c.lit || c.head != headReady || c.mic != micClosed {
			return fmt.Errorf("light %q lit %v head %d microphone %d", c.light, c.lit, c.head, c.mic)
		}
		return c.everyHand()
	case CloseMic:
		if c.mic != micOpen {
			return fmt.Errorf("microphone %d", c.mic)
		}
	case Begin:
		if c.light != '1' || !c.lit || c.head != headReady || c.mic != micOpen || !c.heard {
			return fmt.Errorf("light %q lit %v head %d microphone %d heard %v", c.light, c.lit, c.head, c.mic, c.heard)
		}
		return c.everyHand()
	case Discard:
		if c.head != headReady {
			return fmt.Errorf("head %d", c.head)
		}
	case End:
		if c.head != headWritten {
			return fmt.Errorf("head %d", c.head)
		}
	case LightFlash:
		edge, ok := ev.(Edge)
		refusal := ok && edge.Pressed && !c.doubted(now, edge) && c.phase == Faulty && !c.ready && !edge.At.Before(c.dead)
		if _, dark := ev.(Dark); !refusal && !(dark && c.refused) {
			return fmt.Errorf("nobody was refused")
		}
	}
	return nil
}

// doubted: of unknown time, after a missed edge, or too late.
func (c *checker) doubted(now time.Time, e Edge) bool {
	if e.Button >= len(c.set.Buttons) {
		return false
	}
	return !e.Fresh || e.Pressed == c.down[e.Button] || now.Sub(e.At) > 250*time.Millisecond
}

// everyHand: a fresh press and release of each momentary button, and each latching button switched
// on, since the last clear.
func (c *checker) everyHand() error {
	for i := range c.set.Buttons {
		if !c.hand(i) {
			return fmt.Errorf("%s's hand was not seen", c.set.Buttons[i].Party)
		}
	}
	return nil
}

func (c *checker) someHand() error {
	for i := range c.set.Buttons {
		if c.hand(i) {
			return nil
		}
	}
	return fmt.Errorf("nobody's hand was seen")
}

func (c *checker) hand(i int) bool {
	return c.pressed[i] && (c.released[i] || c.set.Buttons[i].Style == Latching)
}

// phases checks the phase against what was seen.
func (c *checker) phases(m *Machine, was Phase) error {
	gave := 0
	for i := range c.set.Buttons {
		if m.Consented(i) {
			gave++
		}
	}
	all, acts := len(c.set.Buttons), len(m.Acts())
	_, lapses := m.LapsesAt()
	bad := false
	switch c.phase {
	case Idle, Faulty:
		bad = gave != 0 || acts != 0 || c.light != 0 && c.light != 'f' || c.mic != micClosed ||
			c.head != headNone && c.head != headDone || c.ready != (c.phase == Idle)
	case Waiting:
		bad = gave == 0 || gave == all || acts != gave || c.light != 'p' || c.mic != micClosed || !c.ready
	case Starting:
		bad = gave != all || acts != all || c.light != '1'
	case Recording:
		bad = gave != all || acts != all || c.light != '1' || !c.lit || c.head != headWritten || c.mic != micOpen || !c.heard
	case Stopping:
		bad = gave != 0 || acts != all+1 || c.head == headReady || c.head == headWritten || c.mic == micOpen
		if c.mic == micClosed && c.light != 0 && c.light != 'f' {
			bad = true // nothing keeps the light on
		}
	}
	if bad || lapses != (c.phase == Recording) || c.stopped && gave > 0 {
		return fmt.Errorf("%d gave, %d acts, light %q lit %v, microphone %d heard %v, head %d, ready %v, lapses %v",
			gave, acts, c.light, c.lit, c.mic, c.heard, c.head, c.ready, lapses)
	}
	return nil
}

// edge runs after the effects: what gave in this step did so by earlier edges. Phase and dead time
// are those at the end of the step.
func (c *checker) edge(now time.Time, e Edge, was Phase, out []Effect) error {
	i := e.Button
	if e.Pressed && (was == Stopping || c.phase == Stopping || e.At.Before(c.dead)) && c.phase != Waiting {
		c.dead = later(c.dead, now.Add(3*time.Second))
	}
	switch {
	case c.doubted(now, e):
	case e.Pressed:
		c.pressed[i], c.released[i] = true, false
	default:
		c.released[i] = c.pressed[i]
	}
	c.down[i] = e.Pressed
	if was != Starting && was != Recording {
		return nil
	}
	if c.phase == Starting || c.phase == Recording {
		return fmt.Errorf("consent outlived it")
	}
	for _, o := range out {
		if _, forgotten := o.(Discard); forgotten {
			return nil
		}
		if cut, ok := o.(Cut); ok && !cut.At.After(e.At) && (e.Fresh || !cut.Fresh) {
			return nil
		}
	}
	return fmt.Errorf("samples after it are kept: %s", effectWords(out))
}
