package panel

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// PressTime is how long a finger stays on a momentary button.
	PressTime = 100 * time.Millisecond
	// Rest is the least time between a release and the next press of the same
	// button: longer than any contact bounces.
	Rest = 60 * time.Millisecond
	// queued is how many edges wait for a slow reader.
	queued = 16
)

// ErrNoParty is the answer to a press of a button that isn't there.
var ErrNoParty = errors.New("no button of that party")

// input is one line: a button or the door.
type input struct {
	active   bool
	released time.Time     // when it was last released; guarded by finger
	finger   chan struct{} // holds one token while a finger is on the button
}

// door is the input of the door contact.
func (p *Panel) door() int { return len(p.settings.Buttons) }

func (p *Panel) button(party string) (int, bool) {
	i := slices.IndexFunc(p.settings.Buttons, func(b Button) bool { return b.Party == party })
	return i, i >= 0
}

// Press presses a momentary button for PressTime and returns when it is
// released; a latching one changes over. A finger that is on the button already
// is waited for until ctx ends; a press that has begun is always finished.
func (p *Panel) Press(ctx context.Context, party string) error {
	i, ok := p.button(party)
	if !ok {
		return ErrNoParty
	}
	in := &p.inputs[i]
	select {
	case in.finger <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-in.finger }()
	if p.settings.Buttons[i].Latching {
		p.set(i, !p.pressed(i))
		return nil
	}
	time.Sleep(Rest - time.Since(in.released))
	p.set(i, true)
	time.Sleep(PressTime)
	p.set(i, false)
	in.released = time.Now()
	return nil
}

// Hold puts a button where a test wants it, at once: held down, let go, or
// bouncing.
func (p *Panel) Hold(party string, pressed bool) error {
	i, ok := p.button(party)
	if !ok {
		return ErrNoParty
	}
	p.set(i, pressed)
	return nil
}

// SetDoor opens or shuts the door, and says whether there is a contact on it.
func (p *Panel) SetDoor(open bool) bool {
	if !p.settings.Door {
		return false
	}
	p.set(p.door(), open)
	return true
}

func (p *Panel) pressed(i int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inputs[i].active
}

// set moves a line and queues the edge, if it is one, for every reader.
func (p *Panel) set(i int, active bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inputs[i].active == active {
		return
	}
	p.inputs[i].active = active
	for _, w := range p.watches {
		w.queue(edge{input: i, active: active, at: time.Now(), fresh: !p.faults.Stale})
	}
	p.touch()
}

// edge is one change of a line.
type edge struct {
	input  int
	active bool
	at     time.Time
	fresh  bool
}

// watch is one reader's queue. The panel's mu guards it.
type watch struct {
	edges []edge
	wake  chan struct{}
}

func (w *watch) queue(e edge) {
	if len(w.edges) == queued {
		w.edges = w.edges[1:]
		w.edges[0].fresh = false
	}
	w.edges = append(w.edges, e)
	w.rouse()
}

func (w *watch) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Buttons are the lines that hands and the door move.
type Buttons struct{ p *Panel }

// Watch calls edge for every change of a line until ctx ends; it ends with an
// error only where a test has broken it.
func (b *Buttons) Watch(ctx context.Context, deliver func(input int, active bool, at time.Time, fresh bool)) error {
	w := &watch{wake: make(chan struct{}, 1)}
	b.p.mu.Lock()
	b.p.watches = append(b.p.watches, w)
	b.p.mu.Unlock()
	defer func() {
		b.p.mu.Lock()
		defer b.p.mu.Unlock()
		b.p.watches = slices.DeleteFunc(b.p.watches, func(o *watch) bool { return o == w })
	}()
	for {
		edges, err := b.take(w)
		if err != nil {
			return err
		}
		for _, e := range edges {
			deliver(e.input, e.active, e.at, e.fresh)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
	}
}

// take empties a reader's queue.
func (b *Buttons) take(w *watch) ([]edge, error) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	edges := w.edges
	w.edges = nil
	return edges, b.p.faults.Watch
}

// Read reads every line now: true is pressed, or open for the door.
func (b *Buttons) Read() ([]bool, error) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if err := b.p.faults.Read; err != nil {
		return nil, err
	}
	lines := make([]bool, len(b.p.inputs))
	for i := range b.p.inputs { // not the whole input: what a hand holds is not the panel's
		lines[i] = b.p.inputs[i].active
	}
	return lines, nil
}
