package simpanel

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// PressTime is how long a press of a momentary button lasts.
	PressTime = 100 * time.Millisecond
	// Rest is the least time between a release and the next press of the same button. It exceeds
	// the bounce of any contact.
	Rest = 60 * time.Millisecond
	// queued is how many edges wait for a slow reader.
	queued = 16
)

// ErrNoParty is the error for a button that does not exist.
var ErrNoParty = errors.New("no button of that party")

// input is one line: a button or the door.
type input struct {
	active   bool
	released time.Time     // when it was last released; guarded by finger
	finger   chan struct{} // a lock, held while a finger is on the button
}

// door is the input of the door contact.
func (p *Panel) door() int { return len(p.settings.Buttons) }

func (p *Panel) button(party string) (int, bool) {
	i := slices.IndexFunc(p.settings.Buttons, func(b Button) bool { return b.Party == party })
	return i, i >= 0
}

// Press presses a momentary button for PressTime and returns after the release. A latching button
// toggles. If another press is in progress, it waits until ctx ends. A press that has started is
// always completed.
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

// Hold sets the level of a button at once.
func (p *Panel) Hold(party string, pressed bool) error {
	i, ok := p.button(party)
	if !ok {
		return ErrNoParty
	}
	p.set(i, pressed)
	return nil
}

// SetDoor opens or closes the door. It reports whether there is a door contact.
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

// set changes a line and queues the edge for every reader.
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

// watch is one reader. The panel's mu guards its queue.
type watch struct {
	ctx     context.Context
	deliver func(input int, active bool, at time.Time, fresh bool)
	turn    chan struct{} // a lock, held while edges are taken from the queue and delivered
	edges   []edge
	wake    chan struct{}
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

// Buttons are the lines of the buttons and of the door contact.
type Buttons struct{ p *Panel }

// Watch calls deliver for every change of a line until ctx ends, one call at a time and none after
// it has returned. It fails only if a test has set a fault.
func (b *Buttons) Watch(ctx context.Context, deliver func(input int, active bool, at time.Time, fresh bool)) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{ctx: ctx, deliver: deliver, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	b.p.mu.Lock()
	b.p.watches = append(b.p.watches, w)
	b.p.mu.Unlock()
	defer func() {
		cancel()
		b.p.mu.Lock()
		b.p.watches = slices.DeleteFunc(b.p.watches, func(o *watch) bool { return o == w })
		b.p.mu.Unlock()
		w.turn <- struct{}{} // Read may be delivering
	}()
	for {
		if err := b.flush(w); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
	}
}

// flush delivers what is queued for a reader, unless its Watch has ended.
func (b *Buttons) flush(w *watch) error {
	select {
	case w.turn <- struct{}{}:
	case <-w.ctx.Done():
		return nil
	}
	defer func() { <-w.turn }()
	b.p.mu.Lock()
	edges, err := w.edges, b.p.faults.broken(b.p.faults.Watch, b.p.door())
	w.edges = nil
	b.p.mu.Unlock()
	for _, e := range edges {
		if w.ctx.Err() != nil {
			break
		}
		w.deliver(e.input, e.active, e.at, e.fresh)
	}
	return err
}

// Read reads every line now: true is pressed, or open for the door. Every edge from before the call
// has been delivered to every Watch when it returns.
func (b *Buttons) Read() ([]bool, error) {
	lines, watches, err := b.look()
	for _, w := range watches {
		_ = b.flush(w) // Watch returns the error itself
	}
	return lines, err
}

// Levels is Read without the delivery of edges, for callers that deliver them.
func (b *Buttons) Levels() ([]bool, error) {
	lines, _, err := b.look()
	return lines, err
}

func (b *Buttons) look() (lines []bool, watches []*watch, err error) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	watches = slices.Clone(b.p.watches)
	if err := b.p.faults.broken(b.p.faults.Read, b.p.door()); err != nil {
		return nil, watches, err
	}
	lines = make([]bool, len(b.p.inputs))
	for i := range b.p.inputs { // not the whole input: finger guards the rest
		lines[i] = b.p.inputs[i].active
	}
	return lines, watches, nil
}
