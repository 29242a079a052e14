package daemon

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
	// senseRetry is the pause between two looks at it meanwhile.
	senseRetry = 10 * time.Millisecond
)

var (
	errNotLit  = errors.New("the sense line does not see the light")
	errUnread  = errors.New("the sense line can't be read")
	errNotDark = errors.New("the sense line sees the light although it is switched off")
)

// A glow is what a light is asked to show.
type glow uint8

const (
	glowNone glow = iota // nothing is asked
	glowOff
	glowOn
	glowPulse
	glowFlash
)

// lamp drives the light and looks at it, on a goroutine of its own: a line may hang. Of several
// wishes that it has not come to only the last counts. Its methods are the owner's, and never
// block.
type lamp struct {
	light Light
	post  func(event)
	began time.Time // of busy
	wake  chan struct{}
	busy  atomic.Int64 // since when a call has been under way, by began; 0: none is

	mu   sync.Mutex
	wish glow // guarded by mu
	offs int  // guarded by mu: how many wishes for the dark want an answer
	look bool // guarded by mu: a look is wanted
}

type (
	// lampLit answers a wish for light: driven and, where there is a sense line, seen dark before
	// and lit at a time. code names the warning where it failed.
	lampLit struct {
		at     time.Time
		sensed bool
		code   health.Code
		err    error
	}
	// lampDark answers so many wishes for the dark. Where a later wish has overtaken them, nothing
	// was driven and nothing seen.
	lampDark struct {
		wishes int
		driven bool
		sensed bool
		code   health.Code
		err    error
	}
	// lampBlinks says what came of driving a pattern.
	lampBlinks struct{ err error }
	// lampSeen is a look at the light; at was taken before it.
	lampSeen struct {
		at         time.Time
		lit, known bool
		err        error
	}
)

func newLamp(light Light, post func(event)) *lamp {
	return &lamp{light: light, post: post, began: time.Now(), wake: make(chan struct{}, 1)}
}

// show asks for a glow. Every wish for the dark with answer set is answered once, after the light
// has been driven for it or for what came later.
func (l *lamp) show(g glow, answer bool) {
	l.mu.Lock()
	l.wish = g
	if answer {
		l.offs++
	}
	l.mu.Unlock()
	l.rouse()
}

// see asks for a look at the light.
func (l *lamp) see() {
	l.mu.Lock()
	l.look = true
	l.mu.Unlock()
	l.rouse()
}

func (l *lamp) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// hangs is for how long a call on the light has been under way.
func (l *lamp) hangs() time.Duration {
	since := l.busy.Load()
	if since == 0 {
		return 0
	}
	return time.Since(l.began) + 1 - time.Duration(since)
}

func (l *lamp) run(ctx context.Context) {
	for {
		select {
		case <-l.wake:
			l.work()
		case <-ctx.Done():
			return
		}
	}
}

func (l *lamp) work() {
	l.mu.Lock()
	wish, offs, look := l.wish, l.offs, l.look
	l.wish, l.offs, l.look = glowNone, 0, false
	l.mu.Unlock()
	switch wish {
	case glowOn:
		if e, done := l.on(); done {
			l.post(e)
		}
	case glowOff:
		l.post(l.off(offs))
		offs = 0
	case glowPulse:
		l.post(lampBlinks{l.call(l.light.Pulse)})
	case glowFlash:
		l.post(lampBlinks{l.call(l.light.Flash)})
	}
	if offs > 0 { // overtaken by a later wish
		l.post(lampDark{wishes: offs})
	}
	if look {
		at := time.Now()
		lit, known, err := l.sense()
		l.post(lampSeen{at, lit, known, err})
	}
}

// on lights it. A sense line that says lit whatever is done would prove nothing: so the light is
// seen dark first. done is false where a later wish has overtaken this one.
func (l *lamp) on() (e lampLit, done bool) {
	_, known, err := l.sense()
	if sensed := known || err != nil; sensed {
		dark := l.off(0)
		if dark.err != nil {
			return lampLit{code: dark.code, err: dark.err}, !l.overtaken()
		}
		e.sensed = true
	}
	if err := l.call(l.light.On); err != nil {
		return lampLit{code: health.LightFault, err: err}, true
	}
	e.at = time.Now()
	if e.sensed {
		if e.at, err = l.until(true); err != nil {
			e.code, e.err = health.LightSense, errors.Join(errNotLit, err)
		}
	}
	return e, !l.overtaken()
}

// off darkens it, and sees it dark.
func (l *lamp) off(wishes int) lampDark {
	e := lampDark{wishes: wishes, driven: true}
	if err := l.call(l.light.Off); err != nil {
		e.code, e.err = health.LightFault, err
		return e
	}
	_, known, err := l.sense()
	if e.sensed = known || err != nil; !e.sensed {
		return e
	}
	switch _, err := l.until(false); {
	case errors.Is(err, errUnread):
		e.code, e.err = health.LightSense, err
	case err != nil:
		e.code, e.err = health.LightStuck, errors.Join(errNotDark, err)
	}
	return e
}

// until looks until the light is lit, or dark, and returns when it was seen so; or an error when it
// was not in time, or a later wish came.
func (l *lamp) until(want bool) (time.Time, error) {
	for end := time.Now().Add(senseTime); ; {
		at := time.Now()
		lit, known, err := l.sense()
		if err == nil && (lit == want || !known) {
			return at, nil
		}
		if !at.Before(end) || l.overtaken() {
			if err != nil {
				return at, fmt.Errorf("%w: %w", errUnread, err)
			}
			return at, fmt.Errorf("not within %s", senseTime)
		}
		<-time.After(senseRetry)
	}
}

func (l *lamp) overtaken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wish != glowNone
}

func (l *lamp) sense() (lit, known bool, err error) {
	_ = l.call(func() error { lit, known, err = l.light.Sense(); return nil })
	return lit, known, err
}

// call calls the hardware, and lets it be known that it does.
func (l *lamp) call(f func() error) error {
	l.busy.Store(int64(time.Since(l.began) + 1))
	defer l.busy.Store(0)
	return f()
}
