package hw

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Light is the light that says the microphone is open.
type Light struct {
	*lamp
	sense *sensor // nil if not wired
}

// On switches the light on. Like the other methods, it returns when the line has been driven.
func (l *Light) On() error { return l.show(steady) }

// Off switches it off.
func (l *Light) Off() error { return l.show(dark) }

// Pulse blinks once per second, lit first, until the next call.
func (l *Light) Pulse() error { return l.show(pulse) }

// Flash flashes three times quickly and leaves the light dark. It returns at the first flash.
func (l *Light) Flash() error { return l.show(flash) }

// Sense reads the sense line; known is false if there is none. It also returns the error of a
// blink, for which no call waited, until the line has been driven again.
func (l *Light) Sense() (lit, known bool, err error) {
	if err := l.Err(); err != nil {
		return false, false, err
	}
	if l.sense == nil {
		return false, false, nil
	}
	lit, err = l.sense.read()
	return lit, err == nil, err
}

func (l *Light) close() error {
	err := l.lamp.close()
	if l.sense != nil {
		err = errors.Join(err, l.sense.close())
	}
	return err
}

// StatusLight is the optional second light, of another colour.
type StatusLight struct{ *lamp }

// Steady shows that the unit is ready.
func (l *StatusLight) Steady() error { return l.show(steady) }

// Pulse pulses slowly until the next call: the unit works, but something needs a person.
func (l *StatusLight) Pulse() error { return l.show(pulse) }

// Flash repeats three quick flashes until the next call: the unit can't record.
func (l *StatusLight) Flash() error { return l.show(flashes) }

// Off switches it off.
func (l *StatusLight) Off() error { return l.show(dark) }

// A pattern is how a lamp blinks: it starts lit or dark and toggles after each step. After the last
// step it starts again, or toggles once more and stays.
type pattern struct {
	lit    bool
	steps  []time.Duration
	repeat bool
}

const quick = 200 * time.Millisecond

var (
	dark    = pattern{}
	steady  = pattern{lit: true}
	pulse   = pattern{lit: true, steps: []time.Duration{500 * time.Millisecond, 500 * time.Millisecond}, repeat: true}
	flash   = pattern{lit: true, steps: []time.Duration{quick, quick, quick, quick, quick}}
	flashes = pattern{lit: true, steps: []time.Duration{quick, quick, quick, quick, quick, 7 * quick}, repeat: true}
)

// A lamp is an output, and the goroutine that makes it blink. A buzzer is one that never blinks.
type lamp struct {
	info      LineInfo
	activeLow bool
	blinkers  sync.WaitGroup

	mu     sync.Mutex // guards the fields below; the line is driven under it
	line   LineSet
	closed bool
	stop   chan struct{} // ends the blinking, or nil

	// failed is the error of the last blink, until the line is driven again. It needs no lock,
	// since a caller of Err must not wait for a call on the line.
	failed atomic.Pointer[error]
}

// newLamp requests the line and switches the lamp off. The request drives the line low: an
// active-high lamp is dark from then on, an active-low one is lit for some microseconds. The line
// is an output from the start, so lighting it is one change; periph's GPIOLine would drive it low
// first.
func newLamp(b Board, info LineInfo, out Output) (*lamp, error) {
	line, err := b.Request(info, Drive, gpio.PullNoChange)
	if err != nil {
		return nil, fmt.Errorf("take line %s: %w", info, err)
	}
	l := &lamp{info: info, activeLow: out.ActiveLow, line: line}
	if err := l.drive(false); err != nil {
		return nil, errors.Join(err, line.Close())
	}
	return l, nil
}

// Err is the error of the last blink, until the line is driven again.
func (l *lamp) Err() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// show ends the present pattern and starts p.
func (l *lamp) show(p pattern) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.endBlinking()
	if err := l.drive(p.lit); err != nil {
		return err
	}
	l.failed.Store(nil)
	if len(p.steps) > 0 {
		stop := make(chan struct{})
		l.stop = stop
		l.blinkers.Go(func() { l.blink(p, stop) })
	}
	return nil
}

// endBlinking ends the blinking: no blink drives the line after it. The caller holds mu.
func (l *lamp) endBlinking() {
	if l.stop != nil {
		close(l.stop)
		l.stop = nil
	}
}

// blink plays p, whose start is shown already, until stop. It continues after a failed blink, since
// the next may work.
func (l *lamp) blink(p pattern, stop <-chan struct{}) {
	lit := p.lit
	timer := time.NewTimer(p.steps[0])
	defer timer.Stop()
	for i := 1; ; i++ {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		lit = !lit
		if !l.blinkOnce(lit, stop) {
			return
		}
		if i == len(p.steps) {
			if !p.repeat {
				return
			}
			i = 0
		}
		timer.Reset(p.steps[i])
	}
}

// blinkOnce drives the line unless stop is closed. Stop is closed under mu, so no blink follows it.
func (l *lamp) blinkOnce(lit bool, stop <-chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-stop:
		return false
	default:
	}
	if err := l.drive(lit); err != nil {
		l.failed.Store(&err)
	} else {
		l.failed.Store(nil)
	}
	return true
}

// drive sets the line. The caller holds mu, or has the lamp to itself.
func (l *lamp) drive(lit bool) error {
	var bits gpio.GPIOValue
	if lit != l.activeLow {
		bits = 1
	}
	if err := l.line.Out(bits, 1); err != nil {
		return fmt.Errorf("drive line %s: %w", l.info, err)
	}
	return nil
}

// close switches the lamp off and releases the line, even if the first fails.
func (l *lamp) close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.endBlinking()
	err := l.drive(false)
	if cerr := l.line.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("release line %s: %w", l.info, cerr))
	}
	l.mu.Unlock()
	l.blinkers.Wait()
	return err
}
