package daemon_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// hands press, bounce, lean on and knock against two buttons at random. The lines behave like the
// kernel's, with hw and the daemon behind them. The test compares what the hands did with what was
// recorded, and looks at no internal state.
type hands struct {
	*room
	rand  *rand.Rand
	board *hwtest.Board
	edges int

	openings int
	cleared  time.Time            // since when presses count
	pressed  map[string][]press   // by line
	down     map[string]time.Time // since when each line has been down
	first    time.Time            // edge of any line since the microphone opened
	stood    time.Time            // until when the process last stalled
}

type press struct{ from, to time.Time }

var wires = []string{"GPIO5", "GPIO6"}

// traces is the number of random traces.
func traces() int {
	if os.Getenv("TACET_SOAK") != "" {
		return 1_000_000
	}
	return 3_000
}

// Nothing is recorded unless every party has given, and no withdrawal is missed.
func TestRandomHands(t *testing.T) {
	const batch = 250
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TACET_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("TACET_SEED=%d", seed)
	var recordings, edges int
	for i := 0; i < traces() && !t.Failed(); i += batch {
		synctest.Test(t, func(t *testing.T) {
			h := newHands(t, rand.New(rand.NewPCG(seed, uint64(i))))
			for range batch {
				h.trace()
			}
			h.release()
			pause(time.Minute)
			h.judge()
			recordings, edges = recordings+h.openings, edges+h.edges
			h.finish()
		})
	}
	t.Logf("%d traces, %d edges, %d recordings", traces(), edges, recordings)
	if recordings < traces()/500 {
		t.Error("almost nothing was recorded: the traces test nothing")
	}
}

func newHands(t *testing.T, r *rand.Rand) *hands {
	h := &hands{room: newRoom(t, "patient", "clinician"), rand: r, board: hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27"),
		pressed: map[string][]press{}, down: map[string]time.Time{}, cleared: time.Now()}
	p, err := hw.OpenOn(h.board, hw.Wiring{
		Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: true}, {Line: "GPIO6", ActiveLow: true}},
		Light:   hw.Output{Line: "GPIO27"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	h.lines = p.Buttons()
	h.boot()
	h.phase("idle", time.Second)
	return h
}

func (h *hands) between(low, high time.Duration) time.Duration {
	return low + time.Duration(h.rand.Int64N(int64(high-low)))
}

// trace is one act of the hands.
func (h *hands) trace() {
	line := wires[h.rand.IntN(2)]
	if h.rand.IntN(8) == 0 { // the process stalls meanwhile
		d := h.between(time.Millisecond, 600*time.Millisecond)
		h.board.StandStill(d)
		h.stood = time.Now().Add(d)
	}
	switch h.rand.IntN(8) {
	case 0: // a knock
		h.move(line, true, h.between(time.Millisecond, 40*time.Millisecond))
		h.move(line, false, 0)
	case 1: // noise
		for range 1 + h.rand.IntN(30) {
			_, down := h.down[line]
			h.move(line, !down, h.between(10*time.Microsecond, 3*time.Millisecond))
		}
	case 2: // somebody leans on it
		h.bounce(line, true)
		pause(h.between(4*time.Second, 12*time.Second))
		h.bounce(line, false)
	case 3:
		pause(h.between(time.Second, 40*time.Second))
	default: // a press, often followed by the other party's
		for _, l := range []string{line, wires[0], wires[1]}[:1+h.rand.IntN(3)] {
			h.bounce(l, true)
			pause(h.between(30*time.Millisecond, 600*time.Millisecond))
			h.bounce(l, false)
			pause(h.between(20*time.Millisecond, 1500*time.Millisecond))
		}
	}
	pause(h.between(0, 2*time.Second))
	h.judge()
}

// bounce changes a line as a contact does.
func (h *hands) bounce(line string, down bool) {
	for range h.rand.IntN(4) {
		h.move(line, down, h.between(50*time.Microsecond, 4*time.Millisecond))
		h.move(line, !down, h.between(50*time.Microsecond, 4*time.Millisecond))
	}
	h.move(line, down, 0)
}

func (h *hands) release() {
	for _, l := range wires {
		h.move(l, false, 0)
	}
}

// move changes a line.
func (h *hands) move(line string, down bool, stay time.Duration) {
	since, was := h.down[line]
	if was != down {
		h.judge()
		now := time.Now()
		h.edges++
		if open, _ := h.mic.is(); open && h.first.IsZero() {
			h.first = now
		}
		if down {
			h.down[line] = now
			h.board.Drive(line, gpio.Low)
		} else {
			delete(h.down, line)
			h.pressed[line] = append(h.pressed[line], press{since, now})
			h.board.Float(line)
		}
	}
	if stay > 0 {
		pause(stay)
	}
}

// judge checks whether the microphone has opened or closed since the last call.
func (h *hands) judge() {
	h.mic.mu.Lock()
	openings, open, encoder := h.mic.openings, h.mic.open, h.mic.encoder
	h.mic.mu.Unlock()
	if openings > h.openings {
		h.openings = openings
		for _, l := range wires {
			if !h.gave(l) {
				h.Errorf("%s: recorded although nobody had given on %s: %v", time.Now(), l, h.pressed[l])
			}
		}
	}
	if open && !h.first.IsZero() && time.Since(h.first) > 5*time.Second {
		h.Errorf("the microphone is still open 5 s after an edge")
	}
	if !open && !h.first.IsZero() {
		if kept := h.kept(encoder); len(kept) > 0 {
			if _, last := h.span(kept); since(h.first, last) >= 0 {
				h.Errorf("a sample was kept from %s after an edge", since(h.first, last))
			}
		}
		h.first, h.cleared = time.Time{}, time.Now()
		clear(h.pressed)
	}
}

// gave reports whether a line's moves could be a give: down for the first time and up for good, 50
// ms to 5 s apart, with or without bounces between.
func (h *hands) gave(line string) bool {
	moves := h.pressed[line]
	for i := range moves {
		for j := i; j < len(moves); j++ {
			if d := moves[j].to.Sub(moves[i].from); d >= 50*time.Millisecond && d <= 5*time.Second {
				return true
			}
		}
	}
	return false
}
