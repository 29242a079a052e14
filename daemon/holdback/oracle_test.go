package holdback

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// epoch is the start of the tests' times, which are in milliseconds.
var epoch = time.Date(2026, 11, 21, 14, 3, 22, 0, time.UTC)

func ms(n int) time.Time { return epoch.Add(time.Duration(n) * time.Millisecond) }

// call is one call by the owner.
type call struct {
	what byte // 'b'lock, lines 'c'lear, light 'l'it, cut 'x', 'k'eep
	at   int  // ms
}

// history is the calls of the owner, in order. A block's name is the index of its call.
type history []call

func (h history) String() string {
	words := make([]string, len(h))
	for i, c := range h {
		words[i] = fmt.Sprintf("%c%d", c.what, c.at)
	}
	return strings.Join(words, " ")
}

// result is the blocks that each Keep returned, including a last one at the end, and all those from
// Drop.
type result struct {
	kept    [][]int
	dropped []int
	due     int // at the end; -1: none
}

func (r result) String() string {
	return fmt.Sprintf("kept %v, dropped %v, due %d", r.kept, r.dropped, r.due)
}

// run calls a Hold.
func (h history) run(hold *Hold[int]) result {
	r := result{due: -1}
	blocks := 0
	for i, c := range h {
		switch c.what {
		case 'b':
			blocks++
			hold.Block(i, ms(c.at))
		case 'c':
			hold.LinesClear(ms(c.at))
		case 'l':
			hold.LightLit(ms(c.at))
		case 'x':
			hold.Cut(ms(c.at))
		case 'k':
			r.kept = append(r.kept, hold.Keep())
			r.dropped = append(r.dropped, hold.Drop()...)
		}
	}
	if due, ok := hold.Due(); ok {
		r.due = int(due.Sub(epoch).Milliseconds())
	}
	r.kept = append(r.kept, hold.Keep())
	r.dropped = append(r.dropped, hold.Drop()...)
	slices.Sort(r.dropped)
	for _, k := range r.kept {
		blocks -= len(k)
	}
	if n := hold.Len(); n != blocks-len(r.dropped) {
		panic(fmt.Sprintf("%v: Len says %d, not %d", h, n, blocks-len(r.dropped)))
	}
	return r
}

// promised computes the promise from the whole history, without state between calls. A block's
// sound lasts from the arrival of the block before to its own, when its last sample is captured.
func (h history) promised(debounce int, sensed bool) result {
	r := result{due: -1}
	cut := h.first(func(c call) bool { return c.what == 'x' })
	fate := map[int]int{} // of each block: which Keep returned it
	keeps := append(slices.Clone(h), call{'k', 0})
	for k, c := range keeps {
		if c.what != 'k' {
			continue
		}
		var kept []int
		for b, c := range keeps[:k] {
			if _, gone := fate[b]; c.what == 'b' && !gone && h.sampleMayBeKept(b, k, cut, debounce, sensed) {
				kept = append(kept, b)
				fate[b] = k
			}
		}
		r.kept = append(r.kept, kept)
	}
	for b, c := range h {
		if c.what != 'b' {
			continue
		}
		if _, gone := fate[b]; gone {
			continue
		}
		if cut < len(h) {
			r.dropped = append(r.dropped, b)
		} else if r.due < 0 {
			r.due = h.captured(b) + debounce
		}
	}
	return r
}

// sampleMayBeKept reports whether the last sample of block b may be kept by a Keep at k, and
// therefore all of them: each condition holds for an earlier sample if it holds for a later one.
func (h history) sampleMayBeKept(b, k, cut, debounce int, sensed bool) bool {
	sample := h.captured(b)
	before := h[:min(cut, k)] // what still counts
	if b >= cut {
		return false
	}
	linesRead := slices.ContainsFunc(before, func(c call) bool { return c.what == 'c' && c.at-debounce >= sample })
	lightSeen := slices.ContainsFunc(before, func(c call) bool { return c.what == 'l' && c.at >= sample })
	ended := slices.ContainsFunc(h[:min(k, len(h))], func(c call) bool { return c.what == 'x' && c.at <= sample })
	return linesRead && (lightSeen || !sensed) && !ended
}

// captured is the latest time of capture of block b's last sample. Later blocks were captured no
// earlier.
func (h history) captured(b int) int {
	latest := h[b].at
	for _, c := range h[:b] {
		if c.what == 'b' {
			latest = max(latest, c.at)
		}
	}
	return latest
}

func (h history) first(is func(call) bool) int {
	if i := slices.IndexFunc(h, is); i >= 0 {
		return i
	}
	return len(h)
}
