package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// paceOf runs a card. It returns the measured rate at the end, and whether it was ever reported as
// off.
func paceOf(c *fakeCard, d time.Duration) (rate float64, known, off bool) {
	g := NewGaps(c.rate, c.opened)
	for _, b := range c.run(d) {
		g.Push(b.frames, b.arrived)
		_, now := g.Pace().Wrong()
		off = off || now
	}
	g.Flush()
	rate, known = g.Pace().Rate()
	return rate, known, off
}

// On a busy machine a card that wakes us less than three times per second may show too little of
// its pace. Then the pace may be unknown, but it must not be wrong.
func TestPaceIsMeasured(t *testing.T) {
	for name, machine := range map[string]func(*rand.Rand) func() time.Duration{"steady": steady, "busy": busy} {
		for _, period := range []int{64, 1024, 4096, 16384} {
			for _, ppm := range []int{-100_000, -81_250, -6000, -1000, -300, -50, 0, 50, 300, 1000, 6000, 88_000, 1_000_000} {
				seed := rand.Uint64()
				mayBeUnknown := name == "busy" && period == 16384 && ppm < 1_000_000
				c := &fakeCard{rate: 48000, pace: constant(ppm), period: period, piece: min(period, 2048), ring: 200_000}
				c.jitter = machine(rand.New(rand.NewPCG(seed, 1)))
				rate, known, off := paceOf(c, 20*time.Second)
				want := 48000 * (1 + float64(ppm)/1e6)
				if known && math.Abs(rate/want-1) > 300e-6 || !known && !mayBeUnknown {
					t.Errorf("%s, periods of %d, %d ppm, seed %d: %.1f Hz, %v; want %.1f", name, period, ppm, seed, rate, known, want)
				}
				if far := max(ppm, -ppm); far >= 1000 && known && !off || far <= 300 && off {
					t.Errorf("%s, periods of %d, %d ppm, seed %d: off is %v", name, period, ppm, seed, off)
				}
			}
		}
	}
}

// With these seeds a few late blocks used to count as a jump, and the measurement started again.
func TestPaceOutlastsLateBlocks(t *testing.T) {
	for ppm, seed := range map[int]uint64{-81_250: 14271515818993543777, 0: 9748835, 88_000: 15220864, -6000: 634066} {
		c := &fakeCard{rate: 48000, pace: constant(ppm), period: 16384, piece: 2048, ring: 200_000}
		c.jitter = busy(rand.New(rand.NewPCG(seed, 1)))
		want := 48000 * (1 + float64(ppm)/1e6)
		if rate, known, _ := paceOf(c, 20*time.Second); !known || math.Abs(rate/want-1) > 300e-6 {
			t.Errorf("%d ppm, seed %d: %.1f Hz, %v; want %.1f", ppm, seed, rate, known, want)
		}
	}
}

func TestPaceIsKnownAfterElevenSeconds(t *testing.T) {
	c := &fakeCard{rate: 48000, pace: constant(2000), period: 4096, piece: 2048, ring: 200_000,
		jitter: steady(rand.New(rand.NewPCG(1, 1)))}
	if rate, known, off := paceOf(c, 10*time.Second); known || off {
		t.Errorf("after 10 s: %v, %v", rate, off)
	}
	if rate, known, off := paceOf(c, 11500*time.Millisecond); !known || !off {
		t.Errorf("after 11.5 s: %v, %v, %v", rate, known, off)
	}
}

// Losses don't make a card slow.
func TestPaceCountsWhatWasLost(t *testing.T) {
	c := &fakeCard{rate: 48000, pace: constant(100), period: 4096, piece: 2048, ring: 200_000,
		jitter: steady(rand.New(rand.NewPCG(1, 1)))}
	c.lose = map[int]int{100: 4800, 200: 9600, 300: 48000, 400: 2400, 500: 7200}
	if rate, known, off := paceOf(c, 30*time.Second); !known || off {
		t.Errorf("%v, %v, %v", rate, known, off)
	}
}
