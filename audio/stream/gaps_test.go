package stream

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A fakeCard is a sound card with a ring, an interrupt for each period, and a thread that reads it, more or less in time, as
// the sound library does: in pieces, as long as there is a period to read.
type fakeCard struct {
	rate, ppm     int
	piece, period int
	jitter        func() time.Duration // how late the thread wakes up
	lose          map[int]int          // before this piece the card loses so many frames
	opened        Raw
}

type delivery struct {
	frames  int
	arrived Raw
	lost    int64         // frames that were lost before it, in truth
	late    time.Duration // since its last frame was captured
}

func (c *fakeCard) length(frames int64) time.Duration {
	return time.Duration(frames) * time.Second / time.Duration(c.rate)
}

// run plays the card for d.
func (c *fakeCard) run(d time.Duration) []delivery {
	var list []delivery
	now := 3 * time.Millisecond // since the opening
	ring := &fakeRing{frame: float64(time.Second) / (float64(c.rate) * (1 + float64(c.ppm)/1e6)), base: now}
	var lost int64
	for now < d {
		if n := len(list); c.lose[n] > 0 {
			ring.lose(ring.read, c.lose[n])
			lost += int64(c.lose[n])
			delete(c.lose, n)
		}
		avail := ring.made(now) - ring.read
		if avail > 8*c.period { // overrun: the ring is emptied and the card starts again
			lost += int64(float64(now-ring.base)/ring.frame) - int64(ring.read+ring.lost)
			ring.base, ring.read, ring.lost = now, 0, 0
			avail = 0
		}
		if avail < c.period {
			due := (ring.made(now)/c.period + 1) * c.period // the next interrupt
			now = max(now, ring.when(due)) + c.jitter()
			continue
		}
		ring.read += c.piece
		now += 30 * time.Microsecond
		list = append(list, delivery{c.piece, c.opened.Add(now), lost, now - ring.when(ring.read)})
		lost = 0
	}
	return list
}

// A fakeRing fills at the card's pace, but for the frames that are lost.
type fakeRing struct {
	frame    float64       // how long one plays, in nanoseconds
	base     time.Duration // when it began to fill
	read     int
	lost, at int // so many never come, the last of them after the frame at
}

func (r *fakeRing) lose(at, n int) { r.at, r.lost = at, r.lost+n }

// when tells when so many frames have been made.
func (r *fakeRing) when(made int) time.Duration {
	if made > r.at {
		made += r.lost
	}
	return r.base + time.Duration(float64(made)*r.frame) + 1
}

// made tells how many frames have been made by now.
func (r *fakeRing) made(now time.Duration) int {
	n := int(float64(now-r.base) / r.frame)
	if n > r.at {
		n = max(r.at, n-r.lost)
	}
	return n
}

// judge pushes all deliveries and returns the verdicts, each block's once and in order, as it checks.
func judge(t interface{ Fatalf(string, ...any) }, g *Gaps, list []delivery) []Verdict {
	var all []Verdict
	worst := 0
	for _, d := range list {
		all = append(all, g.Push(d.frames, d.arrived)...)
		worst = max(worst, g.Held())
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
	if worst > 400 {
		t.Fatalf("%d blocks held at once", worst)
	}
	return all
}

// steady is an idle machine, busy one that often comes late, by no more than a ring can bear; both catch up.
func steady(r *rand.Rand) func() time.Duration {
	return func() time.Duration { return time.Duration(r.ExpFloat64() * float64(300*time.Microsecond)) }
}

func busy(r *rand.Rand) func() time.Duration {
	return func() time.Duration {
		switch p := r.Float64(); {
		case p < 0.6:
			return time.Duration(r.Float64() * float64(3*time.Millisecond))
		case p < 0.9:
			return time.Duration(r.Float64() * float64(40*time.Millisecond))
		default:
			return time.Duration(r.Float64() * float64(350*time.Millisecond))
		}
	}
}

func drawCard(t *rapid.T) (*fakeCard, *rand.Rand) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	c := &fakeCard{
		rate:   rapid.SampledFrom([]int{8000, 16000, 44100, 48000}).Draw(t, "rate"),
		ppm:    rapid.IntRange(-300, 300).Draw(t, "ppm"),
		opened: Raw(time.Hour),
	}
	c.period = map[int]int{8000: 512, 16000: 1024, 44100: 4096, 48000: 4096}[c.rate]
	c.piece = min(c.period, 2048)
	return c, r
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
		c := &fakeCard{rate: 48000, ppm: ppm, piece: 2048, period: 4096, opened: Raw(time.Hour), jitter: steady(rand.New(rand.NewPCG(1, 1)))}
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
		calm := steady(r)
		c.jitter = calm
		if rapid.Bool().Draw(t, "with stalls") {
			c.jitter = func() time.Duration {
				if r.Float64() < 0.01 {
					return time.Duration(r.Float64() * float64(350*time.Millisecond))
				}
				return calm()
			}
		}
		c.lose = map[int]int{}
		second := c.rate / c.piece
		for at := 3 * second; at < 60*second; at += (4 + r.IntN(5)) * (second + 1) {
			c.lose[at+r.IntN(second)] = c.rate * rapid.IntRange(20, 4000).Draw(t, "ms") / 1000
		}
		list := c.run(100 * time.Second)
		verdicts := judge(t, NewGaps(c.rate, c.opened), list)
		for i := range list {
			// A block that came late itself, by as much, can't be told from one that came after the loss.
			j := i
			for lost := c.length(list[i].lost); lost > 0 && verdicts[j].Lost == 0 && list[j-1].late > lost-5*time.Millisecond; j-- {
			}
			if j != i {
				verdicts[i].Lost, verdicts[j].Lost = verdicts[j].Lost, 0
			}
		}
		for i, v := range verdicts {
			if diff := v.Lost - list[i].lost; max(diff, -diff) > int64(c.rate/200) || v.Stale != 0 {
				t.Fatalf("block %d: %+v, in truth %d frames were lost", i, v, list[i].lost)
			}
		}
	})
}

func TestGapsFindsAnOverrun(t *testing.T) {
	c := &fakeCard{rate: 48000, piece: 2048, period: 4096, opened: Raw(time.Hour)}
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
		// A second or less of history lies in the ring at the opening, and comes at once.
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
		// All that is kept may have been captured after the opening: what came in the first instant was the card's own 5 ms.
		if most := int64(stale); dropped > most || dropped < most-int64(c.rate/100) {
			t.Fatalf("%d frames dropped of %d", dropped, stale)
		}
	})
}

// Old samples may come in a burst, after a moment in which they could have been new. They are the oldest, not those that
// give them away.
func TestGapsDropsTheOldest(t *testing.T) {
	opened := Raw(time.Hour)
	var list []delivery
	for i := range 10 {
		list = append(list, delivery{frames: 1000, arrived: opened.Add(100*time.Millisecond + time.Duration(i)*time.Microsecond)})
	}
	for i := range 50 {
		list = append(list, delivery{frames: 1000, arrived: opened.Add(120*time.Millisecond + time.Duration(i)*20*time.Millisecond)})
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
