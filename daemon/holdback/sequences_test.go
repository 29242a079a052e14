package holdback

import (
	"math/rand/v2"
	"testing"
	"time"
)

func check(t *testing.T, h history, debounce int, sensed bool) {
	got := h.run(New[int](time.Duration(debounce)*time.Millisecond, sensed)).String()
	if want := h.promised(debounce, sensed).String(); got != want {
		t.Fatalf("after %v, debounce %d, sensed %v:\n%s, not\n%s", h, debounce, sensed, got, want)
	}
}

// Every sequence of up to depth calls, with times before, at and after each limit. Each ends with
// one more Keep and Drop.
func TestEverySequence(t *testing.T) {
	const depth, times, debounce = 5, 3, 1
	alphabet := []call{{'k', 0}}
	for at := range times {
		for _, what := range []byte("bclx") {
			alphabet = append(alphabet, call{what, at})
		}
	}
	sequences := 0
	var extend func(h history)
	extend = func(h history) {
		for _, sensed := range []bool{true, false} {
			check(t, h, debounce, sensed)
		}
		sequences++
		if len(h) == depth {
			return
		}
		for _, c := range alphabet {
			extend(append(h, c))
		}
	}
	extend(make(history, 0, depth))
	t.Logf("%d sequences", sequences)
}

func TestRandomSequences(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	kept, dropped := 0, 0
	for range 100_000 {
		h := make(history, rng.IntN(40))
		cuts := rng.IntN(3) // few, so that something is kept
		for i := range h {
			// Times roughly increase with the sequence.
			h[i] = call{"bbbbcccclllkx"[rng.IntN(12+min(cuts, 1))], i/2 + rng.IntN(8)}
			if h[i].what == 'x' {
				cuts--
			}
		}
		debounce, sensed := 1+rng.IntN(4), rng.IntN(2) == 0
		check(t, h, debounce, sensed)
		r := h.promised(debounce, sensed)
		for _, k := range r.kept {
			kept += len(k)
		}
		dropped += len(r.dropped)
	}
	t.Logf("%d blocks kept, %d dropped", kept, dropped)
	if kept < 10_000 || dropped < 10_000 {
		t.Error("that shows little")
	}
}

// Without a debounce time a reading at the arrival proves nothing: an edge at that exact time may
// not have been reported.
func TestWithoutDebounce(t *testing.T) {
	for _, debounce := range []time.Duration{0, -time.Second} {
		h := New[int](debounce, false)
		h.Block(1, ms(5))
		h.LinesClear(ms(5))
		if kept := h.Keep(); kept != nil {
			t.Errorf("debounce %v: a reading at the arrival lets %v through", debounce, kept)
		}
		h.LinesClear(ms(5).Add(1))
		if kept := h.Keep(); len(kept) != 1 {
			t.Errorf("debounce %v: a later reading lets %v through", debounce, kept)
		}
	}
}

func TestZeroHoldKeepsNothing(t *testing.T) {
	var h Hold[int]
	h.Block(1, ms(5))
	h.LinesClear(ms(50))
	h.LightLit(ms(50))
	if kept, dropped := h.Keep(), h.Drop(); kept != nil || len(dropped) != 1 {
		t.Errorf("it keeps %v and drops %v", kept, dropped)
	}
}

// Without a reading nothing is proved, whatever the times are.
func TestNoReadingProvesNothing(t *testing.T) {
	for _, at := range []time.Time{{}, time.Time{}.Add(-time.Hour), time.Unix(-1, 0)} {
		for _, sensed := range []bool{false, true} {
			h := New[int](time.Millisecond, sensed)
			h.Block(1, at)
			if sensed {
				h.LinesClear(at.Add(time.Hour))
			}
			if kept := h.Keep(); kept != nil {
				t.Errorf("sensed %v: %v is kept at %v", sensed, kept, at)
			}
			h.LinesClear(at.Add(time.Hour))
			h.LightLit(at)
			if kept := h.Keep(); len(kept) != 1 {
				t.Errorf("sensed %v: what was read at %v lets %v through", sensed, at, kept)
			}
		}
	}
}

// Blocks that are returned are no longer referenced, since they hold sound in clear.
func TestForgets(t *testing.T) {
	h := New[*int](time.Millisecond, false)
	h.Block(new(int), ms(1))
	h.Block(new(int), ms(9))
	h.LinesClear(ms(5))
	h.Keep()
	h.Cut(ms(6))
	h.Drop()
	for _, x := range h.held[:cap(h.held)] {
		if x.block != nil {
			t.Error("a block that was given back is still held")
		}
	}
	if h.dropped != nil {
		t.Error("a block that was dropped is still held")
	}
}
