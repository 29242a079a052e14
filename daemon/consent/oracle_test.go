package consent

import (
	"fmt"
	"slices"
	"time"
)

// The oracle is a second implementation of the specification, with another approach: it reads a
// whole history at once, finds the presses by cutting each line's edges into bursts, and then
// decides which of them counted. It does not use the machine's fields. It needs a world that
// answers each request once, the light's in order.

// step is one step of a history, with the state of the machine after it.
type step struct {
	now   time.Time
	ev    Event
	out   []Effect
	phase Phase
	gave  [maxButtons]bool
	acts  int
}

func observe(m *Machine, now time.Time, ev Event, out []Effect) step {
	s := step{now: now, ev: ev, out: out, phase: m.Phase(), acts: len(m.acts)}
	for i := range m.buttons {
		s.gave[i] = m.Consented(i)
	}
	return s
}

// limit is the time up to which timers fire before the step's event.
func (s step) limit() time.Time {
	switch ev := s.ev.(type) {
	case Edge:
		return ev.At
	case Door:
		return ev.At
	}
	return s.now
}

// oracle goes through a history once, given the presses.
type oracle struct {
	set    Settings
	good   []press // not yet due
	begins []bool
	doubts []bool
	unsure [maxButtons]time.Time // until then a doubted edge had not been learnt of

	phase          Phase
	gave           [maxButtons]bool
	acts           []Act
	ready, stopped bool
	could          []bool // steps at which a press could begin
	voided         int    // step at which all presses under way were last voided
	dead           time.Time
	lapses         []lapse // what is running out

	lit, prepared, opened, heard, keepable, begun, flash bool
	asked                                                [requests]int // not yet answered
	requests                                             [requests]int // in this start
	reason                                               string
	cut                                                  time.Time
	light                                                string // what it should show; "" for flash: either
	flashes                                              int
}

// request is an effect that needs an answer.
type request int

const (
	askOn request = iota
	askOff
	askPrepare
	askOpen
	askClose
	askEnd
	askBegin
	askDiscard // which wants no answer
	requests
)

type lapse struct {
	cause string
	at    time.Time
}

// explain compares a history with the specification.
func explain(set Settings, trace []step) error {
	o := &oracle{set: set, phase: Faulty, voided: -1, light: "off", dead: epoch, could: make([]bool, len(trace))}
	o.good, o.begins, o.doubts = presses(set, trace)
	light := "off"
	for n, s := range trace {
		o.flashes = 0
		if err := o.step(n, s); err != nil {
			return fmt.Errorf("step %d, %T: %w", n, s.ev, err)
		}
		flashes := 0
		for _, e := range s.out {
			switch e.(type) {
			case LightOn:
				light = "on"
			case LightPulse:
				light = "pulse"
			case LightOff:
				light = "off"
			case LightFlash:
				flashes++
			}
		}
		if s.phase != o.phase || s.gave != o.gave || s.acts != len(o.acts) || light != o.light || flashes != o.flashes {
			return fmt.Errorf("step %d, %T at %v: machine: %v %v %d acts, light %s, %d flashes; oracle: %v %v %d acts, light %s, %d flashes",
				n, s.ev, s.now.Sub(epoch), s.phase, s.gave, s.acts, light, flashes, o.phase, o.gave, len(o.acts), o.light,
				o.flashes)
		}
	}
	return nil
}

func (o *oracle) step(n int, s step) error {
	if o.doubts[n] {
		o.doubt(n, s)
	}
	o.runOut(n, s.limit(), s.now)
	o.event(n, s)
	for _, e := range s.out {
		if err := o.request(e); err != nil {
			return err
		}
	}
	return o.owed()
}

// doubt is the first effect of a doubted edge: everything done to its button so far is cancelled.
func (o *oracle) doubt(n int, s step) {
	e := s.ev.(Edge)
	o.unsure[e.Button] = s.now
	o.good = slices.DeleteFunc(o.good, func(p press) bool { return p.button == e.Button && p.last < n })
	if o.phase == Waiting && o.gave[e.Button] {
		o.over(n, s.now, Act{Kind: Withdrew, At: e.At})
	}
}

// runOut fires due presses and lapses, in order, until limit.
func (o *oracle) runOut(n int, limit, now time.Time) {
	for {
		cause, at := "", limit.Add(1)
		for _, l := range o.lapses {
			if l.at.Before(at) {
				cause, at = l.cause, l.at
			}
		}
		press := -1
		for i, p := range o.good {
			if !p.due.Before(at) {
				break
			}
			if p.last < n {
				press, at = i, p.due
			}
		}
		if at.After(limit) {
			return
		}
		if press < 0 {
			o.over(n, now, Act{Kind: Lapsed, At: at, Cause: cause})
			continue
		}
		p := o.good[press]
		o.good = slices.Delete(o.good, press, press+1)
		if o.could[p.first] && p.first > o.voided {
			o.give(now, p)
		}
	}
}

func (o *oracle) give(now time.Time, p press) {
	b := o.set.Buttons[p.button]
	o.gave[p.button] = true
	o.acts = append(o.acts, Act{Party: b.Party, Kind: Gave, At: p.began, Line: b.Line})
	if len(o.acts) < len(o.set.Buttons) {
		o.phase, o.light = Waiting, "pulse"
		o.lapses = []lapse{{CauseWaiting, now.Add(30 * time.Second)}}
		return
	}
	o.phase, o.light = Starting, "on"
	o.lapses = []lapse{{CauseFault, now.Add(10 * time.Second)}}
	o.requests = [requests]int{}
	o.lit, o.prepared, o.opened, o.heard, o.keepable, o.begun, o.flash = false, false, false, false, false, false, false
}

// over ends consent.
func (o *oracle) over(n int, now time.Time, act Act) {
	if o.phase == Idle || o.phase == Faulty || o.phase == Stopping {
		return
	}
	o.lapses = nil
	o.gave = [maxButtons]bool{}
	o.voided = n
	o.dead = later(o.dead, now.Add(3*time.Second))
	if o.phase == Waiting {
		o.acts, o.light = nil, "off"
		o.phase = o.rest()
		return
	}
	o.acts = append(o.acts, act)
	o.cut = act.At
	switch {
	case act.Kind == Withdrew:
		o.reason = "withdrawn"
	case act.Cause == CauseFault || act.Cause == CauseStopped:
		o.reason = act.Cause
	default:
		o.reason = "lapsed"
	}
	o.flash = o.phase == Starting && o.reason == "fault"
	o.phase = Stopping
}

func (o *oracle) rest() Phase {
	if o.ready {
		return Idle
	}
	return Faulty
}

func (o *oracle) event(n int, s step) {
	fault := Act{Kind: Lapsed, At: s.now, Cause: CauseFault}
	answered := func(what request, ok bool) bool {
		o.asked[what] = max(0, o.asked[what]-1)
		if !ok {
			o.over(n, s.now, fault)
		}
		return ok
	}
	switch ev := s.ev.(type) {
	case Edge:
		o.edge(n, s.now, ev)
	case Door:
		o.voided = n
		o.over(n, s.now, Act{Kind: Lapsed, At: ev.At, Cause: CauseDoor})
	case Fault:
		o.voided = n
		o.over(n, s.now, fault)
	case Slept:
		o.voided = n
		o.over(n, s.now, Act{Kind: Lapsed, At: s.now, Cause: CauseSlept})
	case Stop:
		o.voided, o.stopped = n, true
		o.over(n, s.now, Act{Kind: Lapsed, At: s.now, Cause: CauseStopped})
	case Ready:
		o.ready = ev.OK
		if !ev.OK && o.phase != Starting && o.phase != Recording {
			o.voided = n
			o.over(n, s.now, fault)
		}
		if o.phase == Idle || o.phase == Faulty {
			o.phase = o.rest()
		}
	case Lit:
		o.lit = answered(askOn, ev.OK)
	case Prepared:
		o.prepared = answered(askPrepare, ev.OK)
	case Opened:
		o.opened = answered(askOpen, ev.OK)
		if o.opened && o.phase == Starting {
			o.lapses = []lapse{{CauseFault, s.now.Add(time.Second)}}
			if o.heard {
				o.lapses[0].at = s.now.Add(5 * time.Second)
			}
		}
	case Closed:
		answered(askClose, true)
	case Ended:
		answered(askEnd, true)
	case Dark:
		if answered(askOff, true); o.asked[askOff] == 0 {
			o.asked[askOn] = 0 // overtaken
		}
		if o.phase == Stopping && o.asked[askOff] == 0 && o.light == "off" && o.flash && !o.stopped {
			o.flashes++
		}
	case Samples:
		o.listen(s.now)
	case Keepable:
		if o.phase == Starting && o.opened && o.requests[askBegin] == 0 {
			o.heard, o.keepable = true, true
			o.lapses = []lapse{{CauseFault, s.now.Add(5 * time.Second)}}
		}
	case Begun:
		o.begun = answered(askBegin, ev.OK)
	case Sound:
		if o.phase == Recording && o.set.Quiet > 0 {
			o.lapses[1] = lapse{CauseQuiet, s.now.Add(o.set.Quiet)}
		}
	}
	if o.phase == Starting && o.lit && o.prepared && o.opened && o.heard && o.begun {
		o.phase = Recording
		o.lapses = []lapse{{CauseMax, s.now.Add(o.set.Max)}}
		if o.set.Quiet > 0 {
			o.lapses = append(o.lapses, lapse{CauseQuiet, s.now.Add(o.set.Quiet)})
		}
	}
}

// listen records the first samples.
func (o *oracle) listen(now time.Time) {
	if o.phase != Starting || o.heard || o.requests[askOpen] == 0 {
		return
	}
	o.heard = true
	if o.opened {
		o.lapses = []lapse{{CauseFault, now.Add(5 * time.Second)}}
	}
}

func (o *oracle) edge(n int, now time.Time, e Edge) {
	dead := e.At.Before(o.dead)
	o.could[n] = o.ready && !o.stopped && !dead && !o.gave[e.Button] && !e.At.Before(o.unsure[e.Button]) &&
		(o.phase == Idle || o.phase == Waiting)
	if o.phase == Starting || o.phase == Recording || o.gave[e.Button] {
		b := o.set.Buttons[e.Button]
		o.over(n, now, Act{Party: b.Party, Kind: Withdrew, At: e.At, Line: b.Line})
		return
	}
	if e.Pressed && (o.phase == Stopping || dead && o.phase != Waiting) {
		o.dead = now.Add(3 * time.Second)
		o.voided = n
	}
	if o.phase == Faulty && o.begins[n] && !o.doubts[n] && !dead && !o.stopped {
		o.flashes++
	}
}

// request records the requests and the reports of the machine.
func (o *oracle) request(e Effect) error {
	var what request
	switch e := e.(type) {
	case LightOn:
		what = askOn
	case LightOff:
		what = askOff
	case Prepare:
		what = askPrepare
	case OpenMic:
		what = askOpen
	case CloseMic:
		what = askClose
	case Begin:
		what = askBegin
	case Discard:
		o.requests[askDiscard]++
		return nil
	case End:
		what = askEnd
		if len(o.acts) == 0 {
			return fmt.Errorf("end of nothing")
		}
		if want := o.acts[len(o.acts)-1]; e.Reason != o.reason || len(e.Acts) != 1 || e.Acts[0] != want {
			return fmt.Errorf("end %v, not %s %v", e, o.reason, want)
		}
	case Cut:
		if e.Fresh && e.At.After(o.cut) {
			return fmt.Errorf("cut at %v, not %v", e.At, o.cut)
		}
		o.cut = earlier(o.cut, e.At)
		return nil
	default:
		return nil
	}
	o.asked[what]++
	o.requests[what]++
	return nil
}

// owed checks that everything that can be requested by now has been, once. It leaves Stopping when
// everything is answered.
func (o *oracle) owed() error {
	if o.phase != Starting && o.phase != Recording && o.phase != Stopping {
		return nil
	}
	want := [requests]bool{askOn: true, askPrepare: true}
	switch o.phase {
	case Starting:
		want[askOpen] = o.lit && o.prepared
		want[askBegin] = o.keepable
	case Recording:
		want[askOpen], want[askBegin] = true, true
	case Stopping:
		want[askOpen] = o.requests[askOpen] > 0
		want[askBegin] = o.requests[askBegin] > 0
		want[askEnd] = o.begun
		want[askDiscard] = o.prepared && !o.begun && o.asked[askBegin] == 0
		want[askClose] = o.opened
		if o.asked[askOpen] == 0 && o.asked[askClose] == 0 {
			want[askOff] = true
			o.light = "off"
		}
	}
	for what, wanted := range want {
		if n := o.requests[what]; n > 1 || wanted != (n == 1) {
			return fmt.Errorf("request %d was made %d times, wanted %v, phase %v", what, n, wanted, o.phase)
		}
	}
	if o.phase == Stopping && o.asked == [requests]int{} {
		o.phase, o.acts = o.rest(), nil
	}
	return nil
}
