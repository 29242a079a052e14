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

	turn    chan struct{} // holds a token while somebody has the turn, and owns what follows, and the inputs' own
	watch   *watch        // the running one; nil: none
	changes []change      // taken from the kernel, not yet handed on: a queue's length of each line at most

	mu     sync.Mutex
	closed bool
	stop   context.CancelCauseFunc // of the running Watch; nil: none runs
	done   chan struct{}           // closed when the running Watch has returned
}

func newButtons() *Buttons { return &Buttons{turn: make(chan struct{}, 1)} }

// Watch calls edge for each change of a line until ctx ends, and then returns nil; one call at a
// time, each line's changes in their order, never after it has returned. Inputs 0 to n-1 are the
// buttons, n is the door. at is when the kernel had the edge's interrupt.
//
// fresh is false where there is doubt: edges before it were lost; it leads to the level that was
// known already, so that one before it was missed; it is older than 250 ms when it is handed on; or
// it is made up, because the level had changed without one. A doubted edge may withdraw consent,
// and never give it.
//
// The level before the first edge is the one at Open, or the last that an earlier Watch reported: a
// change since then is reported. Watch ends with an error when a line can't be read, which has a
// method Input() int that tells which; it can be called again.
func (b *Buttons) Watch(ctx context.Context, edge func(input int, active bool, at time.Time, fresh bool)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done, err := b.beginWatch(cancel)
	if err != nil {
		return err
	}
	if b.takeTurn(ctx) {
		b.watch = &watch{ctx: ctx, edge: edge}
		b.passTurn()
		b.run(ctx, cancel)
		b.turn <- struct{}{} // Read may be calling edge
		b.watch = nil
		b.passTurn()
	}
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

func (b *Buttons) beginWatch(cancel context.CancelCauseFunc) (done chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, ErrClosed
	case b.stop != nil:
		return nil, errors.New("the buttons are watched already")
	}
	b.stop, b.done = cancel, make(chan struct{})
	return b.done, nil
}

// run follows every line until ctx ends or one fails.
func (b *Buttons) run(ctx context.Context, fail context.CancelCauseFunc) {
	burst := make(chan struct{}, 1)
	var all sync.WaitGroup
	try := func(f func() error) {
		all.Go(func() {
			if err := f(); err != nil {
				fail(err)
			}
		})
	}
	for _, in := range b.inputs {
		try(func() error { return b.follow(ctx, in, burst) })
	}
	try(func() error { return b.checkBursts(ctx, burst) })
	all.Wait()
}

// Read returns for every line whether it is pressed, or open: as it was at some moment during the
// call. With an error there is no level at all; its method Input() int tells whose line it is.
//
// While a Watch runs, every edge that came before the call has been handed to Watch's function, and
// that has returned, before Read does, whatever stalls: Read reads the levels, then empties the
// kernel's queues itself, through the same turn as Watch's own readers. What it returns is the
// levels after the last edge that was handed on; a level that no edge explains is made one, which
// is not fresh, first. So a caller that takes note of edges in Watch's function, and of the reading
// after Read has returned, has them in their order. What can't be seen is an edge that the kernel
// has not queued yet (its interrupt's thread has not run) of a line that is back already at its old
// level.
//
// Read may wait, for a line or for the function. While no Watch runs, edges stay queued for the
// next.
func (b *Buttons) Read() ([]bool, error) {
	levels, err := b.look(context.Background())
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	return levels, err
}

// close ends a running Watch, waits for it, and releases the lines. The edge function must not call
// it.
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
