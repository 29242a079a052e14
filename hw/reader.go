package hw

import (
	"context"
	"fmt"
	"time"
)

const (
	// lateAfter is the age above which an edge is doubtful: nobody expects a reaction to a press
	// that much later.
	lateAfter = 250 * time.Millisecond
	// settle is how long an edge may be delayed after its level can be read, and the pause before
	// the level is read again after a burst.
	settle = 5 * time.Millisecond
	// maxEmptyWaits is how many consecutive waits may end without an edge before that is an error.
	maxEmptyWaits = 100
)

// A change is one edge on its way to the caller of Watch.
type change struct {
	input  int
	active bool
	at     time.Time
	doubt  bool
}

// A watch holds the arguments of one Watch.
type watch struct {
	ctx  context.Context
	edge func(input int, active bool, at time.Time, fresh bool)
}

// takeTurn takes the turn, unless ctx ends first. Edges are taken from the kernel's queues and
// delivered only by deliver, by the holder of the turn: so they arrive in order, one at a time,
// whoever asks. The turn is a channel instead of a mutex because the caller's function may take
// long.
//
// Levels are read without the turn, since that call may hang, and edges must be delivered all the
// same.
func (b *Buttons) takeTurn(ctx context.Context) bool {
	select {
	case b.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *Buttons) passTurn() { <-b.turn }

// deliver delivers every edge up to limit, and perhaps some later ones, unless the Watch ends: then
// the next Watch delivers what was taken. The caller has the turn, and a Watch runs.
func (b *Buttons) deliver(limit time.Time) error {
	var failed error
	for {
		for len(b.changes) > 0 {
			if b.watch.ctx.Err() != nil {
				return nil
			}
			c := b.changes[0]
			b.changes = b.changes[1:]
			b.call(c)
		}
		if failed != nil {
			return failed
		}
		if failed = b.takeAll(limit); failed == nil && len(b.changes) == 0 {
			return nil
		}
	}
}

// call calls the caller's function. An edge's age is judged only now, since the caller may have
// been busy with the one before.
func (b *Buttons) call(c change) {
	b.watch.edge(c.input, c.active, c.at, !c.doubt && time.Since(c.at) <= lateAfter)
}

// takeAll empties the kernel's queues into changes, ordered by time over all lines.
func (b *Buttons) takeAll(limit time.Time) error {
	var queues [][]change
	var failed error
	for _, in := range b.inputs {
		q, err := in.take(limit)
		if err != nil && failed == nil {
			failed = err
		}
		queues = append(queues, q)
	}
	b.changes = merge(queues)
	return failed
}

// merge merges the queues by time, keeping the order within each queue.
func merge(queues [][]change) (all []change) {
	for {
		first := -1
		for i, q := range queues {
			if len(q) > 0 && (first < 0 || q[0].at.Before(queues[first][0].at)) {
				first = i
			}
		}
		if first < 0 {
			return all
		}
		all = append(all, queues[first][0])
		queues[first] = queues[first][1:]
	}
}

// follow delivers a line's edges as they arrive, until ctx ends. Each line has its own queue, so
// that a noisy cable can't displace the edges of another button.
func (b *Buttons) follow(ctx context.Context, in *input, burst chan<- struct{}) error {
	empty := 0
	for before := uint64(0); ; {
		if err := in.line.Wait(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return in.failed("wait for an edge of", err)
		}
		if !b.takeTurn(ctx) {
			return nil
		}
		err := b.deliver(time.Now())
		taken := in.taken
		b.passTurn()
		if err != nil {
			return err
		}
		if empty++; taken != before {
			empty, before = 0, taken
		}
		if empty > maxEmptyWaits {
			return in.failed("wait for an edge of", fmt.Errorf("%d waits ended without one", empty))
		}
		select {
		case burst <- struct{}{}:
		default: // requested already
		}
	}
}

// checkBursts reads the levels a little after edges have arrived, to correct what the kernel made
// of fast bounces, and once at first, for changes while no Watch ran.
func (b *Buttons) checkBursts(ctx context.Context, burst <-chan struct{}) error {
	for {
		if _, err := b.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-burst:
		case <-ctx.Done():
			return nil
		}
		if pause(ctx, settle) != nil {
			return nil
		}
	}
}

// A reading is one reading of the levels.
type reading struct {
	at     time.Time // just before it
	levels []bool
}

func (b *Buttons) readLevels() (r reading, err error) {
	r.at = time.Now()
	for _, in := range b.inputs {
		active, err := in.read()
		if err != nil {
			return reading{}, err
		}
		r.levels = append(r.levels, active)
	}
	return r, nil
}

// look reads the levels and then delivers every earlier edge. If a level still differs from that of
// the last edge, its edge may be delayed: if it has not come by a second reading, a synthetic one
// is delivered.
func (b *Buttons) look(ctx context.Context) ([]bool, error) {
	called := time.Now()
	first, err := b.readLevels()
	if err != nil {
		return nil, err
	}
	levels, differ, err := b.settleWith(ctx, called, first, nil)
	if err != nil || !differ {
		return levels, err
	}
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	second, err := b.readLevels()
	if err != nil {
		return nil, err
	}
	levels, _, err = b.settleWith(ctx, called, second, &first)
	return levels, err
}

// settleWith delivers the edges and compares a reading with them. It returns the levels after the
// last delivered edge, each of which was true at some moment since the reading. If a line has
// differed since the reading before, without an edge, it delivers a synthetic one.
func (b *Buttons) settleWith(ctx context.Context, called time.Time, r reading,
	before *reading) (levels []bool, differ bool, err error) {
	if !b.takeTurn(ctx) {
		return nil, false, ctx.Err()
	}
	defer b.passTurn()
	if b.watch == nil { // without a Watch, edges stay queued
		return r.levels, false, nil
	}
	if err := b.deliver(called); err != nil {
		return nil, false, err
	}
	if b.watch.ctx.Err() != nil {
		return r.levels, false, nil
	}
	for i, in := range b.inputs {
		switch {
		case r.levels[i] == in.active:
		case before == nil:
			differ = true
		case before.levels[i] == r.levels[i] && !in.last.After(before.at):
			in.active = r.levels[i]
			b.call(change{input: i, active: in.active, at: before.at, doubt: true})
		}
		levels = append(levels, in.active)
	}
	return levels, differ, nil
}
