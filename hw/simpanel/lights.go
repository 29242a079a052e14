package simpanel

import "time"

// Glow is the pattern of a light.
type Glow string

const (
	Off   Glow = "off"
	On    Glow = "on"
	Pulse Glow = "pulse" // 1 Hz, half a second lit
	Flash Glow = "flash" // three quick flashes
	None  Glow = "none"  // there is no such light

	// Unread is the Glow of a sense line that can't be read.
	Unread Glow = "unread"
)

const (
	pulseEvery = time.Second
	flashEvery = 400 * time.Millisecond // half of it lit
	flashFor   = 3*flashEvery - flashEvery/2
	// flashAgain is the period of the status light's three flashes.
	flashAgain = 2 * time.Second
)

// lamp is one light. The panel's mu guards it.
type lamp struct {
	driven Glow // the last pattern; "" is off
	since  time.Time
	turn   int  // counts the times it was driven
	again  bool // repeat the flashes
	blown  bool // it stays dark
}

// glow is the pattern a person sees.
func (l *lamp) glow() Glow {
	switch {
	case l.driven == "" || l.blown:
		return Off
	case l.driven == Flash && !l.again && time.Since(l.since) >= flashFor:
		return Off
	}
	return l.driven
}

// lit reports whether the lamp emits light now.
func (l *lamp) lit() bool {
	passed := time.Since(l.since)
	switch l.glow() {
	case On:
		return true
	case Pulse:
		return passed%pulseEvery < pulseEvery/2
	case Flash:
		if l.again {
			passed %= flashAgain
		}
		return passed < flashFor && passed%flashEvery < flashEvery/2
	}
	return false
}

// show drives a lamp. The caller holds mu.
func (p *Panel) show(l *lamp, g Glow) {
	l.driven, l.since = g, time.Now()
	l.turn++
	p.touch()
	if g == Flash && !l.again {
		time.AfterFunc(flashFor, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.touch()
		})
	}
}

// driveLamp is a daemon's call on a lamp. It fails if the line can't be driven.
func (p *Panel) driveLamp(l *lamp, g Glow, fault func(Faults) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := fault(p.faults); err != nil {
		return err
	}
	p.show(l, g)
	return nil
}

// Light is the indicator that says the microphone is open.
type Light struct {
	p    *Panel
	lamp lamp
}

func (l *Light) drive(g Glow) error {
	return l.p.driveLamp(&l.lamp, g, func(f Faults) error { return f.Light })
}

// On switches it on.
func (l *Light) On() error { return l.drive(On) }

// Off switches it off.
func (l *Light) Off() error { return l.drive(Off) }

// Pulse blinks slowly until the next call.
func (l *Light) Pulse() error { return l.drive(Pulse) }

// Flash shows three quick flashes and stays dark.
func (l *Light) Flash() error { return l.drive(Flash) }

// Sense reads what the light does; known is false without a sense line.
func (l *Light) Sense() (lit, known bool, err error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	switch f := l.p.faults; {
	case !l.p.settings.Sense:
		return false, false, nil
	case f.Sense != nil:
		return false, true, f.Sense
	case f.SenseStuck != nil:
		return *f.SenseStuck, true, nil
	}
	return l.lamp.lit(), true, nil
}

// sensed is the pattern that the sense line sees. The caller holds mu.
func (p *Panel) sensed() Glow {
	switch f := p.faults; {
	case !p.settings.Sense:
		return None
	case f.Sense != nil:
		return Unread
	case f.SenseStuck != nil && *f.SenseStuck:
		return On
	case f.SenseStuck != nil:
		return Off
	}
	return p.Light.lamp.glow()
}

// Lit reports whether the light emits light now, as an eye in the room would see, whatever the
// sense line says.
func (l *Light) Lit() bool {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.lamp.lit()
}

// StatusLight is the second light.
type StatusLight struct {
	p    *Panel
	lamp lamp
}

func (l *StatusLight) drive(g Glow) error {
	return l.p.driveLamp(&l.lamp, g, func(f Faults) error { return f.StatusLight })
}

// Steady switches it on.
func (l *StatusLight) Steady() error { return l.drive(On) }

// Pulse blinks slowly until the next call.
func (l *StatusLight) Pulse() error { return l.drive(Pulse) }

// Flash repeats three quick flashes until the next call.
func (l *StatusLight) Flash() error { return l.drive(Flash) }

// Off switches it off.
func (l *StatusLight) Off() error { return l.drive(Off) }
