package consent

import "time"

// button follows one line's raw edges. A press, for a latching button being put on, begins with a
// press edge on a line that had been settled (Debounce without an edge) in the released position,
// and runs until the line has settled again in the position that completes it. Only a live press
// can give.
type button struct {
	Button
	pressed  bool      // after the last edge
	last     time.Time // of the last edge; zero: none yet
	began    time.Time // the press's first edge; zero: none yet
	released time.Time // first release edge of the burst of edges that the last one belongs to; zero: none
	live     bool      // the press may still give: no edge doubted, none missed, begun when it could
	gave     bool
	doubted  time.Time // when its last doubted edge was learnt of; a press that began before gives nothing
}

// newButton takes a momentary button as released and a latching one as on, until an edge says
// otherwise: a latching one must be seen off first.
func newButton(b Button) button {
	return button{Button: b, pressed: b.Style == Latching}
}

// edge takes in a raw edge and reports whether a press began with it. mayGive says whether a press
// may begin now. What doubt does to a press that began before has been done (see Machine.doubt).
func (b *button) edge(e Edge, doubted, mayGive bool) (began bool) {
	settled := b.last.IsZero() || e.At.Sub(b.last) >= b.Debounce
	switch {
	case e.Pressed && !b.pressed && (settled || b.began.IsZero()):
		b.began, b.released = e.At, time.Time{}
		b.live = settled && !doubted && mayGive
		began = settled
	case !e.Pressed && (settled || b.released.IsZero()):
		b.released = e.At
	}
	b.pressed = e.Pressed
	b.last = later(b.last, e.At)
	return began
}

// givesAt tells when the press, if no edge comes before, gives.
func (b *button) givesAt() (time.Time, bool) {
	if !b.live || b.pressed != (b.Style == Latching) {
		return time.Time{}, false
	}
	if b.Style == Momentary {
		if d := b.released.Sub(b.began); d < pressMin || d > pressMax {
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
