package monitor

import (
	"fmt"
	"testing"
	"time"
)

// A machine that is late for a while and catches up, or that stalls repeatedly, must not affect the
// measured pace, however Gaps explains the lateness.
func TestPaceIsNotOfTheMachine(t *testing.T) {
	const rate, period = 48000, 480
	onTime := func(n int) time.Duration { return time.Duration(n) * 10 * time.Millisecond }
	for name, arrives := range map[string]func(n int) time.Duration{
		"stalls for 0.97 s of each 0.975": func(n int) time.Duration {
			const cycle = 975 * time.Millisecond
			return max(onTime(n), (onTime(n)/cycle+1)*cycle)
		},
		"stalls for 0.7 s of each 0.9": func(n int) time.Duration {
			const cycle = 900 * time.Millisecond
			if at := onTime(n); at%cycle > 200*time.Millisecond {
				return (at/cycle + 1) * cycle
			}
			return onTime(n)
		},
	} {
		t.Run(name, func(t *testing.T) { paceStays(t, rate, period, arrives) })
	}
	for _, late := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second} {
		for _, long := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second,
			9 * time.Second} {
			t.Run(fmt.Sprintf("%v late for %v", late, long), func(t *testing.T) {
				paceStays(t, rate, period, func(n int) time.Duration {
					if at := onTime(n); at > 30*time.Second && at < 30*time.Second+long {
						return min(at+late, 30*time.Second+long)
					}
					return onTime(n)
				})
			})
		}
	}
}

func paceStays(t *testing.T, rate, period int, arrives func(n int) time.Duration) {
	t.Helper()
	g := NewGaps(rate, 0)
	for n := 1; n < 9000; n++ {
		g.Push(period, Raw(arrives(n)))
		if r, wrong := g.Pace().Wrong(); wrong {
			t.Fatalf("after %v the card is reported at %.0f frames a second", arrives(n), r)
		}
	}
}
