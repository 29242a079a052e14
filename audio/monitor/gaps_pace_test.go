package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawAnyCard draws a card of any pace from 0.9 to 2 and any period.
func drawAnyCard(t *rapid.T) (*fakeCard, *rand.Rand) {
	c, r := drawCard(t)
	c.pace = paces{{0, rapid.Float64Range(0.9, 2).Draw(t, "speed")}}
	c.period = rapid.SampledFrom([]int{64, 256, 480, 1024, 4096, 8192, 32768}).Draw(t, "period")
	c.period = min(c.period, c.rate*3/4)
	c.pieces()
	c.ring = max(4*c.period, 2*c.rate)
	return c, r
}

func drawJitter(t *rapid.T, c *fakeCard, r *rand.Rand, machines ...string) func() time.Duration {
	return map[string]func(*rand.Rand) func() time.Duration{"steady": steady, "stalling": c.stalling,
		"busy": busy}[rapid.SampledFrom(machines).Draw(t, "machine")](r)
}

// none fails if a loss is reported, or frames are dropped after the start.
func none(t interface{ Fatalf(string, ...any) }, c *fakeCard, list []delivery) {
	for i, v := range judge(t, NewGaps(c.rate, c.opened), list) {
		if at := list[i].arrived.Sub(c.opened); v.Lost != 0 || v.Stale != 0 &&
			list[i].arrived.Sub(list[0].arrived) > startHold {
			t.Fatalf("%v after the opening: %+v, where nothing was lost", at, v)
		}
	}
}

func TestGapsNoneFromACardWithAPaceOfItsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := drawAnyCard(t)
		if rapid.Bool().Draw(t, "seldom") {
			c.jitter = drawJitter(t, c, r, "steady", "stalling")
		} else {
			often(c)
			c.jitter = drawJitter(t, c, r, "steady", "stalling", "busy")
		}
		none(t, c, c.run(time.Minute))
	})
}

// pieces sets the pieces that the sound library reads, which divide the period.
func (c *fakeCard) pieces() {
	c.piece = min(c.period, 2048)
	for c.period%c.piece != 0 {
		c.piece--
	}
}

// often makes the card wake us at least five times per second. Fewer wake-ups show too little.
func often(c *fakeCard) {
	for float64(c.period)*6 > float64(c.rate)*c.pace[0].speed {
		c.period /= 2
	}
	c.pieces()
}

// A card's pace changes if it depends on a clock that is adjusted, as in a virtual machine.
func TestGapsNoneWhereThePaceChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := drawAnyCard(t)
		often(c)
		c.jitter = drawJitter(t, c, r, "steady", "stalling")
		speed := max(0.95, c.pace[0].speed)
		for at := time.Duration(0); at < time.Minute; {
			at += time.Duration(rapid.IntRange(1000, 20_000).Draw(t, "ms")) * time.Millisecond
			c.pace = append(c.pace, pace{at, speed * rapid.Float64Range(0.95, 1.05).Draw(t, "change")})
		}
		none(t, c, c.run(time.Minute))
	})
}

// A card with a small buffer on a busy machine has overruns all the time. The sound library reports
// each.
func TestGapsFindsEveryReportedOverrun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := drawCard(t)
		c.period = rapid.SampledFrom([]int{64, 256, 1024}).Draw(t, "period")
		c.piece, c.ring = c.period, c.period*rapid.IntRange(4, 16).Draw(t, "periods")
		calm, often := steady(r), 2*float64(c.period)/float64(c.rate) // twice a second it is late
		c.jitter = func() time.Duration {
			if r.Float64() < often {
				return time.Duration(r.Float64() * float64(350*time.Millisecond))
			}
			return calm()
		}
		g := NewGaps(c.rate, c.opened)
		var lost, found int64
		for i, d := range c.run(12 * time.Second) {
			if i == 0 {
				d.lost = 0 // the start of a card is not known
			}
			lost += d.lost
			if d.overrun {
				g.Overrun()
			}
			for _, v := range g.Push(d.frames, d.arrived) {
				found += v.Lost
			}
		}
		for _, v := range g.Flush() {
			found += v.Lost
		}
		if diff := math.Abs(float64(found - lost)); diff > 0.1*float64(c.rate)+0.02*float64(lost) {
			t.Fatalf("%d lost, %d found", lost, found)
		}
	})
}

func TestGapsFindsLossesAtAnyPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := drawAnyCard(t)
		c.jitter = drawJitter(t, c, r, "steady", "stalling")
		often(c)
		c.lose = map[int]int{}
		second := int(float64(c.rate)*c.pace[0].speed)/c.piece + 1
		for at := 10 * second; at < 50*second; at += (5 + r.IntN(5)) * second {
			c.lose[at+r.IntN(second)] = int(float64(c.rate)*c.pace[0].speed) * rapid.IntRange(20, 4000).Draw(t, "ms") / 1000
		}
		list := c.run(100 * time.Second)
		g := NewGaps(c.rate, c.opened)
		verdicts := judge(t, g, list)
		for i := range verdicts { // stale frames at the start are tested elsewhere
			if list[i].arrived.Sub(list[0].arrived) <= startHold {
				verdicts[i].Stale = 0
			}
		}
		exact(t, c, list, verdicts)
	})
}

// A machine that stalls repeatedly around a loss must neither hide it nor move it.
func TestGapsFindsALossAmidStalls(t *testing.T) {
	for name, test := range map[string]struct {
		stalls      map[int]time.Duration // how late the card's wake-ups are handled
		block, lost int
	}{
		"stalls soon after": {map[int]time.Duration{123: 242 * time.Millisecond, 124: 268 * time.Millisecond,
			125: 235 * time.Millisecond}, 120, 4457},
		"two stalls, and the loss": {map[int]time.Duration{120: 297 * time.Millisecond, 121: 291 * time.Millisecond}, 126, 633},
		"small after stalls":       {map[int]time.Duration{120: 37 * time.Millisecond, 121: 220 * time.Millisecond}, 124, 184},
	} {
		t.Run(name, func(t *testing.T) {
			wakes, calm := 0, steady(rand.New(rand.NewPCG(1, 1)))
			c := &fakeCard{rate: 8000, pace: constant(-100_000), period: 750, piece: 750, ring: 16000,
				lose: map[int]int{test.block: test.lost}}
			c.jitter = func() time.Duration {
				late := test.stalls[wakes] + calm()
				wakes++
				return late
			}
			list := c.run(30 * time.Second)
			exact(t, c, list, judge(t, NewGaps(c.rate, c.opened), list))
		})
	}
}

// In the first seconds the pace is not known, but a large loss is one at any pace.
func TestGapsFindsALargeLossBeforeThePaceIsKnown(t *testing.T) {
	for _, ppm := range []int{-80_000, -6000, 0, 6000} {
		for ms := 300; ms < 3000; ms += 400 {
			for at := 12; at < 60; at += 7 {
				c := &fakeCard{rate: 48000, pace: constant(ppm), period: 4096, piece: 2048, ring: 96000,
					jitter: busyish(rand.New(rand.NewPCG(uint64(at), 1)))}
				c.lose = map[int]int{at: 48 * ms}
				list := c.run(8 * time.Second)
				var found int64
				for _, v := range judge(t, NewGaps(c.rate, c.opened), list) {
					found += v.Lost
				}
				if diff := math.Abs(float64(found) - float64(48*ms)); diff > 48*100 {
					t.Errorf("%d ppm, %d ms lost before block %d: %d frames found of %d", ppm, ms, at, found, 48*ms)
				}
			}
		}
	}
}

// busyish is a machine that is always a little late.
func busyish(r *rand.Rand) func() time.Duration {
	return func() time.Duration { return time.Duration(r.Float64() * float64(8*time.Millisecond)) }
}
