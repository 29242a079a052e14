package consent

import "time"

// button follows one line's raw edges. A press (for a latching button: switching it on) starts with
// a press edge on a line that was settled (Debounce without an edge) in the released position. It
// lasts until the line has settled again in the position that completes it. Only a live press can
// give.
type button struct {
	Button
	pressed  bool      // after the last edge
	last     time.Time // of the last edge; zero if none
	started  time.Time // of the first edge of the press; zero if none
	released time.Time // of the first release edge in the burst of the last edge; zero if none
	live     bool      // the press may still give: started when it could, without a doubted or missed edge
	gave     bool
	doubted  time.Time // when its last doubted edge arrived; a press that started before gives nothing
}

// newButton assumes that a momentary button is released and a latching one is on: a latching button
// must be seen off first.
func newButton(b Button) button {
	return button{Button: b, pressed: b.Style == Latching}
}

// edge handles a raw edge and reports whether a press started with it. mayGive says whether a press
// may start now. Machine.doubt has already handled a press that started before.
func (b *button) edge(e Edge, doubted, mayGive bool) (started bool) {
	settled := b.last.IsZero() || e.At.Sub(b.last) >= b.Debounce
	switch {
	case e.Pressed && !b.pressed && (settled || b.started.IsZero()):
		b.started, b.released = e.At, time.Time{}
		b.live = settled && !doubted && mayGive
		started = settled
	case !e.Pressed && (settled || b.released.IsZero()):
		b.released = e.At
	}
	b.pressed = e.Pressed
	b.last = later(b.last, e.At)
	return started
}

// givesAt is when the press gives, if no edge comes before.
func (b *button) givesAt() (at time.Time, ok bool) {
	if !b.live || b.pressed != (b.Style == Latching) {
		return time.Time{}, false
	}
	if b.Style == Momentary {
		if d := b.released.Sub(b.started); d < pressMin || d > pressMax {
			return time.Time{}, false
		}
	}
	return b.last.Add(b.Debounce), true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
