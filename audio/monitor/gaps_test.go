package monitor

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// judge pushes all deliveries and returns the verdicts. It checks that there is one for each block,
// in order.
func judge(t interface{ Fatalf(string, ...any) }, g *Gaps, list []delivery) []Verdict {
	var all []Verdict
	for _, d := range list {
		all = append(all, g.Push(d.frames, d.arrived)...)
		if held := g.Held(); held > 0 && d.arrived.Sub(list[len(all)].arrived) > lookMost+time.Second {
			t.Fatalf("%d blocks are held since %v", held, d.arrived.Sub(list[len(all)].arrived))
		}
	}
	all = append(all, g.Flush()...)
	if len(all) != len(list) || g.Held() != 0 {
		t.Fatalf("%d verdicts over %d blocks, %d still held", len(all), len(list), g.Held())
	}
	for i, v := range all {
		if v.Block != int64(i) {
			t.Fatalf("verdict %d is about block %d", i, v.Block)
		}
	}
	return all
}

func TestGapsNoneOnABusyMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := drawCard(t)
		c.jitter = busy(r)
		list := c.run(2 * time.Minute)
		for _, v := range judge(t, NewGaps(c.rate, c.opened), list) {
			if v.Lost != 0 || v.Stale != 0 {
				t.Fatalf("%+v, where nothing was lost", v)
			}
		}
	})
}

func TestGapsNoneFromADriftingClock(t *testing.T) {
	for _, ppm := range []int{-300, 0, 300} {
		c := &fakeCard{rate: 48000, pace: constant(ppm), piece: 2048, period: 4096, ring: 32768, opened: Raw(time.Hour),
			jitter: steady(rand.New(rand.NewPCG(1, 1)))}
		for _, v := range judge(t, NewGaps(c.rate, c.opened), c.run(time.Hour)) {
			if v.Lost != 0 || v.Stale != 0 {
				t.Fatalf("%+v at %d ppm", v, ppm)
			}
		}
	}
}

func TestGapsFindsEachLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := drawCard(t)
		c.jitter = steady(r)
		if rapid.Bool().Draw(t, "with stalls") {
			c.jitter = c.stalling(r)
		}
		c.lose = map[int]int{}
		second := c.rate / c.piece
		for at := 3 * second; at < 60*second; at += (4 + r.IntN(5)) * (second + 1) {
			c.lose[at+r.IntN(second)] = c.rate * rapid.IntRange(20, 4000).Draw(t, "ms") / 1000
		}
		list := c.run(100 * time.Second)
		verdicts := judge(t, NewGaps(c.rate, c.opened), list)
		exact(t, c, list, verdicts)
	})
}

// exact compares the verdicts with the real losses, within 5 ms at the card's pace.
func exact(t interface{ Fatalf(string, ...any) }, c *fakeCard, list []delivery, verdicts []Verdict) {
	usual := list[0].late // the card itself delivers each block at least this late
	for _, d := range list {
		usual = min(usual, d.late)
	}
	for i := range list {
		// A block that was itself late by as much can't be distinguished from one after the loss.
		j, lost := i, c.length(list[i])
		for lost > 0 && j > 0 && verdicts[j].Lost == 0 && list[j-1].lost == 0 &&
			list[j-1].late-usual > lost-5*time.Millisecond {
			j--
		}
		if j != i {
			verdicts[i].Lost, verdicts[j].Lost = verdicts[j].Lost, 0
		}
	}
	var hidden int64 // frames
	var since Raw
	for i, v := range verdicts {
		most := int64(float64(c.rate) * list[i].speed / 200)
		// A small loss while no block arrives in time can't be distinguished from a card that slows
		// down for as long. Then the pace is measured too slow until the loss is out of its window.
		if lost := c.length(list[i]); lost > 0 && lost < small && v.Lost == 0 &&
			unseen(list, i, usual) > pulse-50*time.Millisecond {
			hidden, since = list[i].lost, list[i].arrived
			continue
		}
		if list[i].arrived.Sub(since) < paceWindow+lookMost {
			most += hidden
		}
		if diff := v.Lost - list[i].lost; max(diff, -diff) > most || v.Stale != 0 {
			near := ""
			for k := max(0, i-20); k < min(len(list), i+10); k++ {
				near += fmt.Sprintf("\n%d at %v, %v late: %d lost, %d found", k, list[k].arrived.Sub(c.opened), list[k].late,
					list[k].lost, verdicts[k].Lost)
			}
			t.Fatalf("block %d: %+v, in truth %d frames were lost%s", i, v, list[i].lost, near)
		}
	}
}

// unseen is the time around the loss before block i in which no block arrived in time.
func unseen(list []delivery, i int, usual time.Duration) time.Duration {
	before, after := i-1, i
	for before > 0 && list[before].late-usual > sudden {
		before--
	}
	for after < len(list)-1 && list[after].late-usual > sudden {
		after++
	}
	return list[after].arrived.Sub(list[before].arrived)
}

// length is how long the frames lost before a delivery took to capture.
func (c *fakeCard) length(d delivery) time.Duration {
	return time.Duration(float64(d.lost) / float64(c.rate) / d.speed * float64(time.Second))
}

func TestGapsFindsAnOverrun(t *testing.T) {
	c := &fakeCard{rate: 48000, pace: constant(0), piece: 2048, period: 4096, ring: 32768, opened: Raw(time.Hour)}
	wakes := 0
	c.jitter = func() time.Duration {
		if wakes++; wakes == 100 {
			return 1500 * time.Millisecond
		}
		return time.Millisecond
	}
	list := c.run(20 * time.Second)
	gaps, truth := int64(0), int64(0)
	for i, v := range judge(t, NewGaps(c.rate, c.opened), list) {
		gaps, truth = gaps+v.Lost, truth+list[i].lost
		if (v.Lost > 0) != (list[i].lost > 0) {
			t.Errorf("block %d: %+v, in truth %d frames were lost", i, v, list[i].lost)
		}
	}
	if truth == 0 || gaps < truth-480 || gaps > truth+480 {
		t.Errorf("%d frames lost, %d found", truth, gaps)
	}
}

func TestGapsNoneWhileACardSettles(t *testing.T) {
	g := NewGaps(16000, 0)
	at := Raw(147 * time.Millisecond)
	var list []delivery
	for range 100 { // the first block, and then each 50 ms later than the first had promised
		list = append(list, delivery{frames: 1600, arrived: at})
		at = at.Add(100 * time.Millisecond)
		if len(list) == 1 {
			at = at.Add(50 * time.Millisecond)
		}
	}
	for _, v := range judge(t, g, list) {
		if v.Lost != 0 {
			t.Errorf("%+v", v)
		}
	}
}

func TestGapsDropsWhatIsOlderThanTheOpening(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := drawCard(t)
		c.jitter = steady(r)
		stale := rapid.IntRange(1, c.rate).Draw(t, "stale")
		list := c.run(10 * time.Second)
		// At the opening the ring holds up to a second of old samples, which come at once.
		var old []delivery
		for n := stale; n > 0; n -= c.piece {
			old = append(old, delivery{frames: min(n, c.piece), arrived: c.opened.Add(2 * time.Millisecond)})
		}
		var dropped int64
		verdicts := judge(t, NewGaps(c.rate, c.opened), append(old, list...))
		for i, v := range verdicts {
			dropped += v.Stale
			if v.Lost != 0 || i > len(old) && v.Stale != 0 {
				t.Fatalf("%+v", v)
			}
		}
		// Everything kept may have been captured after the opening, since the card adds 5 ms
		// itself.
		if most := int64(stale); dropped > most || dropped < most-int64(c.rate/100) {
			t.Fatalf("%d frames dropped of %d", dropped, stale)
		}
	})
}

// Old samples may come in a burst after a pause in which they could have been captured. The stale
// ones are the oldest, not those in the burst.
func TestGapsDropsTheOldest(t *testing.T) {
	opened := Raw(time.Hour)
	var list []delivery
	for i := range 10 {
		list = append(list, delivery{frames: 1000,
			arrived: opened.Add(100*time.Millisecond + time.Duration(i)*time.Microsecond)})
	}
	for i := range 50 {
		list = append(list, delivery{frames: 1000,
			arrived: opened.Add(120*time.Millisecond + time.Duration(i)*20*time.Millisecond)})
	}
	// 200 ms came within 100 ms: the first 100 ms were captured before the opening.
	for i, v := range judge(t, NewGaps(50000, opened), list) {
		want := int64(0)
		if i < 5 {
			want = 1000
		}
		if diff := v.Stale - want; v.Lost != 0 || max(diff, -diff) > 1 {
			t.Errorf("%+v, %d expected", v, want)
		}
	}
}

func TestGapsDropsBlocksFromBeforeTheOpening(t *testing.T) {
	opened := Raw(time.Hour)
	var list []delivery
	for i := range 50 {
		list = append(list, delivery{frames: 4800, arrived: opened.Add(time.Duration(i-20) * 100 * time.Millisecond)})
	}
	for i, v := range judge(t, NewGaps(48000, opened), list) {
		want := int64(0)
		if i <= 20 { // this one ended at the opening
			want = 4800
		}
		if v.Lost != 0 || v.Stale != want {
			t.Errorf("%+v, %d expected", v, want)
		}
	}
}

func TestGapsFlushDeclaresNoLateness(t *testing.T) {
	g := NewGaps(48000, 0)
	at := Raw(0)
	for range 100 {
		at = at.Add(100 * time.Millisecond)
		g.Push(4800, at)
	}
	if v := g.Push(4800, at.Add(400*time.Millisecond)); len(v) != 0 {
		t.Fatalf("a late block was decided at once: %+v", v)
	}
	if v := g.Flush(); len(v) != 1 || v[0].Lost != 0 {
		t.Fatalf("%+v", v)
	}
}
