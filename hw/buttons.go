package hw

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Buttons are the panel's buttons, in the wiring's order, and after them the door contact.
type Buttons struct {
	inputs []*input

	mu     sync.Mutex
	closed bool
	stop   context.CancelCauseFunc // of the running Watch; nil: none runs
	done   chan struct{}           // closed when the running Watch has returned
}

// Watch calls edge for each change of a line until ctx ends, and then returns nil; one call at a time, in the order of
// each line's changes, never after it has returned. Inputs 0 to n-1 are the buttons, n is the door. The time is that
// of the wake-up. fresh is false for an edge of unknown age and for one that is made up because the level had changed
// without an edge. A caller that holds up edge for more than 20 ms makes the edges meanwhile not fresh.
//
// The level before the first edge is the one at Open, or the last that an earlier Watch reported: a change since then
// is reported. Watch ends with an error when a line can't be read; it can be called again.
func (b *Buttons) Watch(ctx context.Context, edge func(input int, active bool, at time.Time, fresh bool)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed
	}
	if b.stop != nil {
		b.mu.Unlock()
		return errors.New("the buttons are watched already")
	}
	done := make(chan struct{})
	b.stop, b.done = cancel, done
	b.mu.Unlock()

	b.follow(ctx, cancel, edge)

	b.mu.Lock()
	b.stop = nil
	b.mu.Unlock()
	close(done)
	var failed *lineError
	if cause := context.Cause(ctx); errors.As(cause, &failed) || errors.Is(cause, ErrClosed) {
		return cause
	}
	return nil
}

// A lineError tells the failure of a line from the end that the caller asked for.
type lineError struct{ error }

func (e *lineError) Unwrap() error { return e.error }

// follow runs a reader for each line until ctx ends or one fails. Each line has a queue and a reader of its own, so
// that a noisy cable can't push another button's edges out.
func (b *Buttons) follow(ctx context.Context, fail context.CancelCauseFunc, edge func(int, bool, time.Time, bool)) {
	one := make(chan struct{}, 1) // one edge at a time; no mutex: the caller may take long
	report := func(input int, active bool, at time.Time, fresh bool) bool {
		select {
		case one <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return false
		}
		edge(input, active, at, fresh)
		<-one
		return true
	}
	opened := time.Now()
	var readers sync.WaitGroup
	for _, in := range b.inputs {
		readers.Go(func() {
			r := &reader{input: in, report: report, opened: opened}
			for ctx.Err() == nil {
				if err := r.step(); err != nil {
					fail(&lineError{err})
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { readers.Wait(); close(ended) }()
	<-ctx.Done()
	b.halt(ended)
}

// halt wakes the readers until all have ended. Once is not enough: a Halt between a reader's look at the context and
// its wait is lost.
func (b *Buttons) halt(ended <-chan struct{}) {
	again := time.NewTicker(settle)
	defer again.Stop()
	for {
		for _, in := range b.inputs {
			_ = in.line.Halt() // it fails only where the wait fails too
		}
		select {
		case <-ended:
			return
		case <-again.C:
		}
	}
}

// Read returns for every line, now, whether it is pressed, or open. With an error there is no level at all.
func (b *Buttons) Read() ([]bool, error) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	levels := make([]bool, len(b.inputs))
	for i, in := range b.inputs {
		active, err := in.read()
		if err != nil {
			return nil, err
		}
		levels[i] = active
	}
	return levels, nil
}

// close ends a running Watch, waits for it, and releases the lines. The edge function must not call it.
func (b *Buttons) close() error {
	b.mu.Lock()
	b.closed = true
	stop, done := b.stop, b.done
	b.mu.Unlock()
	if stop != nil {
		stop(ErrClosed)
		<-done
	}
	var errs []error
	for _, in := range b.inputs {
		errs = append(errs, in.close())
	}
	return errors.Join(errs...)
}
