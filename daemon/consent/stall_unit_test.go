package consent_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tacet/daemon/consent"
	"tacet/hw"
	"tacet/hw/hwtest"
)

// unit is the machine on the kernel's lines: hw reads them, an owner steps the machine, and both
// stall at random, together or separately. The moves of two hands are compared with the machine's
// reactions.
type unit struct {
	t      *testing.T
	rand   *rand.Rand
	board  *hwtest.Board
	panel  *hw.Panel
	events chan consent.Event

	mu     sync.Mutex // guards what follows
	still  time.Time  // until then the owner stands still
	moves  [2][]move
	down   [2]bool
	gives  [2]time.Time // the press that gave
	opened time.Time    // the microphone; zero: closed
	cuts   []consent.Cut
	count  int // openings
	edges  int

	learnt [2][]learnt // the owner's own
}

type move struct {
	down bool
	at   time.Time
}

// learnt is an edge as the owner received it.
type learnt struct {
	consent.Edge
	now time.Time
}

var wires = [2]string{"GPIO5", "GPIO6"}

func newUnit(t *testing.T, r *rand.Rand) *unit {
	u := &unit{t: t, rand: r, board: hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27"), events: make(chan consent.Event, 64)}
	if r.IntN(2) == 0 {
		u.board.Queue = 16
	}
	var err error
	u.panel, err = hw.OpenOn(u.board, hw.Wiring{
		Buttons: []hw.Input{{Line: wires[0], ActiveLow: true}, {Line: wires[1], ActiveLow: true}},
		Light:   hw.Output{Line: "GPIO27"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// run starts the reader and the owner. The returned function ends them.
func (u *unit) run() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := u.panel.Buttons().Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
			select {
			case u.events <- consent.Edge{Button: input, Pressed: active, At: at, Fresh: fresh}:
			case <-ctx.Done():
			}
		}); err != nil {
			u.t.Error(err)
		}
	})
	all.Go(func() { u.own(ctx) })
	all.Go(func() { // the daemon's looks at the lines
		for pause(ctx, 100*time.Millisecond) {
			if _, err := u.panel.Buttons().Read(); err != nil {
				u.t.Error(err)
			}
		}
	})
	return func() { cancel(); all.Wait(); u.panel.Close() }
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// own is the owner, which handles edges first.
func (u *unit) own(ctx context.Context) {
	m := consent.New(consent.Settings{
		Buttons: []consent.Button{{Party: "patient", Line: wires[0], Debounce: 30 * time.Millisecond},
			{Party: "clinician", Line: wires[1], Debounce: 30 * time.Millisecond}},
		Max: time.Hour,
	}, time.Now())
	for i := range wires {
		u.step(m, consent.Edge{Button: i, At: time.Now()})
	}
	u.step(m, consent.Ready{OK: true})
	timer := time.NewTimer(0)
	for {
		due, ok := m.Deadline()
		if !ok {
			due = time.Now().Add(time.Hour)
		}
		timer.Reset(time.Until(due))
		var ev consent.Event = consent.Tick{}
		select {
		case <-ctx.Done():
			return
		case ev = <-u.events:
		case <-timer.C:
		}
		u.standStill()
		if _, tick := ev.(consent.Tick); tick {
			for len(u.events) > 0 {
				u.step(m, <-u.events)
			}
		}
		u.step(m, ev)
	}
}

func (u *unit) standStill() {
	u.mu.Lock()
	d := max(time.Until(u.still), u.board.Still())
	u.mu.Unlock()
	if d > 0 {
		<-time.After(d)
	}
}

// step sends the machine an event, and at once the answer to each request.
func (u *unit) step(m *consent.Machine, ev consent.Event) {
	now := time.Now()
	if e, ok := ev.(consent.Edge); ok {
		u.learnt[e.Button] = append(u.learnt[e.Button], learnt{e, now})
	}
	for _, effect := range m.Step(now, ev) {
		switch e := effect.(type) {
		case consent.LightOn:
			u.step(m, consent.Lit{OK: true})
		case consent.LightOff:
			u.step(m, consent.Dark{})
		case consent.Prepare:
			u.step(m, consent.Prepared{OK: true})
		case consent.OpenMic:
			u.open(m, now)
			u.step(m, consent.Opened{OK: true})
			u.step(m, consent.Samples{})
			u.step(m, consent.Keepable{})
		case consent.Begin:
			u.step(m, consent.Begun{OK: true})
		case consent.Cut:
			u.mu.Lock()
			u.cuts = append(u.cuts, e)
			u.mu.Unlock()
		case consent.CloseMic:
			u.close(now)
			u.step(m, consent.Closed{})
		case consent.End:
			u.step(m, consent.Ended{})
		}
	}
}

// open compares each give with the moves of its hand, and with the times of arrival.
func (u *unit) open(m *consent.Machine, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.opened, u.cuts = now, nil
	u.count++
	for i, act := range m.Acts() {
		n := map[string]int{wires[0]: 0, wires[1]: 1}[act.Line]
		if act.Kind != consent.Gave || !u.gave(n, act.At) || !u.inTime(n, act.At) {
			u.t.Errorf("%v: act %d is %v, but the hand did %v, of which was learnt %v", now, i, act, u.moves[n], u.learnt[n])
		}
		u.gives[n] = act.At
	}
}

// gave: pressed at that time, on a line that was released and still; and released 50 ms to 5 s
// later, and still.
func (u *unit) gave(n int, at time.Time) bool {
	for i, m := range u.moves[n] {
		if !m.down || !m.at.Equal(at) || i > 0 && m.at.Sub(u.moves[n][i-1].at) < 30*time.Millisecond {
			continue
		}
		for j, up := range u.moves[n][i:] {
			length := up.at.Sub(at)
			if !up.down && length >= 50*time.Millisecond && length <= 5*time.Second {
				return true
			}
			if !up.down && i+j+1 < len(u.moves[n]) && u.moves[n][i+j+1].at.Sub(up.at) >= 30*time.Millisecond {
				return false // the press was over
			}
		}
	}
	return false
}

// inTime: none of the edges from the press until it gave was doubted, and each arrived within 250
// ms.
func (u *unit) inTime(n int, at time.Time) bool {
	edges, seen := u.learnt[n], false
	for i, e := range edges {
		if e.At.Before(at) {
			continue
		}
		seen = true
		if !e.Fresh || e.now.Sub(e.At) > 250*time.Millisecond || i > 0 && edges[i-1].Pressed == e.Pressed {
			return false
		}
	}
	return seen
}

// close: the cut is no later than the first move since the microphone opened.
func (u *unit) close(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, moves := range u.moves {
		for _, m := range moves {
			if m.at.After(u.opened) && !u.covered(m.at) {
				u.t.Errorf("%v: a move at %v, and the cuts are %v", now, m.at, u.cuts)
			}
		}
	}
	u.opened = time.Time{}
}

func (u *unit) covered(at time.Time) bool {
	for _, c := range u.cuts {
		if !c.Fresh || !c.At.After(at) {
			return true
		}
	}
	return false
}
