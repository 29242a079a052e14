package consent

import (
	"encoding/binary"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var deeper = flag.Int("deeper", 0, "add to the walk's depths; each costs four times as long as the one before")

// TestWalk tries every sequence of events up to a depth, from several starting points, with the
// checker after every step and the oracle on every history. Two histories that leave machine,
// checker and world in equivalent states are continued only once (play.key). Time advances in steps
// of 20 ms, 60 ms, 1 s, 3 s and 30 s, on time or late.
func TestWalk(t *testing.T) {
	idle, giving, recording := "", "p0 60ms r0 20ms-", "give0 record"
	for _, walk := range []struct {
		buttons, from string
		depth         int
	}{
		{"m", idle, 7},
		{"m", giving, 5},
		{"m", "give0 lit", 5},
		{"m", recording, 5},
		{"m", recording + " p0 60ms", 5},
		{"l", idle, 6},
		{"l", recording, 5},
		{"mm", idle, 5},
		{"mm", "give0", 5},
		{"mm", "give0 give1 lit prepared", 4},
		{"mm", "give0 give1 record", 4},
		{"ml", idle, 4},
		{"ml", "give1", 5},
		{"ml", "give0 give1 record p0", 4},
	} {
		t.Run(walk.buttons+"/"+walk.from, func(t *testing.T) {
			t.Parallel()
			states, steps := explore(t, walk.buttons, walk.from, walk.depth+*deeper)
			t.Logf("depth %d: %d states, %d steps", walk.depth+*deeper, states, steps)
		})
	}
}

// node is a state of the walk.
type node struct {
	*play
	came *link
}

// link is one symbol of the path to a node, with what was seen.
type link struct {
	before *link
	symbol string
	trace  []step
}

func explore(t *testing.T, buttons, from string, depth int) (states, steps int) {
	set := settings(buttons)
	set.Max, set.Quiet = 12*time.Second, 4*time.Second
	s := newScript(t, set)
	s.run(from)
	first := &play{m: s.m, c: s.c, set: set, now: s.now}
	for _, st := range s.trace {
		first.w.hear(st.out)
		first.w.answered(st.ev)
		if e, ok := st.ev.(Edge); ok {
			first.last[e.Button] = e.At
		}
	}
	seen := map[string]bool{}
	frontier := []node{{play: first, came: &link{symbol: from, trace: s.trace}}}
	for range depth {
		var next []node
		for _, n := range frontier {
			before := n.came.history()
			for _, symbol := range n.symbols() {
				child := node{play: n.clone()}
				err := child.symbol(symbol)
				child.came = &link{before: n.came, symbol: symbol, trace: child.trace}
				if err == nil {
					err = explain(set, append(before[:len(before):cap(before)], child.trace...))
				}
				if err != nil {
					t.Fatalf("after %s: %v", child.came, err)
				}
				steps += len(child.trace)
				if key := child.key(); !seen[key] {
					seen[key] = true
					next = append(next, child)
				}
			}
		}
		frontier = next
	}
	return len(seen), steps
}

func (l *link) history() []step {
	var all []step
	for ; l != nil; l = l.before {
		for i := len(l.trace) - 1; i >= 0; i-- {
			all = append(all, l.trace[i])
		}
	}
	slices.Reverse(all)
	return all
}

func (l *link) String() string {
	var words []string
	for ; l != nil; l = l.before {
		words = append(words, l.symbol)
	}
	slices.Reverse(words)
	return strings.Join(words, " ")
}

func (p *play) clone() *play {
	c := *p
	c.m, c.trace = p.m.clone(), nil
	return &c
}

// symbols are what can happen next.
func (p *play) symbols() []string {
	all := []string{"fault", "door", "stop", "slept", "ready", "ready!"}
	for i := range p.set.Buttons {
		toggle, same := "p", "r"
		if p.m.Pressed(i) {
			toggle, same = "r", "p"
		}
		all = append(all, fmt.Sprintf("%s%d", toggle, i), fmt.Sprintf("%s%d?", toggle, i), fmt.Sprintf("%s%d", same, i))
		if !p.last[i].After(p.now.Add(-20 * time.Millisecond)) {
			all = append(all, fmt.Sprintf("%s%d@-20ms", toggle, i))
		}
		if !p.last[i].After(p.now.Add(-300 * time.Millisecond)) {
			all = append(all, fmt.Sprintf("%s%d@-300ms", toggle, i))
		}
	}
	if due, ok := p.m.Deadline(); ok && !due.After(p.now) {
		all = append(all, "tick")
	} else {
		all = append(all, "20ms-", "60ms-", "3s-", "60ms", "1s", "3s", "30s")
	}
	if p.w.n > 0 {
		all = append(all, "light", "light!")
	}
	if p.w.n > 1 && p.w.light[0] {
		all = append(all, "recall")
	}
	if p.w.head != headNone {
		all = append(all, "head", "head!")
	}
	if p.w.mic != micClosed {
		all = append(all, "mic", "mic!")
	}
	if p.w.open {
		all = append(all, "samples", "sound", "keepable")
	}
	if p.m.Phase() == Recording {
		all = append(all, "lit!")
	}
	return all
}

func (p *play) symbol(s string) error {
	word, bad := strings.CutSuffix(s, "!")
	switch {
	case word == "recall":
		p.w.recall()
		return nil
	case word == "light":
		return p.step(p.w.lightAnswer(!bad))
	case word == "head":
		return p.step(p.w.headAnswer(!bad))
	case word == "mic":
		return p.step(p.w.micAnswer(!bad))
	case s[0] >= '0' && s[0] <= '9':
		length, late := strings.CutSuffix(s, "-")
		d, err := time.ParseDuration(length)
		if err != nil {
			return err
		}
		return p.pass(d, late)
	}
	return p.step(parseEvent(nil, s, p.now))
}

// pass advances time, with each Tick when it is due, or without.
func (p *play) pass(d time.Duration, late bool) error {
	end := p.now.Add(d)
	for !late {
		due, ok := p.m.Deadline()
		if !ok || due.After(end) {
			break
		}
		p.now = later(p.now, due)
		if err := p.step(Tick{}); err != nil {
			return err
		}
	}
	p.now = end
	return nil
}

// key identifies the state, with times relative to now. It leaves out what no longer matters: the
// times of acts, how long ago a line settled, a dead time that ended more than 300 ms ago (no edge
// arrives later than that), a press that gives nothing.
func (p *play) key() string {
	var b []byte
	flags := func(all ...bool) {
		for _, f := range all {
			b = append(b, '0')
			if f {
				b[len(b)-1] = '1'
			}
		}
	}
	ms := func(d time.Duration, low, high time.Duration) {
		b = binary.AppendVarint(b, int64(min(max(d, low), high)/time.Millisecond))
	}
	const long, just = time.Hour, 320 * time.Millisecond
	until := func(at time.Time) { ms(at.Sub(p.now), -long, long) }
	m, r := p.m, &p.m.run
	b = append(b, byte(m.phase), byte(r.head), byte(r.mic), byte(len(m.acts)), byte(m.darks))
	b = append(b, r.reason[:min(1, len(r.reason))]...)
	flags(m.ready, m.stopped, r.lit, r.heard, r.lightOff, r.dark, r.flash)
	ms(m.deadUntil.Sub(p.now), -just, long)
	switch m.phase {
	case Waiting:
		until(m.waitUntil)
	case Starting:
		until(r.startBy)
	case Recording:
		until(r.maxAt)
		until(r.quietAt)
	case Stopping:
		ms(r.cut.Sub(p.now), -just, long)
	}
	for i := range m.buttons {
		l := &m.buttons[i]
		flags(l.pressed, l.live, l.gave)
		ms(p.now.Sub(l.last), -long, l.Debounce+just)
		ms(l.doubted.Sub(p.now), -just, long)
		if l.live && l.Style == Momentary {
			ms(p.now.Sub(l.started), -long, pressMax+200*time.Millisecond)
			flags(l.released.IsZero())
			ms(l.released.Sub(l.started), -long, pressMax+200*time.Millisecond)
		}
	}
	c, w := &p.c, &p.w
	b = append(b, c.light, byte(c.mic), byte(c.head), byte(w.n), byte(w.head), byte(w.mic))
	flags(c.lit, c.heard, c.refused, w.open)
	flags(w.light[:w.n]...)
	flags(c.pressed[:]...)
	flags(c.released[:]...)
	ms(c.dead.Sub(p.now), -just, long)
	return string(b)
}
