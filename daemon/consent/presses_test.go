package consent

import (
	"sort"
	"time"
)

// press is a press that gives if consent could be given throughout.
type press struct {
	button, first int // step of the first edge
	last          int // step of the last
	began, due    time.Time
}

type edgeAt struct {
	Edge
	step int
}

// presses finds every good press of a history, by the time at which it is due; the steps at which
// any press started; and those whose edge is doubted.
func presses(set Settings, trace []step) (good []press, begins, doubts []bool) {
	begins, doubts = make([]bool, len(trace)), make([]bool, len(trace))
	for i, b := range set.Buttons {
		var edges []edgeAt
		for n, s := range trace {
			if e, ok := s.ev.(Edge); ok && e.Button == i {
				edges = append(edges, edgeAt{e, n})
			}
		}
		for j, e := range edges {
			known := b.Style == Latching
			if j > 0 {
				known = edges[j-1].Pressed
			}
			doubts[e.step] = !e.Fresh || e.Pressed == known || trace[e.step].now.After(e.At.Add(250*time.Millisecond))
		}
		var begun []edgeAt // all edges since the press began; nil: no press
		level := b.Style == Latching
		for len(edges) > 0 {
			n := 1
			for n < len(edges) && edges[n].At.Sub(edges[n-1].At) < b.Debounce {
				n++
			}
			burst := edges[:n]
			edges = edges[n:]
			if !level {
				begun = nil
				if burst[0].Pressed {
					begun = burst
					begins[burst[0].step] = true
				}
			} else if begun != nil {
				begun = append(begun[:len(begun):len(begun)], burst...)
			}
			level = burst[n-1].Pressed
			for j := range burst {
				if j < n-1 && !seemed(trace, burst[j], burst[j+1], b.Debounce) {
					continue
				}
				p, ok := judge(b, begun[:max(0, len(begun)-n+j+1)], burst[:j+1], doubts)
				if ok && burst[j].Pressed == (b.Style == Latching) {
					p.button = i
					good = append(good, p)
				}
			}
			if b.Style == Latching {
				begun = nil
			}
		}
	}
	sort.SliceStable(good, func(i, j int) bool { return good[i].due.Before(good[j].due) })
	return good, begins, doubts
}

// seemed reports whether an edge seemed to be the last of its burst, because the next one arrived
// too late.
func seemed(trace []step, e, next edgeAt, debounce time.Duration) bool {
	for _, s := range trace[e.step+1 : next.step] {
		if !s.limit().Before(e.At.Add(debounce)) {
			return true
		}
	}
	return false
}

// judge judges a press that ended with a burst.
func judge(b Button, begun, burst []edgeAt, doubts []bool) (press, bool) {
	if len(begun) == 0 {
		return press{}, false
	}
	for _, e := range begun {
		if doubts[e.step] {
			return press{}, false
		}
	}
	last := burst[len(burst)-1]
	p := press{first: begun[0].step, last: last.step, began: begun[0].At, due: last.At.Add(b.Debounce)}
	if b.Style == Latching {
		return p, true
	}
	for _, e := range burst {
		if !e.Pressed {
			length := e.At.Sub(p.began)
			return p, length >= 50*time.Millisecond && length <= 5*time.Second
		}
	}
	return p, false
}
