package hw_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// traces is the number of random traces: a million with TACET_SOAK.
func traces() int {
	switch {
	case os.Getenv("TACET_SOAK") != "":
		return 1_000_000
	case testing.Short():
		return 1_000
	}
	return 10_000
}

// seed returns TACET_SEED or a new seed, and logs it.
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

// inBatches runs the traces, with a new panel for every 500.
func inBatches(t *testing.T, run func(t *testing.T, r *rand.Rand, traces int)) {
	const batch = 500
	n := seed(t)
	for i := 0; i < traces() && !t.Failed(); i += batch {
		synctest.Test(t, func(t *testing.T) { run(t, rand.New(rand.NewPCG(n, uint64(i))), batch) })
	}
}

// A hand moves one button, and remembers its moves.
type hand struct {
	t     *testing.T
	r     *rand.Rand
	board *hwtest.Board
	panel *hw.Panel
	low   bool // pressed is low
	queue int  // how many edges the kernel keeps
	down  bool

	watch   *watch
	readers sync.WaitGroup

	mu       sync.Mutex // guards what the goroutines of the reader share
	moves    []move     // of this trace
	reported []reported // as reported in this trace
	known    bool       // what had been reported at the start of the trace
	chaos    *rand.Rand // when the process stalls; nil: never
	hold     time.Duration
	watches  int // counts the Watches, and their ends
}

// A move is one change of the button.
type move struct {
	down bool
	at   time.Time
	lost bool // without an edge
}

// reported is a reported edge with the time of the report.
type reported struct {
	edge
	now time.Time
}

// overflows moves the button more often than the queue can hold.
const overflows = 16

func newHand(t *testing.T, r *rand.Rand) *hand {
	h := &hand{t: t, r: r, board: hwtest.NewBoard("GPIO5", "GPIO27"), low: r.IntN(2) == 0}
	h.queue = []int{overflows, hw.QueueLength}[r.IntN(2)]
	h.board.Queue, h.board.Stall = h.queue, h.stall
	h.panel = open(t, h.board, hw.Wiring{Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: h.low}},
		Light: hw.Output{Line: "GPIO27"}})
	h.begin()
	return h
}

// stall stalls the process at one of 20 calls.
func (h *hand) stall() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.chaos == nil || h.chaos.IntN(20) > 0 {
		return 0
	}
	return time.Duration(h.chaos.Int64N(int64(10 * time.Millisecond)))
}

func (h *hand) begin() {
	h.watch = startWatch(h.panel.Buttons(), h.busy)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches++
}

func (h *hand) ended() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches++
}

func (h *hand) busy(e edge) {
	h.mu.Lock()
	h.reported = append(h.reported, reported{e, time.Now()})
	d := h.hold
	h.hold = 0
	h.mu.Unlock()
	pass(d)
}

func (h *hand) move(lost bool) {
	if h.queue == overflows {
		pass(1) // each edge has a time of its own, which shows which were dropped
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = !h.down
	h.moves = append(h.moves, move{down: h.down, at: time.Now(), lost: lost})
	level := gpio.Level(h.down != h.low)
	if lost {
		h.board.Slip("GPIO5", level)
	} else {
		h.board.Drive("GPIO5", level)
	}
}

// between is a random time; half of them are close to lo.
func (h *hand) between(lo, hi time.Duration) time.Duration {
	d := lo + time.Duration(h.r.Int64N(int64(hi-lo)))
	if h.r.IntN(2) == 0 {
		d = lo + (d-lo)/50
	}
	return d
}

// anything does something random to the button, its line or its reader.
func (h *hand) anything() {
	switch n := h.r.IntN(110); {
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
	case n < 84:
		for range 1 + h.r.IntN(60) {
			h.move(false)
		}
	case n < 87:
		h.move(true)
	case n < 92:
		h.mu.Lock()
		h.hold = h.between(time.Millisecond, 400*time.Millisecond)
		h.mu.Unlock()
	case n < 95:
		h.board.StandStill(h.between(time.Millisecond, 600*time.Millisecond))
	case n < 97: // nobody watches for a while
		h.ended()
		if err := h.watch.stop(); err != nil {
			h.t.Errorf("Watch: %v", err)
		}
		for range h.r.IntN(20) {
			pass(h.between(time.Microsecond, 100*time.Millisecond))
			h.move(false)
		}
		h.begin()
	case n < 100: // the line breaks for a while
		op := []hwtest.Op{hwtest.Wait, hwtest.Take}[h.r.IntN(2)]
		h.ended()
		h.board.Fail("GPIO5", op, os.ErrInvalid)
		h.move(false)
		if err := <-h.watch.ended; err == nil {
			h.t.Error("Watch of a broken line ended without an error")
		}
		h.board.Fail("GPIO5", op, nil)
		h.begin()
	default:
		h.readers.Go(h.read)
	}
}

// read checks the promise of Read: every edge before the call is reported when it returns, and its
// level was the line's at some moment during the call.
func (h *hand) read() {
	h.mu.Lock()
	watch, moves, down := h.watches, len(h.moves), h.down
	called := time.Now()
	h.mu.Unlock()
	levels, err := h.panel.Buttons().Read()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || watch%2 == 0 || watch != h.watches { // broken, or nobody watched all the while
		return
	}
	seen := levels[0] == down
	for _, m := range h.moves[moves:] {
		seen = seen || m.down == levels[0]
	}
	if !seen {
		h.fail(fmt.Sprintf("Read, called at %v, says %v", called, levels))
	}
	for i := moves - 1; i >= 0; i-- {
		if m := h.moves[i]; !m.lost {
			for _, e := range h.reported {
				if e.active == m.down && e.at.Equal(m.at) || h.queue == overflows && e.at.After(m.at) {
					return // it, or one after it that says that it was dropped
				}
			}
			h.fail(fmt.Sprintf("Read, called at %v, returned before %v was reported", called, m))
			return
		}
	}
}

// check compares everything reported with the moves.
func (h *hand) check() {
	h.t.Helper()
	var moves []move // that had an edge
	for _, m := range h.moves {
		if !m.lost {
			moves = append(moves, m)
		}
	}
	known := h.known
	for _, e := range h.reported {
		n := 0
		for n < len(moves) && (moves[n].down != e.active || !moves[n].at.Equal(e.at)) {
			n++
		}
		real := n < len(moves)
		switch {
		case real && n > 0 && (h.queue > overflows || e.fresh):
			h.fail(fmt.Sprintf("%d edges before %v were not reported", n, e))
		case !real && (e.fresh || !h.was(e)):
			h.fail(fmt.Sprintf("nothing was done for %v", e))
		case e.fresh && (e.active == known || e.now.Sub(e.at) > hw.LateAfter):
			h.fail(fmt.Sprintf("%v is no fresh edge", e))
		}
		if real {
			moves = moves[n+1:]
		}
		known = e.active
	}
	if len(moves) > 0 {
		h.fail(fmt.Sprintf("%v was not reported", moves))
	}
	if known != h.down {
		h.fail(fmt.Sprintf("at rest the button is %v, reported %v", h.down, known))
	}
}

// was reports whether the line had the level of a synthetic edge between its time and its report.
func (h *hand) was(e reported) bool {
	level := h.known
	if len(h.moves) > 0 {
		level = !h.moves[0].down
	}
	for _, m := range h.moves {
		if !m.at.After(e.at) {
			level = m.down
		} else if m.down == e.active && !m.at.After(e.now) {
			return true
		}
	}
	return level == e.active
}

func (h *hand) fail(problem string) {
	h.t.Helper()
	h.t.Errorf("%s\nknown %v\nmoves %v\nedges %v", problem, h.known, h.moves, h.reported)
}

// rest lets everything settle, checks, and starts the next trace.
func (h *hand) rest(check func()) {
	h.t.Helper()
	pass(2 * time.Second)
	h.readers.Wait()
	levels, err := h.panel.Buttons().Read()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || levels[0] != h.down {
		h.fail(fmt.Sprintf("at rest the button is %v, Read says %v, %v", h.down, levels, err))
	}
	check()
	h.moves, h.reported, h.hold, h.known = nil, nil, 0, h.down
}

// Whatever happens, every edge is reported in order and with its time, before Read returns; no
// doubtful edge is fresh; no edge is invented unless the level requires it; and the level at rest
// is reported.
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

// checkAll checks that everything in a trace was reported, at once and fresh.
func (h *hand) checkAll() {
	h.t.Helper()
	if len(h.reported) != len(h.moves) {
		h.fail(fmt.Sprintf("%d moves, %d reported", len(h.moves), len(h.reported)))
		return
	}
	for i, e := range h.reported {
		if !e.fresh || e.active != h.moves[i].down || !e.at.Equal(h.moves[i].at) {
			h.fail(fmt.Sprintf("edge %d is %v", i, e))
			return
		}
	}
}

// A press on a badly bouncing switch is reported from its first edge on, and all of it is fresh.
func TestHonestPressesAreFreshAndNoneIsMissed(t *testing.T) {
	inBatches(t, func(t *testing.T, r *rand.Rand, traces int) {
		h := newHand(t, r)
		pass(time.Second)
		for i := 0; i < traces && !t.Failed(); i++ {
			pass(h.between(60*time.Millisecond, 30*time.Second))
			for range 2 { // press, release
				h.strike()
				h.readers.Go(h.read)
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
