package hw_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

func TestBounceIsPassedRawAndFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Minute)
		var want []edge
		for i := range 41 { // ends pressed, 40 ms later: longer than freshFor
			b.Drive("GPIO5", gpio.Level(i%2 == 1))
			want = append(want, fresh(0, i%2 == 0))
			pass(time.Millisecond)
		}
		expect(t, "bounce", w.take(), want...)
	})
}

func TestQueuedEdgesAreNotFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		b.Drive("GPIO5", pressed)
		pass(time.Second)
		b.Float("GPIO5")
		pass(time.Second)
		b.Drive("GPIO5", pressed)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		expect(t, "queued", w.take(), stale(0, true), stale(0, false), stale(0, true))
		pass(time.Second)
		b.Float("GPIO5")
		expect(t, "release", w.take(), fresh(0, false))
	})
}

func TestEdgesWhileTheCallerIsBusyAreNotFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), func(e edge) {
			if e.fresh && e.active {
				pass(time.Second)
			}
		})
		defer w.stop()
		pass(time.Minute)
		b.Drive("GPIO5", pressed)
		pass(100 * time.Millisecond)
		b.Float("GPIO5")
		pass(300 * time.Millisecond)
		b.Drive("GPIO5", pressed)
		expect(t, "while busy", w.take(), fresh(0, true))
		pass(601 * time.Millisecond)
		expect(t, "afterwards", w.take(), stale(0, false), stale(0, true))
		pass(200 * time.Millisecond)
		b.Float("GPIO5")
		expect(t, "release", w.take(), fresh(0, false))
	})
}

func TestEdgesInAShortAbsenceAreFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), func(edge) { pass(5 * time.Millisecond) })
		defer w.stop()
		pass(time.Minute)
		b.Drive("GPIO5", pressed)
		pass(time.Millisecond)
		b.Float("GPIO5")
		pass(time.Millisecond)
		b.Drive("GPIO5", pressed)
		pass(100 * time.Millisecond)
		expect(t, "bounce", w.take(), fresh(0, true), fresh(0, false), fresh(0, true))
	})
}

// A line that never rests is not fresh for ever: the reader, slower than the edges, falls behind.
func TestNoiseFasterThanTheCallerIsNotFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), func(edge) { pass(2 * time.Millisecond) })
		defer w.stop()
		pass(time.Minute)
		for i := range 400 {
			b.Drive("GPIO5", gpio.Level(i%2 == 1))
			pass(time.Millisecond)
		}
		got := w.take()
		for i, e := range got[20:] {
			if e.fresh {
				t.Fatalf("edge %d of %d is fresh", 20+i, len(got))
			}
		}
		pass(time.Second)
		w.take()
		b.Drive("GPIO5", pressed)
		expect(t, "press after the noise", w.take(), fresh(0, true))
	})
}

func TestOverflowEndsWithTheLinesLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		for i := range 41 {
			b.Drive("GPIO5", gpio.Level(i%2 == 1))
		}
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Second)
		got := w.take()
		if len(got) != hwtest.QueueLength || got[len(got)-1] != stale(0, true) {
			t.Errorf("reported %v", got)
		}
	})
}

func TestNoisyLineCostsNoOtherItsEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27")
		wired := wiring()
		wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
		p := open(t, b, wired)
		b.Drive("GPIO6", pressed)
		b.Float("GPIO6")
		for i := range 1000 {
			b.Drive("GPIO5", gpio.Level(i%2 == 1))
		}
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		var quiet []edge
		for _, e := range w.take() {
			if e.input == 1 {
				quiet = append(quiet, e)
			}
		}
		expect(t, "the quiet line", quiet, stale(1, true), stale(1, false))
	})
}

// An overflow whose last edges were lost, as older kernels drop them.
func TestLevelIsReadAgainAfterABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Minute)
		b.Drive("GPIO5", pressed)
		b.Float("GPIO5")
		b.Slip("GPIO5", pressed)
		expect(t, "at once", w.take(), fresh(0, true), fresh(0, false))
		pass(20 * time.Millisecond)
		expect(t, "soon after", w.take(), stale(0, true))
	})
}

func TestMissedEdgeIsFoundByTheLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Minute)
		b.Slip("GPIO5", pressed)
		pass(21 * time.Second)
		expect(t, "press", w.take(), stale(0, true))
		b.Slip("GPIO5", released)
		pass(21 * time.Second)
		expect(t, "release", w.take(), stale(0, false))
		pass(time.Minute)
		expect(t, "then", w.take())
	})
}

func TestEdgeThatComesAtTheRecheckStaysFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(15*time.Second - time.Millisecond)
		b.Slip("GPIO5", pressed) // the level is there before its edge
		pass(2 * time.Millisecond)
		b.Edge("GPIO5", pressed)
		expect(t, "press", w.take(), fresh(0, true))
		pass(time.Minute)
		expect(t, "then", w.take())
	})
}

// Edges between two Watches are in the queue; a level that changed unseen is told.
func TestNextWatchTellsWhatChangedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		pass(time.Second)
		w.stop()
		b.Slip("GPIO5", pressed)
		w = startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(200 * time.Millisecond)
		expect(t, "press", w.take(), stale(0, true))
	})
}

// odd is a line whose waits are not as they should be.
type odd struct {
	hw.LineSet
	wait func() (int, gpio.Edge, error)
}

func (o *odd) WaitForEdge(time.Duration) (int, gpio.Edge, error) { return o.wait() }

type oddBoard struct {
	*hwtest.Board
	wait func() (int, gpio.Edge, error)
}

func (b oddBoard) Request(l hw.LineInfo, u hw.Use, pull gpio.Pull) (hw.LineSet, error) {
	s, err := b.Board.Request(l, u, pull)
	if u == hw.Edges && err == nil {
		s = &odd{s, b.wait}
	}
	return s, err
}

// A wait that ran out late says that the process stood still: what is queued then may be old.
func TestLateWaitProvesNoEmptyQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		b := oddBoard{Board: hwtest.NewBoard("GPIO5", "GPIO27")}
		b.wait = func() (int, gpio.Edge, error) {
			calls++
			switch calls {
			case 2: // the first of Watch
				pass(time.Second)
			case 3:
				return 0, gpio.FallingEdge, nil
			case 4:
				pass(time.Minute)
			}
			return 0, gpio.NoEdge, os.ErrDeadlineExceeded
		}
		p := open(t, b, wiring())
		w := startWatch(p.Buttons(), nil)
		pass(2 * time.Second)
		expect(t, "press", w.take(), stale(0, true))
		w.cancel()
		pass(2 * time.Minute)
		<-w.ended
	})
}

// A wait may run out without having looked at the queue.
func TestShortWaitThatRanOutProvesLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO5", "GPIO27")
		var stalls []time.Duration
		b.Stall = func() (d time.Duration) {
			if len(stalls) > 0 {
				d, stalls = stalls[0], stalls[1:]
			}
			return d
		}
		p := open(t, b, wiring())
		b.Drive("GPIO5", pressed)
		b.Float("GPIO5")
		pass(time.Hour)
		stalls = []time.Duration{10 * time.Millisecond} // Watch's first wait
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Second)
		expect(t, "queued", w.take(), stale(0, true), stale(0, false))
		b.Drive("GPIO5", pressed)
		expect(t, "press", w.take(), fresh(0, true))
	})
}

func TestWaitsThatReturnAtOnceEndWatch(t *testing.T) {
	for name, wait := range map[string]func() (int, gpio.Edge, error){
		"time-outs":       func() (int, gpio.Edge, error) { return 0, gpio.NoEdge, os.ErrDeadlineExceeded },
		"another's edges": func() (int, gpio.Edge, error) { return 7, gpio.FallingEdge, nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			p := open(t, oddBoard{hwtest.NewBoard("GPIO5", "GPIO27"), wait}, wiring())
			w := startWatch(p.Buttons(), nil)
			if err := <-w.ended; err == nil {
				t.Errorf("%s: Watch ended without an error", name)
			}
			expect(t, name, w.take())
		})
	}
}
