package consent

import (
	"fmt"
	"strings"
	"time"
)

// world answers requests on demand: each once, the light's in order. A LightOn followed by a
// LightOff may remain without an answer.
type world struct {
	light [8]bool // asked: true on, false off; a queue
	n     int
	head  head // headAsked, headBeginning or headEnding: an answer is due
	mic   mic  // micOpening or micClosing: an answer is due
	open  bool // samples arrive
}

func (w *world) hear(out []Effect) {
	for _, e := range out {
		switch e.(type) {
		case LightOn:
			w.light[w.n], w.n = true, w.n+1
		case LightOff:
			w.light[w.n], w.n = false, w.n+1
		case Prepare:
			w.head = headAsked
		case Begin:
			w.head = headBeginning
		case End:
			w.head = headEnding
		case OpenMic:
			w.mic, w.open = micOpening, true
		case CloseMic:
			w.mic = micClosing
		}
	}
}

// The answers that are due now, or nil.

func (w *world) lightAnswer(ok bool) Event {
	switch {
	case w.n == 0:
		return nil
	case w.light[0]:
		return Lit{ok}
	}
	return Dark{}
}

// recall drops a LightOn that is followed by a LightOff.
func (w *world) recall() {
	if w.n > 1 && w.light[0] {
		w.answered(Lit{})
	}
}

func (w *world) headAnswer(ok bool) Event {
	switch w.head {
	case headAsked:
		return Prepared{ok}
	case headBeginning:
		return Begun{ok}
	case headEnding:
		return Ended{}
	}
	return nil
}

func (w *world) micAnswer(ok bool) Event {
	switch w.mic {
	case micOpening:
		return Opened{ok}
	case micClosing:
		return Closed{}
	}
	return nil
}

// answered records an answer before it is given.
func (w *world) answered(ev Event) {
	switch ev := ev.(type) {
	case Lit, Dark:
		if w.n > 0 {
			copy(w.light[:], w.light[1:w.n])
			w.n--
			w.light[w.n] = false
		}
	case Prepared, Begun, Ended:
		w.head = headNone
	case Opened:
		w.mic, w.open = micClosed, ev.OK
	case Closed:
		w.mic, w.open = micClosed, false
	}
}

// play is a machine in its world, with the checker, and the history for the oracle.
type play struct {
	m     *Machine
	c     checker
	w     world
	set   Settings
	now   time.Time
	last  [maxButtons]time.Time // each line's last edge as told
	trace []step
	edges int
}

func newPlay(set Settings) *play {
	return &play{m: New(set, epoch), c: newChecker(set), set: set, now: epoch}
}

func (p *play) step(ev Event) error {
	p.w.answered(ev)
	if e, ok := ev.(Edge); ok {
		p.last[e.Button] = e.At
		p.edges++
	}
	out := p.m.Step(p.now, ev)
	p.w.hear(out)
	p.trace = append(p.trace, observe(p.m, p.now, ev, out))
	return p.c.step(p.m, p.now, ev, out)
}

// tail returns the last steps, for the message of a failure.
func (p *play) tail() string {
	var b strings.Builder
	for _, s := range p.trace[max(0, len(p.trace)-20):] {
		fmt.Fprintf(&b, "\n%v %T", s.now.Sub(epoch), s.ev)
		if e, ok := s.ev.(Edge); ok {
			fmt.Fprintf(&b, " %d %v %v ago, fresh %v", e.Button, e.Pressed, s.now.Sub(e.At), e.Fresh)
		}
		fmt.Fprintf(&b, " -> %v %s", s.phase, effectWords(s.out))
	}
	return b.String()
}
