package hw

import (
	"context"
	"fmt"
	"time"
)

const (
	// lateAfter is the age at which an edge is doubted: who has pressed would not expect an answer
	// so much later.
	lateAfter = 250 * time.Millisecond
	// settle is how long an edge may be on its way when its level is seen already, and the pause
	// before the level is read again after a burst.
	settle = 5 * time.Millisecond
	// mostEmpty is how many waits in a row may end with nothing to take, before that is called an
	// error.
	mostEmpty = 100
)

// A change is one edge on its way to Watch's caller.
type change struct {
	input  int
	active bool
	at     time.Time
	doubt  bool
}

// A watch is what one Watch was given.
type watch struct {
	ctx  context.Context
	edge func(input int, active bool, at time.Time, fresh bool)
}

// The turn. Edges leave the kernel's queues, and reach the caller, only through handOn, and only
// with the turn: so they come in order, one at a time, whoever asks. It is a channel and no mutex,
// since the caller may take long.
//
// A level is read without the turn, since a call that reads one may hang: then edges still come
// through.

// take the turn, unless ctx ends first.
func (b *Buttons) takeTurn(ctx context.Context) bool {
	select {
	case b.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *Buttons) passTurn() { <-b.turn }

// handOn hands on every edge that had come by limit, and perhaps some later ones, unless the Watch
// ends: what it has taken by then, the next Watch hands on. The caller has the turn, and a Watch
// runs.
func (b *Buttons) handOn(limit time.Time) error {
	var failed error
	for {
		for len(b.changes) > 0 {
			if b.watch.ctx.Err() != nil {
				return nil
			}
			c := b.changes[0]
			b.changes = b.changes[1:]
			b.tell(c)
		}
		if failed != nil {
			return failed
		}
		if failed = b.takeAll(limit); failed == nil && len(b.changes) == 0 {
			return nil
		}
	}
}

// tell calls the caller's function. Whether an edge is late is judged now: the caller may have been
// busy with the one before.
func (b *Buttons) tell(c change) {
	b.watch.edge(c.input, c.active, c.at, !c.doubt && time.Since(c.at) <= lateAfter)
}

// takeAll empties the kernel's queues into changes, those of all lines in the order in which they
// came.
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

// merge keeps each queue's order, whatever its stamps say.
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

// follow hands on a line's edges as they come, until ctx ends. There is one for each line: they
// share handOn, and no queue, so that a noisy cable can't push another button's edges out.
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
		err := b.handOn(time.Now())
		taken := in.taken
		b.passTurn()
		if err != nil {
			return err
		}
		if empty++; taken != before {
			empty, before = 0, taken
		}
		if empty > mostEmpty {
			return in.failed("wait for an edge of", fmt.Errorf("%d waits ended without one", empty))
		}
		select {
		case burst <- struct{}{}:
		default: // told already
		}
	}
}

// checkBursts reads the levels again a little after edges have come, for what the kernel made of a
// fast bounce, and once at first, for what changed while nobody watched.
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

// A reading is one look at the levels.
type reading struct {
	at     time.Time // before it
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

// look reads the levels and then hands on every edge that came before. Where a level still differs
// from what the last edge led to, its edge may be on its way: if it is not there after another
// look, it is made up, and doubted.
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

// settleWith hands on the edges and holds a reading against them: the levels that it returns are
// those after the last edge that was handed on, each true at some moment since the reading. Where
// there was a look before, and a line has differed since and had no edge, it is made one.
func (b *Buttons) settleWith(ctx context.Context, called time.Time, r reading,
	before *reading) (levels []bool, differ bool, err error) {
	if !b.takeTurn(ctx) {
		return nil, false, ctx.Err()
	}
	defer b.passTurn()
	if b.watch == nil { // nobody to hand edges to: they stay where they are
		return r.levels, false, nil
	}
	if err := b.handOn(called); err != nil {
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
			b.tell(change{input: i, active: in.active, at: before.at, doubt: true})
		}
		levels = append(levels, in.active)
	}
	return levels, differ, nil
}
