// Package lamp drives the unit's lights and its buzzer, each on a goroutine of its own, because a
// line may hang.
//
// If the light that shows an open microphone has a sense line, it counts as lit only after it was
// seen dark and then lit.
package lamp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tacet/daemon/health"
)

const (
	// senseTime is how long the light may take to be seen as it was driven.
	senseTime = 200 * time.Millisecond
	// senseRetry is the pause between two looks.
	senseRetry = 10 * time.Millisecond
)

// ErrNotLit reports that the sense line does not see the light.
var ErrNotLit = errors.New("the sense line does not see the light")

var (
	errUnread  = errors.New("the sense line can't be read")
	errNotDark = errors.New("the sense line sees the light although it is switched off")
)

// Light is the indicator that the microphone is open. On, Off, Pulse and Flash return once the line
// has been driven; blinking continues by itself until the next call.
type Light interface {
	On() error
	Off() error
	Pulse() error
	// Flash shows three quick flashes and stays dark.
	Flash() error
	// Sense reads what the light really does. Known is false where the unit has no sense line.
	Sense() (lit, known bool, err error)
}

// Glow is what a light is asked to show.
type Glow uint8

const (
	unchanged Glow = iota // nothing is asked
	Off
	On
	Pulse
	Flash
)

// Driver drives a light and looks at it. If several glows are asked for before it gets to them,
// only the last one counts. Its methods do not block; they are called by one goroutine.
type Driver struct {
	light   Light
	post    func(event any)
	started time.Time
	wake    chan struct{}
	busy    atomic.Int64 // start of the call that is under way, in ns after started; 0: none is

	mu   sync.Mutex
	wish Glow // guarded by mu
	offs int  // guarded by mu: how many Offs want an answer
	look bool // guarded by mu: a look is wanted
}

// The events that a Driver posts.
type (
	// Lit answers Show(On). At is when the light was driven and, if Sensed, seen dark before and
	// lit after. On failure Code is the warning to raise.
	Lit struct {
		At     time.Time
		Sensed bool
		Code   health.Code
		Err    error
	}
	// Dark answers as many Show(Off)s as Answers says. Driven is false if a later glow has replaced
	// them before the light was driven.
	Dark struct {
		Answers int
		Driven  bool
		Sensed  bool
		Code    health.Code
		Err     error
	}
	// Blinking answers Show(Pulse) and Show(Flash).
	Blinking struct{ Err error }
	// Seen answers Look. At was taken before the light was read.
	Seen struct {
		At         time.Time
		Lit, Known bool
		Err        error
	}
)

// New returns a driver that posts its events to one function, which may block.
func New(light Light, post func(event any)) *Driver {
	return &Driver{light: light, post: post, started: time.Now(), wake: make(chan struct{}, 1)}
}

// Show asks for a glow. With answer, an Off is answered with Dark exactly once, after the light was
// driven for it or for what was asked later.
func (d *Driver) Show(g Glow, answer bool) {
	d.mu.Lock()
	d.wish = g
	if answer {
		d.offs++
	}
	d.mu.Unlock()
	d.rouse()
}

// Look asks for a look at the light.
func (d *Driver) Look() {
	d.mu.Lock()
	d.look = true
	d.mu.Unlock()
	d.rouse()
}

func (d *Driver) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Busy returns how long a call on the light has been under way; 0 if none is.
func (d *Driver) Busy() time.Duration { return since(d.started, &d.busy) }

// since returns how long a timed call has been under way.
func since(started time.Time, busy *atomic.Int64) time.Duration {
	at := busy.Load()
	if at == 0 {
		return 0
	}
	return time.Since(started) + 1 - time.Duration(at)
}

// timed calls the hardware, and keeps in busy since when it does.
func timed(started time.Time, busy *atomic.Int64, call func() error) error {
	busy.Store(int64(time.Since(started) + 1))
	defer busy.Store(0)
	return call()
}

// Run drives the light until ctx ends.
func (d *Driver) Run(ctx context.Context) {
	for {
		select {
		case <-d.wake:
			d.work()
		case <-ctx.Done():
			return
		}
	}
}

func (d *Driver) work() {
	d.mu.Lock()
	wish, offs, look := d.wish, d.offs, d.look
	d.wish, d.offs, d.look = unchanged, 0, false
	d.mu.Unlock()
	switch wish {
	case On:
		if e, done := d.on(); done {
			d.post(e)
		}
	case Off:
		d.post(d.off(offs))
		offs = 0
	case Pulse:
		d.post(Blinking{d.call(d.light.Pulse)})
	case Flash:
		d.post(Blinking{d.call(d.light.Flash)})
	}
	if offs > 0 { // a later glow has replaced them
		d.post(Dark{Answers: offs})
	}
	if look {
		at := time.Now()
		lit, known, err := d.sense()
		d.post(Seen{at, lit, known, err})
	}
}

// on lights it. A sense line that is stuck at lit would prove nothing, so the light must be seen
// dark first. Done is false if a later glow has replaced this one.
func (d *Driver) on() (e Lit, done bool) {
	_, known, err := d.sense()
	if sensed := known || err != nil; sensed {
		dark := d.off(0)
		if dark.Err != nil {
			return Lit{Code: dark.Code, Err: dark.Err}, !d.replaced()
		}
		e.Sensed = true
	}
	if err := d.call(d.light.On); err != nil {
		return Lit{Code: health.LightFault, Err: err}, true
	}
	e.At = time.Now()
	if e.Sensed {
		if e.At, err = d.until(true); err != nil {
			e.Code, e.Err = health.LightSense, errors.Join(ErrNotLit, err)
		}
	}
	return e, !d.replaced()
}

// off darkens it, and checks that it is dark.
func (d *Driver) off(answers int) Dark {
	e := Dark{Answers: answers, Driven: true}
	if err := d.call(d.light.Off); err != nil {
		e.Code, e.Err = health.LightFault, err
		return e
	}
	_, known, err := d.sense()
	if e.Sensed = known || err != nil; !e.Sensed {
		return e
	}
	switch _, err := d.until(false); {
	case errors.Is(err, errUnread):
		e.Code, e.Err = health.LightSense, err
	case err != nil:
		e.Code, e.Err = health.LightStuck, errors.Join(errNotDark, err)
	}
	return e
}

// until waits for the light to be seen lit, or dark, and returns when it was. It gives up after
// senseTime, and when a later glow is asked for.
func (d *Driver) until(want bool) (time.Time, error) {
	for end := time.Now().Add(senseTime); ; {
		at := time.Now()
		lit, known, err := d.sense()
		if err == nil && (lit == want || !known) {
			return at, nil
		}
		if !at.Before(end) || d.replaced() {
			if err != nil {
				return at, fmt.Errorf("%w: %w", errUnread, err)
			}
			return at, fmt.Errorf("not within %s", senseTime)
		}
		<-time.After(senseRetry)
	}
}

func (d *Driver) replaced() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wish != unchanged
}

func (d *Driver) sense() (lit, known bool, err error) {
	_ = d.call(func() error { lit, known, err = d.light.Sense(); return nil })
	return lit, known, err
}

// call calls the hardware, so that Busy sees it.
func (d *Driver) call(f func() error) error { return timed(d.started, &d.busy, f) }
