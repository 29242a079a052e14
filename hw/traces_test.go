package hw_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// traces is how many random traces are tried: a million with TACET_SOAK.
func traces() int {
	switch {
	case os.Getenv("TACET_SOAK") != "":
		return 1_000_000
	case testing.Short():
		return 1_000
	}
	return 10_000
}

// seed returns TACET_SEED, or a new one, and logs it.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("TACET_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TACET_SEED=%d", n)
	return n
}

// inBatches runs the traces, a panel for each 500 of them.
func inBatches(t *testing.T, run func(t *testing.T, r *rand.Rand, traces int)) {
	const batch = 500
	n := seed(t)
	for i := 0; i < traces() && !t.Failed(); i += batch {
		synctest.Test(t, func(t *testing.T) { run(t, rand.New(rand.NewPCG(n, uint64(i))), batch) })
	}
}

// A hand moves one button, and remembers what it did. All of it runs in one goroutine of a bubble.
type hand struct {
	t     *testing.T
	r     *rand.Rand
	board *hwtest.Board
	panel *hw.Panel
	low   bool // pressed is low

	watch *watch

	mu     sync.Mutex    // guards what the reader's goroutine shares
	edges  []edge        // as reported in this trace
	stood  time.Duration // for how long the process stood still in waits, in this trace
	stalls int           // how often
	chaos  *rand.Rand    // when it does; nil: never
	hold   time.Duration // for how long the caller will be busy with the next edge
	blind  []span        // when the caller was busy, or nobody watched; they don't overlap

	down  bool
	moves []move // of this trace
	known bool   // what Watch's caller had been told when the trace began
}

type span struct{ from, to time.Time }

// A move is one change of the button.
type move struct {
	down bool
	at   time.Time
	lost bool // without an edge
}

func newHand(t *testing.T, r *rand.Rand) *hand {
	b := hwtest.NewBoard("GPIO5", "GPIO27")
	low := r.IntN(2) == 0
	w := hw.Wiring{Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: low}}, Light: hw.Output{Line: "GPIO27"}}
	h := &hand{t: t, r: r, board: b, low: low}
	b.Stall = h.stall
	h.panel = open(t, b, w)
	h.begin()
	return h
}

// stall has the process stand still in one of 20 waits.
func (h *hand) stall() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.chaos == nil || h.chaos.IntN(20) > 0 {
		return 0
	}
	d := time.Duration(h.chaos.Int64N(int64(10 * time.Millisecond)))
	h.stood += d
	h.stalls++
	return d
}

func (h *hand) begin() { h.watch = startWatch(h.panel.Buttons(), h.busy) }

func (h *hand) busy(e edge) {
	h.mu.Lock()
	h.edges = append(h.edges, e)
	d := h.hold
	h.hold = 0
	if d > 0 {
		h.blind = append(h.blind, span{time.Now(), time.Now().Add(d)})
	}
	h.mu.Unlock()
	pass(d)
}

func (h *hand) move(lost bool) {
	h.down = !h.down
	h.moves = append(h.moves, move{down: h.down, at: time.Now(), lost: lost})
	level := gpio.Level(h.down != h.low)
	if lost {
		h.board.Slip("GPIO5", level)
	} else {
		h.board.Drive("GPIO5", level)
	}
}

// between is a random time; half of them are of the order of lo.
func (h *hand) between(lo, hi time.Duration) time.Duration {
	d := lo + time.Duration(h.r.Int64N(int64(hi-lo)))
	if h.r.IntN(2) == 0 {
		d = lo + (d-lo)/50
	}
	return d
}

// anything does one random thing to the button, its line or its reader.
func (h *hand) anything() {
	switch n := h.r.IntN(100); {
	case n < 25: // at the same instant as the one before
		h.move(false)
	case n < 50:
		pass(h.between(time.Microsecond, time.Millisecond))
		h.move(false)
	case n < 70:
		pass(h.between(time.Millisecond, 40*time.Millisecond))
		h.move(false)
	case n < 80:
		pass(h.between(40*time.Millisecond, 6*time.Second))
		h.move(false)
	case n < 83:
		pass(h.between(6*time.Second, 40*time.Second))
		h.move(false)
	case n < 86:
		for range 1 + h.r.IntN(60) {
			h.move(false)
		}
	case n < 89:
		h.move(true)
	case n < 95:
		h.mu.Lock()
		h.hold = h.between(time.Millisecond, 400*time.Millisecond)
		h.mu.Unlock()
	case n < 97: // nobody watches for a while
		if err := h.watch.stop(); err != nil {
			h.t.Errorf("Watch: %v", err)
		}
		began := time.Now()
		for range h.r.IntN(20) {
			pass(h.between(time.Microsecond, 100*time.Millisecond))
			h.move(false)
		}
		h.mu.Lock()
		h.blind = append(h.blind, span{began, time.Now()})
		h.mu.Unlock()
		h.begin()
	default: // the line breaks for a while
		op := []hwtest.Op{hwtest.Wait, hwtest.Read}[h.r.IntN(2)]
		h.board.Fail("GPIO5", op, os.ErrInvalid)
		h.move(false)
		if err := <-h.watch.ended; err == nil {
			h.t.Error("Watch of a broken line ended without an error")
		}
		h.board.Fail("GPIO5", op, nil)
		h.begin()
	}
}

func (h *hand) check() {
	h.t.Helper()
	last := h.known
	var presses, freshPresses, downs int
	for _, e := range h.edges {
		last = e.active
		if e.active {
			presses++
			if e.fresh {
				freshPresses++
			}
		}
		if problem := h.honest(e); problem != "" {
			h.fail(problem)
		}
	}
	for _, m := range h.moves {
		if m.down {
			downs++
		}
	}
	for i, m := range h.moves {
		if m.down && !h.told(m, h.moves[i+1:]) {
			h.fail(fmt.Sprintf("nothing was reported of %v", m))
		}
	}
	// A stall can have the level told, as not fresh, before the edges that led to it.
	if freshPresses > downs || presses > downs+h.stalls {
		h.fail(fmt.Sprintf("%d presses, %d reported", downs, presses))
	}
	if last != h.down {
		h.fail(fmt.Sprintf("at rest the button is %v, reported %v", h.down, last))
	}
	if levels, err := h.panel.Buttons().Read(); err != nil || levels[0] != h.down {
		h.fail(fmt.Sprintf("at rest the button is %v, Read says %v, %v", h.down, levels, err))
	}
}

// honest says what is wrong with a reported edge: a move that it tells of must have been made, and lately if it is fresh.
func (h *hand) honest(e edge) string {
	made := slices.ContainsFunc(h.moves, func(m move) bool {
		age := e.at.Sub(m.at)
		return m.down == e.active && age >= 0 && (!e.fresh || age <= h.oldest() && !m.lost)
	})
	if made {
		return ""
	}
	return fmt.Sprintf("nothing was done for %v", e)
}

// told says whether a press was known to Watch's caller when it ended, if it lasted for long enough for the reader: a
// moment in which the caller was not busy, or until the next recheck where the edge was lost.
func (h *hand) told(m move, later []move) bool {
	until := time.Now()
	if len(later) > 0 {
		until = later[0].at
	}
	enough := hw.Prove + 2*hw.Settle
	if m.lost {
		enough = 21 * time.Second
	}
	seen := until.Sub(m.at) - h.stood
	for _, b := range h.blind {
		if from, to := latest(b.from, m.at), earlier(b.to, until); to.After(from) {
			seen -= to.Sub(from)
		}
	}
	if seen <= enough {
		return true
	}
	known := h.known
	for _, e := range h.edges {
		if e.at.Before(until) {
			known = e.active
		}
	}
	return known
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// oldest is the greatest age of a fresh edge: a stall is taken for a wait that blocked, so it counts once more.
func (h *hand) oldest() time.Duration {
	return h.stood + time.Duration(1+h.stalls)*hw.FreshFor
}

func (h *hand) fail(problem string) {
	h.t.Helper()
	h.t.Errorf("%s\nknown %v\nmoves %v\nedges %v", problem, h.known, h.moves, h.edges)
}

// rest lets everything settle, the recheck of the level included, checks, and begins the next trace.
func (h *hand) rest(check func()) {
	h.t.Helper()
	pass(21 * time.Second)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	check()
	h.moves, h.blind, h.edges, h.hold, h.stood, h.stalls, h.known = nil, nil, nil, 0, 0, 0, h.down
}

// Whatever happens, no press is reported that was not made, none as fresh that is old, and the level at rest is told.
func TestRandomTracesMakeNoPhantomAndEndWithTheLevel(t *testing.T) {
	inBatches(t, func(t *testing.T, r *rand.Rand, traces int) {
		h := newHand(t, r)
		if r.IntN(2) == 0 {
			h.mu.Lock()
			h.chaos = rand.New(rand.NewPCG(r.Uint64(), 0))
			h.mu.Unlock()
		}
		for i := 0; i < traces && !t.Failed(); i++ {
			for range 1 + r.IntN(24) {
				h.anything()
			}
			h.rest(h.check)
		}
		h.watch.stop()
	})
}

// checkAll is for a trace of which everything must have been reported, at once and fresh.
func (h *hand) checkAll() {
	h.t.Helper()
	if len(h.edges) != len(h.moves) {
		h.fail(fmt.Sprintf("%d moves, %d reported", len(h.moves), len(h.edges)))
		return
	}
	for i, e := range h.edges {
		if !e.fresh || e.active != h.moves[i].down || !e.at.Equal(h.moves[i].at) {
			h.fail(fmt.Sprintf("edge %d is %v", i, e))
			return
		}
	}
}

// A press by a hand, with the bouncing of a bad switch, is reported from its first edge on, and all of it is fresh.
func TestHonestPressesAreFreshAndNoneIsMissed(t *testing.T) {
	inBatches(t, func(t *testing.T, r *rand.Rand, traces int) {
		h := newHand(t, r)
		pass(time.Second)
		for i := 0; i < traces && !t.Failed(); i++ {
			pass(h.between(60*time.Millisecond, 30*time.Second))
			for range 2 { // press, release
				h.strike()
				pass(h.between(50*time.Millisecond, 5*time.Second))
			}
			h.rest(h.checkAll)
		}
		h.watch.stop()
	})
}

// strike moves the button with up to 12 bounces within 24 ms.
func (h *hand) strike() {
	h.move(false)
	for range 2 * h.r.IntN(7) {
		pass(h.between(time.Microsecond, 2*time.Millisecond))
		h.move(false)
	}
}
