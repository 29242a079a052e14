package consent_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// move changes a line.
func (u *unit) move(n int, down bool, stay time.Duration) {
	u.mu.Lock()
	if u.down[n] != down {
		u.down[n] = down
		u.edges++
		u.moves[n] = append(u.moves[n], move{down, time.Now()})
		if len(u.moves[n]) > 4000 {
			u.moves[n] = append(u.moves[n][:0], u.moves[n][2000:]...)
		}
		u.board.Drive(wires[n], gpio.Level(!down))
	}
	u.mu.Unlock()
	if stay > 0 {
		<-time.After(stay)
	}
}

func (u *unit) between(low, high time.Duration) time.Duration {
	return low + time.Duration(u.rand.Int64N(int64(high-low)))
}

// press presses and releases a line.
func (u *unit) press(n int) {
	for _, down := range []bool{true, false} {
		for range u.rand.IntN(3) {
			u.move(n, down, u.between(50*time.Microsecond, 4*time.Millisecond))
			u.move(n, !down, u.between(50*time.Microsecond, 4*time.Millisecond))
		}
		u.move(n, down, u.between(20*time.Millisecond, 400*time.Millisecond))
	}
}

// stall stalls the reader, the owner, or both.
func (u *unit) stall() {
	d := u.between(time.Millisecond, 1200*time.Millisecond)
	if u.rand.IntN(2) == 0 {
		d /= 20
	}
	who := u.rand.IntN(3)
	u.standFor(d, who != 0, who != 1)
}

func (u *unit) standFor(d time.Duration, owner, reader bool) {
	if owner {
		u.mu.Lock()
		u.still = time.Now().Add(d)
		u.mu.Unlock()
	}
	if reader {
		u.board.StandStill(d)
	}
}

// openings counts how often the microphone was opened.
func (u *unit) openings() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.count
}

// trace is one action of hands, often with a stall.
func (u *unit) trace() {
	n := u.rand.IntN(2)
	if u.rand.IntN(2) == 0 {
		u.stall()
	}
	switch u.rand.IntN(6) {
	case 0:
		for range 1 + u.rand.IntN(40) {
			u.move(n, !u.down[n], u.between(10*time.Microsecond, 3*time.Millisecond))
		}
		u.move(n, false, 0)
	case 1:
		u.move(n, true, u.between(4*time.Second, 8*time.Second))
		u.move(n, false, 0)
	case 2: // press, release, and press again; released later
		u.press(n)
		u.move(n, true, u.between(100*time.Millisecond, time.Second))
		u.move(n, false, 0)
	default:
		for _, l := range []int{n, 0, 1}[:1+u.rand.IntN(3)] {
			u.press(l)
			if u.rand.IntN(3) == 0 {
				u.stall()
			}
		}
	}
	<-time.After(u.between(0, 4*time.Second))
}

// rest lets everything run without hands. A move since the microphone opened has closed it.
func (u *unit) rest() {
	u.move(0, false, 0)
	u.move(1, false, 2*time.Second)
	synctest.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, moves := range u.moves {
		if last := len(moves) - 1; last >= 0 && !u.opened.IsZero() && moves[last].at.After(u.opened) {
			u.t.Errorf("%v: the microphone is open since %v, and there was a move at %v", time.Now(), u.opened, moves[last].at)
		}
	}
}

// A button is pressed, released and pressed again during a stall, and released 0.2 s after it. That
// does not give, however long the stall: the other party alone opens nothing.
func TestPressesQueuedWhileTheProcessStandsStill(t *testing.T) {
	for still := 350 * time.Millisecond; still <= 1500*time.Millisecond; still += 10 * time.Millisecond {
		for _, again := range []time.Duration{5 * time.Millisecond, 29 * time.Millisecond, 50 * time.Millisecond,
			100 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				u := newUnit(t, rand.New(rand.NewPCG(1, uint64(still))))
				defer u.run()()
				<-time.After(time.Second)
				u.move(1, true, 100*time.Millisecond)
				u.move(1, false, time.Second)
				u.standFor(still, true, true)
				began := time.Now()
				u.move(0, true, 100*time.Millisecond)
				u.move(0, false, again)
				u.move(0, true, still-time.Since(began)+200*time.Millisecond)
				u.move(0, false, 2*time.Second)
				if u.openings() > 0 {
					t.Errorf("%v, and %v up: it was recorded", still, again)
				}
				u.move(1, true, 100*time.Millisecond) // it is not deaf
				u.move(1, false, 4*time.Second)
				for n := range wires {
					u.move(n, true, 100*time.Millisecond)
					u.move(n, false, 100*time.Millisecond)
				}
				synctest.Wait()
				if u.openings() != 1 {
					t.Errorf("%v, and %v up: after that, %d recordings of one that was wanted", still, again, u.openings())
				}
			})
		}
	}
}

// Whatever stalls, nothing is recorded without a timely give by every party, and no withdrawal is
// missed. A million traces with TACET_SOAK; TACET_SEED repeats a run.
func TestStalls(t *testing.T) {
	const batch = 250
	traces := 3000
	if os.Getenv("TACET_SOAK") != "" {
		traces = 1_000_000
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TACET_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TACET_SEED=%d", seed)
	openings, edges := 0, 0
	for i := 0; i < traces && !t.Failed(); i += batch {
		synctest.Test(t, func(t *testing.T) {
			u := newUnit(t, rand.New(rand.NewPCG(seed, uint64(i))))
			end := u.run()
			<-time.After(time.Second)
			for range batch {
				u.trace()
				u.rest()
			}
			end()
			openings, edges = openings+u.count, edges+u.edges
		})
	}
	t.Logf("%d traces, %d edges, %d openings", traces, edges, openings)
	if openings < traces/500 && !t.Failed() {
		t.Error("hardly anything was recorded: the traces try nothing")
	}
}
