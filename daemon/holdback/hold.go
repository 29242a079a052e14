package holdback

import (
	"slices"
	"time"
)

// Hold is the hold-back of one opening of the microphone. Use New; the zero value drops every
// block. It is for one goroutine.
type Hold[B any] struct {
	debounce time.Duration
	sensed   bool
	open     bool // from New to the first Cut

	arrived      mark      // of the last block
	lines, light mark      // the latest time at which each was in order
	held         []held[B] // in order of arrival; neither returned nor dropped
	proved       int       // the number of blocks in held, from the first, that are proved
	dropped      []B       // not yet returned by Drop
}

type held[B any] struct {
	block   B
	arrived time.Time
}

// mark is the latest of some times. The zero value has none.
type mark struct {
	at  time.Time
	set bool
}

func (m *mark) raise(at time.Time) {
	if !m.set || at.After(m.at) {
		*m = mark{at, true}
	}
}

// covers reports whether one of the times is t or later.
func (m mark) covers(t time.Time) bool { return m.set && !m.at.Before(t) }

// New returns an empty Hold. debounce is the longest debounce time of the lines; it is at least one
// nanosecond, so that a reading at the exact time of an arrival does not prove the block. sensed
// says that a sense line sees the light: then no block is kept without LightLit.
func New[B any](debounce time.Duration, sensed bool) *Hold[B] {
	return &Hold[B]{debounce: max(debounce, 1), sensed: sensed, open: true}
}

// Block adds a block of sound. arrived is the latest time at which its last sample can have been
// captured; it counts as no earlier than that of the block before.
func (h *Hold[B]) Block(b B, arrived time.Time) {
	if !h.open {
		h.dropped = append(h.dropped, b)
		return
	}
	h.arrived.raise(arrived)
	h.held = append(h.held, held[B]{b, h.arrived.at})
	h.prove()
}

// LinesClear reports that consent stands by a reading of every line at a time, and that every edge
// up to the debounce time before it has been reported as a Cut. A time earlier than a previous one
// changes nothing.
func (h *Hold[B]) LinesClear(at time.Time) {
	h.lines.raise(at)
	h.prove()
}

// LightLit reports that the light was seen lit at a time.
func (h *Hold[B]) LightLit(at time.Time) {
	h.light.raise(at)
	h.prove()
}

// prove counts the proved blocks. Arrivals never decrease, so these are the first ones. After a Cut
// only proved blocks are held.
func (h *Hold[B]) prove() {
	for h.proved < len(h.held) {
		arrived := h.held[h.proved].arrived
		if !h.lines.covers(arrived.Add(h.debounce)) || h.sensed && !h.light.covers(arrived) {
			return
		}
		h.proved++
	}
}

// Cut reports that nothing captured at a time or later may be kept. It drops everything that is not
// proved, and everything that comes later.
func (h *Hold[B]) Cut(at time.Time) {
	h.open = false
	n := 0
	for n < h.proved && h.held[n].arrived.Before(at) {
		n++
	}
	for _, x := range h.held[n:] {
		h.dropped = append(h.dropped, x.block)
	}
	h.held, h.proved = slices.Delete(h.held, n, len(h.held)), n
}

// Keep returns the blocks that may be kept, each once, oldest first. No later Cut affects them.
func (h *Hold[B]) Keep() []B {
	var keep []B
	for _, x := range h.held[:h.proved] {
		keep = append(keep, x.block)
	}
	h.held, h.proved = slices.Delete(h.held, 0, h.proved), 0
	return keep
}

// Drop returns the blocks that will never be kept, each once, so that their memory can be reused.
// Before a Cut there are none.
func (h *Hold[B]) Drop() []B {
	dropped := h.dropped
	h.dropped = nil
	return dropped
}

// Due returns the earliest time at which a reading can prove the oldest block that is not proved.
// ok is false if there is none. If the time has passed, a reading of the lines or of the light is
// needed now.
func (h *Hold[B]) Due() (at time.Time, ok bool) {
	if h.proved == len(h.held) {
		return time.Time{}, false
	}
	return h.held[h.proved].arrived.Add(h.debounce), true
}

// Len is the number of blocks that wait for Keep or for a Cut, proved or not.
func (h *Hold[B]) Len() int { return len(h.held) }
