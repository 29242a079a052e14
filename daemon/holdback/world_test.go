package holdback

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is what really happens in the room, in milliseconds. The owner learns of it late.
type world struct {
	rng      *rand.Rand
	debounce int
	sensed   bool
	talk     int    // how long sound is captured
	edges    []edge // of taps, in order
	dark     int    // when the lamp dies
	careless bool   // the reader breaks its word: the lines are read before the edges are told
}

type edge struct {
	at      int // when it truly happened
	told    int // when the line's filter lets go of it; a reading waits for that, the owner may hear of it much later
	pressed bool
	aged    bool // its time is known
}

// sound is a block with one sample per millisecond.
type sound struct{ first, end int }

const never = 1 << 30

func newWorld(rng *rand.Rand) *world {
	w := &world{rng: rng, debounce: 1 + rng.IntN(40), sensed: rng.IntN(2) == 0, talk: 300 + rng.IntN(1500), dark: never}
	if w.sensed && rng.IntN(3) == 0 {
		w.dark = rng.IntN(2 * w.talk)
	}
	at := rng.IntN(2 * w.talk)
	for range rng.IntN(4) {
		for _, pressed := range []bool{true, false} {
			// A filter delays an edge by no more than the debounce time.
			w.edges = append(w.edges, edge{at: at, told: at + rng.IntN(w.debounce+1), pressed: pressed, aged: rng.IntN(3) > 0})
			at += 1 + rng.IntN(w.debounce)
			if !pressed {
				at += rng.IntN(200)
			}
		}
	}
	return w
}

// pressed is the level of the line.
func (w *world) pressed(at int) (pressed bool) {
	for _, e := range w.edges {
		if e.at <= at {
			pressed = e.pressed
		}
	}
	return pressed
}

func (w *world) firstEdge() int {
	if len(w.edges) == 0 {
		return never
	}
	return w.edges[0].at
}

// outcome is what the owner kept and what it could know.
type outcome struct {
	blocks []sound
	kept   []sound
	proof  int // the last reading at which all was in order, before anything else was told
	lit    int // when the light was last seen lit
	left   int // neither kept nor dropped at the end
}

// owner runs through the world: it wakes, handles its queues in any order that the hold-back
// allows, and sometimes stalls.
func (w *world) owner(stalls int) outcome {
	h := New[sound](time.Duration(w.debounce)*time.Millisecond, w.sensed)
	o := outcome{proof: -1, lit: -1}
	told, next, over := 0, 0, false
	cut := func(at int) { h.Cut(ms(at)); over = true }
	tell := func(now int) {
		for ; told < len(w.edges) && w.edges[told].told <= now; told++ {
			if e := w.edges[told]; e.aged {
				cut(e.at)
			} else {
				cut(now)
			}
		}
	}
	arrivals := w.card()
	for now := 0; now < w.talk+1000; {
		if w.rng.IntN(2) == 0 {
			tell(now) // as they come
		}
		for take := w.rng.IntN(8) > 0; take && next < len(arrivals) && arrivals[next].at <= now; next++ {
			o.blocks = append(o.blocks, arrivals[next].sound)
			h.Block(arrivals[next].sound, ms(arrivals[next].at))
		}
		if w.sensed && w.rng.IntN(2) == 0 {
			if now < w.dark {
				h.LightLit(ms(now))
				if !over {
					o.lit = now
				}
			} else {
				cut(o.lit)
			}
		}
		// A reading is timestamped before it is made; the owner may stall in between.
		read := now
		now += w.stall(stalls)
		if !w.careless {
			tell(now)
		}
		if w.pressed(now) {
			cut(read)
		} else {
			h.LinesClear(ms(read))
			if !over {
				o.proof = read
			}
		}
		tell(now)
		if w.rng.IntN(2) == 0 {
			o.kept = append(o.kept, h.Keep()...)
		}
		now += 1 + w.rng.IntN(20) + w.stall(stalls)
	}
	o.kept = append(o.kept, h.Keep()...)
	o.left = h.Len()
	if n := len(h.Drop()); over && n+len(o.kept) != len(o.blocks) {
		o.left = len(o.blocks) - n - len(o.kept)
	}
	return o
}

func (w *world) stall(most int) int {
	if most == 0 || w.rng.IntN(10) > 0 {
		return 0
	}
	return w.rng.IntN(most)
}

type arrival struct {
	sound
	at int
}

// card delivers blocks of its own length, each after its last sample was captured.
func (w *world) card() (all []arrival) {
	length, jitter := 1+w.rng.IntN(100), 1+w.rng.IntN(60)
	for first := 0; first < w.talk; first += length {
		s := sound{first, first + length}
		all = append(all, arrival{s, s.end - 1 + w.rng.IntN(jitter)})
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.first, b.first) })
	for i := 1; i < len(all); i++ { // one thread brings them
		all[i].at = max(all[i].at, all[i-1].at)
	}
	return all
}

// worlds runs many worlds.
func worlds(t *testing.T, n int, f func(w *world, seed uint64)) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(n) {
		f(newWorld(rand.New(rand.NewPCG(seed, i))), i)
	}
}

func TestNoSampleAfterTheFirstEdgeIsKept(t *testing.T) {
	kept, ended := 0, 0
	worlds(t, 20_000, func(w *world, i uint64) {
		o := w.owner(300)
		for _, s := range o.kept {
			kept += s.end - s.first
			if last := s.end - 1; last >= w.firstEdge() || last >= w.dark {
				t.Fatalf("world %d: a sample captured at %d is kept, first edge at %d, dark at %d", i, last, w.firstEdge(), w.dark)
			}
			if last := s.end - 1; w.sensed && last > o.lit {
				t.Fatalf("world %d: a sample captured at %d is kept, the light was last seen lit at %d", i, last, o.lit)
			}
		}
		if w.firstEdge() < w.talk {
			ended++
		}
		if !inOrder(o.kept) {
			t.Fatalf("world %d: kept out of order, twice or with a hole: %v", i, o.kept)
		}
	})
	t.Logf("%d samples kept, %d of 20000 talks were ended by a hand", kept, ended)
	if kept < 1_000_000 || ended < 1000 {
		t.Error("that shows little")
	}
}

// The test can fail: with a reader that reports edges after the readings, samples after the first
// edge are kept.
func TestACarelessReaderIsSeen(t *testing.T) {
	bad := 0
	worlds(t, 20_000, func(w *world, _ uint64) {
		w.careless = true
		for _, s := range w.owner(300).kept {
			if s.end-1 >= w.firstEdge() {
				bad++
			}
		}
	})
	if bad == 0 {
		t.Error("no sample after the first edge was kept")
	}
}

// With regular readings everything is kept that a reading proved before the end was noticed, or
// everything if nobody ends it.
func TestAllFromBeforeIsKeptInTheEnd(t *testing.T) {
	worlds(t, 20_000, func(w *world, i uint64) {
		o := w.owner(0)
		if o.left != 0 {
			t.Fatalf("world %d: %d blocks are lost track of", i, o.left)
		}
		end := min(w.firstEdge(), w.dark)
		if end == never && len(o.kept) != len(o.blocks) {
			t.Fatalf("world %d: nobody ended it, and %d of %d blocks are kept", i, len(o.kept), len(o.blocks))
		}
		// A block is at most 60 ms late. It takes a few wake-ups of 20 ms until it is handled, a
		// few more until the lines are read, and then the debounce time.
		const slack = 60 + 20*20
		for _, s := range o.blocks[len(o.kept):] {
			if s.end+slack+w.debounce < end {
				t.Fatalf("world %d: the block that ends at %d is not kept, the end is at %d", i, s.end, end)
			}
		}
	})
}

// inOrder checks that the blocks are consecutive from the first on.
func inOrder(all []sound) bool {
	at := 0
	for _, s := range all {
		if s.first != at {
			return false
		}
		at = s.end
	}
	return true
}
