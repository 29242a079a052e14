package hw

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Buttons are the panel's buttons in the order of the Wiring, followed by the door contact.
type Buttons struct {
	inputs []*input

	turn    chan struct{} // a lock for the fields below and for those of the inputs; see takeTurn
	watch   *watch        // the running Watch, or nil
	changes []change      // taken from the kernel, not yet delivered; at most QueueLength of each line

	mu     sync.Mutex
	closed bool
	stop   context.CancelCauseFunc // of the running Watch, or nil
	done   chan struct{}           // closed when the running Watch has returned
}

func newButtons() *Buttons { return &Buttons{turn: make(chan struct{}, 1)} }

// Watch calls edge for each change of a line until ctx ends, and then returns nil. The calls are
// sequential and in order for each line, and none comes after Watch has returned. Inputs 0 to n-1
// are the buttons, n is the door. at is the time of the edge's interrupt.
//
// fresh is false if the edge is doubtful: edges before it were lost; it leads to a level that was
// known already, so one before it was missed; it is delivered more than 250 ms late; or it is
// synthetic, because the level had changed without an edge. A doubtful edge may withdraw consent
// but never give it.
//
// The initial level is the one at Open, or the last that an earlier Watch delivered: a change since
// then is reported. When a line can't be read, Watch returns an error with a method Input() int,
// which tells the line. Watch can then be called again.
func (b *Buttons) Watch(ctx context.Context, edge func(input int, active bool, at time.Time, fresh bool)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done, err := b.startWatch(cancel)
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

func (b *Buttons) startWatch(cancel context.CancelCauseFunc) (done chan struct{}, err error) {
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

// Read returns for every line whether it is pressed (or open), as of some moment during the call.
// With an error there are no levels. The error's method Input() int tells the line.
//
// While a Watch runs, Read returns only after every earlier edge has been delivered to Watch's
// function, whatever stalls: it reads the levels and then empties the kernel's queues itself, with
// the same turn as Watch. The levels returned are those after the last delivered edge; for a level
// that no edge explains, a synthetic edge is delivered first, which is not fresh. So a caller that
// records edges in Watch's function, and the levels when Read returns, has them in order. Read
// can't see an edge that the kernel has not queued yet, because the thread of its interrupt has not
// run, of a line that is back at its old level.
//
// Read may wait for a line or for the function. While no Watch runs, edges stay queued for the next
// one.
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
