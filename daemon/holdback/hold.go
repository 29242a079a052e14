package holdback

import (
	"slices"
	"time"
)

// Hold is the hold-back of one opening of the microphone. New makes it; the zero value drops every
// block. It belongs to one goroutine.
type Hold[B any] struct {
	debounce time.Duration
	sensed   bool
	open     bool // from New to the first Cut

	arrived      mark      // of the last block
	lines, light mark      // the latest time at which each was seen in order
	held         []held[B] // in order of arrival; neither returned nor dropped
	proved       int       // how many of held, from the first, are proved
	dropped      []B       // not yet returned by Drop
}

type held[B any] struct {
	block   B
	arrived time.Time
}

// mark is the latest of some times; the zero value is none.
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

// New returns an empty Hold. Debounce is the longest of the lines' debounce times; less than a
// nanosecond is taken as one, so that a reading at the very time of an arrival never proves it.
// Sensed says that a sense line sees the light: then no block is kept without LightLit.
func New[B any](debounce time.Duration, sensed bool) *Hold[B] {
	return &Hold[B]{debounce: max(debounce, 1), sensed: sensed, open: true}
}

// Block takes in a block of sound. Arrived is when its last sample was captured, at the latest; it
// is taken as no earlier than that of the block before.
func (h *Hold[B]) Block(b B, arrived time.Time) {
	if !h.open {
		h.dropped = append(h.dropped, b)
		return
	}
	h.arrived.raise(arrived)
	h.held = append(h.held, held[B]{b, h.arrived.at})
	h.prove()
}

// LinesClear says that every line was read at the given time and says that consent stands, and that
// every edge up to then, less the debounce time, was told before as a Cut. An earlier time than one
// before changes nothing.
func (h *Hold[B]) LinesClear(at time.Time) {
	h.lines.raise(at)
	h.prove()
}

// LightLit says that the light was seen lit at the given time.
func (h *Hold[B]) LightLit(at time.Time) {
	h.light.raise(at)
	h.prove()
}

// prove counts the blocks that are proved. Arrivals never go back, so they are the first ones.
// After a Cut only proved blocks are held, so there is nothing to count.
func (h *Hold[B]) prove() {
	for h.proved < len(h.held) {
		arrived := h.held[h.proved].arrived
		if !h.lines.covers(arrived.Add(h.debounce)) || h.sensed && !h.light.covers(arrived) {
			return
		}
		h.proved++
	}
}

// Cut says that nothing captured at the given time or later may be kept. Whatever is not proved
// goes, and whatever comes later.
func (h *Hold[B]) Cut(at time.Time) {
	h.open = false
	stay := 0
	for stay < h.proved && h.held[stay].arrived.Before(at) {
		stay++
	}
	for _, x := range h.held[stay:] {
		h.dropped = append(h.dropped, x.block)
	}
	h.held, h.proved = slices.Delete(h.held, stay, len(h.held)), stay
}

// Keep returns the blocks that may be kept and were not returned before, oldest first. They are the
// caller's: no later Cut takes them.
func (h *Hold[B]) Keep() []B {
	var keep []B
	for _, x := range h.held[:h.proved] {
		keep = append(keep, x.block)
	}
	h.held, h.proved = slices.Delete(h.held, 0, h.proved), 0
	return keep
}

// Drop returns the blocks that will never be kept and were not returned before, so that their
// memory can be used again. Before a Cut there are none.
func (h *Hold[B]) Drop() []B {
	dropped := h.dropped
	h.dropped = nil
	return dropped
}

// Due returns the earliest time at which a reading can prove the oldest block that is not proved;
// false if there is none. A time that has passed means that a reading, of the lines or of the
// light, is wanted now.
func (h *Hold[B]) Due() (time.Time, bool) {
	if h.proved == len(h.held) {
		return time.Time{}, false
	}
	return h.held[h.proved].arrived.Add(h.debounce), true
}

// Len is how many blocks wait, proved or not, for Keep or for a Cut.
func (h *Hold[B]) Len() int { return len(h.held) }
