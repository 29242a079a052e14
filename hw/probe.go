package hw

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// flashTime is the duration of Flash and a moment of darkness.
	flashTime = 6 * quick
	// showTime is the least time for which a probe shows the light.
	showTime = 2 * time.Second
	// toneTime is the length of a probe's tone.
	toneTime = 150 * time.Millisecond
	// senseTime is by how much a sense line may lag; senseEvery is how often it is read.
	senseTime  = 200 * time.Millisecond
	senseEvery = 50 * time.Millisecond
)

// Probe flashes the light, switches it on for two seconds, and off. A sense line must see both.
// While the light is on, Probe runs while once, with a context that ends if the sense line sees the
// light go out. If while returns false, the microphone may still be open, and the light stays on.
func (l *Light) Probe(ctx context.Context, while func(context.Context) (closed bool)) (proved bool, err error) {
	if err := l.seen(ctx, false); err != nil {
		return false, err
	}
	if err := l.Flash(); err != nil {
		return false, err
	}
	if err := pause(ctx, flashTime); err != nil {
		return false, errors.Join(err, l.Off())
	}
	if err := l.On(); err != nil {
		return false, errors.Join(err, l.Off())
	}
	shown := time.Now()
	closed := true
	if err = l.seen(ctx, true); err == nil {
		closed, err = l.watched(ctx, while)
	}
	if err == nil && closed {
		err = pause(ctx, showTime-time.Since(shown))
	}
	if !closed {
		return false, err
	}
	if err := errors.Join(err, l.Off()); err != nil {
		return false, err
	}
	return l.sense != nil, l.seen(ctx, false)
}

// A SenseError says that the sense line does not see what the light was switched to.
type SenseError struct {
	Lit  bool // what it was switched to
	line LineInfo
}

func (e *SenseError) Error() string {
	how := map[bool]string{true: "lit", false: "dark"}
	return fmt.Sprintf("the light was switched to %s, but the sense line %s sees it %s", how[e.Lit], e.line, how[!e.Lit])
}

// watched runs while, and checks the light meanwhile.
func (l *Light) watched(ctx context.Context, while func(context.Context) bool) (closed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan bool, 1)
	go func() { ended <- while(ctx) }()
	again := time.NewTicker(senseEvery)
	defer again.Stop()
	for {
		select {
		case closed := <-ended:
			return closed, err
		case <-again.C:
			if lit, known, e := l.Sense(); err == nil && (e != nil || known && !lit) {
				err = errors.Join(errors.New("the sense line saw the light go out"), e)
				cancel()
			}
		}
	}
}

// seen waits until a sense line sees the light as expected.
func (l *Light) seen(ctx context.Context, lit bool) error {
	late := time.Now().Add(senseTime)
	for {
		is, known, err := l.Sense()
		switch {
		case err != nil:
			return err
		case !known || is == lit:
			return nil
		case time.Now().After(late):
			return &SenseError{Lit: lit, line: l.sense.info}
		}
		if err := pause(ctx, senseEvery); err != nil {
			return err
		}
	}
}

// Probe sounds one short tone.
func (b *Buzzer) Probe() error {
	err := b.On()
	if err == nil {
		<-time.After(toneTime)
	}
	return errors.Join(err, b.Off())
}

// Next waits for the next change of a line, as Watch reports it.
func (b *Buttons) Next(ctx context.Context) (input int, active bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	input = -1
	err = b.Watch(ctx, func(i int, a bool, _ time.Time, _ bool) {
		input, active = i, a
		cancel()
	})
	if err == nil && input < 0 {
		err = ctx.Err()
	}
	return input, active, err
}

func pause(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
