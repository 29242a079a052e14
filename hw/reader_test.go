package hw_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"syscall"
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
		for i := range 41 { // ends pressed
			b.Drive("GPIO5", gpio.Level(i%2 == 1))
			want = append(want, fresh(0, i%2 == 0))
			pass(time.Duration(i%3) * time.Millisecond)
		}
		expect(t, "bounce", w.take(), want...)
	})
}

// After a stall of the process, edges are delivered in order with their times, and old ones are
// doubtful.
func TestAnEdgeHasTheKernelsTimeAndIsDoubtedWhenOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Second)
		b.StandStill(time.Second)
		start := time.Now()
		b.Drive("GPIO5", pressed)
		pass(100 * time.Millisecond)
		b.Float("GPIO5")
		pass(650*time.Millisecond - 1)
		b.Drive("GPIO5", pressed)
		pass(1)
		b.Float("GPIO5")
		pass(249 * time.Millisecond)
		expect(t, "during the stall", w.take())
		pass(time.Millisecond)
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		want := []edge{{active: true}, {at: start.Add(100 * time.Millisecond)},
			{active: true, at: start.Add(750*time.Millisecond - 1)},
			{at: start.Add(750 * time.Millisecond), fresh: true}}
		want[0].at = start
		if !slices.EqualFunc(w.edges, want, func(a, b edge) bool {
			return a.active == b.active && a.fresh == b.fresh && a.at.Equal(b.at)
		}) {
			t.Errorf("reported %v, want %v", w.edges, want)
		}
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
		expect(t, "queued", w.take(), stale(0, true), stale(0, false), fresh(0, true))
		pass(time.Second)
		b.Float("GPIO5")
		expect(t, "release", w.take(), fresh(0, false))
	})
}

// An edge's age counts at its delivery: the caller may have been busy with the one before.
func TestEdgesThatABusyCallerGetsLateAreNotFresh(t *testing.T) {
	for _, busy := range []time.Duration{hw.LateAfter, hw.LateAfter + 1} {
		synctest.Test(t, func(t *testing.T) {
			b, p := oneButton(t)
			w := startWatch(p.Buttons(), func(e edge) {
				if e.active {
					pass(busy)
				}
			})
			defer w.stop()
			pass(time.Minute)
			b.Drive("GPIO5", pressed)
			b.Float("GPIO5")
			pass(busy)
			expect(t, "press and release at once", w.take(), fresh(0, true), edge{fresh: busy == hw.LateAfter})
		})
	}
}

// After an overflow of the queue, the first edge after the gap is doubtful at any age, and the last
// one has the line's level.
func TestEdgeAfterAGapIsNotFresh(t *testing.T) {
	for _, c := range []struct{ queue, edges int }{{4, 5}, {4, 6}, {4, 21}, {hw.QueueLength, hw.QueueLength + 1},
		{hw.QueueLength, 3001}} {
		synctest.Test(t, func(t *testing.T) {
			b := hwtest.NewBoard("GPIO5", "GPIO27")
			b.Queue = c.queue
			p := open(t, b, wiring())
			for i := range c.edges {
				b.Drive("GPIO5", gpio.Level(i%2 == 1))
			}
			w := startWatch(p.Buttons(), nil)
			defer w.stop()
			got := w.take()
			if len(got) != c.queue || got[0].fresh || !got[1].fresh || got[len(got)-1].active != (c.edges%2 == 1) {
				t.Errorf("of %d edges %d were reported: first %v, last %v", c.edges, len(got), got[:2], got[len(got)-1])
			}
		})
	}
}

// Two edges to the same level: one between was missed, or too short for the kernel to read its
// level.
func TestTwoEdgesOfOneDirectionAreDoubted(t *testing.T) {
	for _, level := range []gpio.Level{pressed, released} {
		synctest.Test(t, func(t *testing.T) {
			b, p := oneButton(t)
			b.Drive("GPIO5", !level)
			w := startWatch(p.Buttons(), nil)
			defer w.stop()
			pass(time.Minute)
			w.take()
			b.Edge("GPIO5", !level)
			expect(t, "the level that was known", w.take(), stale(0, level == released))
			b.Drive("GPIO5", level)
			expect(t, "then", w.take(), fresh(0, level == pressed))
		})
	}
}

func TestNoisyLineCostsNoOtherItsEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27")
		wired := wiring()
		wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
		p := open(t, b, wired)
		b.Drive("GPIO6", pressed)
		b.Float("GPIO6")
		for i := range 2 * hw.QueueLength {
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
		expect(t, "the quiet line", quiet, fresh(1, true), fresh(1, false))
	})
}

func TestLinesAreToldInTheOrderOfTheirEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO6", "GPIO27")
		wired := wiring()
		wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
		wired.Door = &hw.Input{Line: "GPIO4", ActiveLow: true}
		p := open(t, b, wired)
		var want []edge
		for i := range 30 {
			n := i * 7 % 3
			line, level := []string{"GPIO5", "GPIO6", "GPIO4"}[n], gpio.Level(i/3%2 == 1)
			b.Drive(line, level)
			want = append(want, fresh(n, !bool(level)))
			pass(time.Millisecond)
		}
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		expect(t, "all", w.take(), want...)
	})
}

// A bounce that the kernel has not seen completely: the level is read again soon.
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

func TestMissedEdgeIsFoundByRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Minute)
		for _, level := range []gpio.Level{pressed, released} {
			b.Slip("GPIO5", level)
			pass(time.Minute)
			expect(t, "asleep", w.take())
			if levels, err := p.Buttons().Read(); err != nil || levels[0] != (level == pressed) {
				t.Errorf("Read: %v, %v", levels, err)
			}
			expect(t, "read", w.take(), stale(0, level == pressed))
		}
		p.Buttons().Read()
		expect(t, "then", w.take())
	})
}

// A level that is read before its edge arrives is not doubtful if the edge comes soon.
func TestEdgeThatIsOnItsWayWhileReadingStaysFresh(t *testing.T) {
	for lag, want := range map[time.Duration]edge{2 * time.Millisecond: fresh(0, true),
		20 * time.Millisecond: stale(0, true)} {
		synctest.Test(t, func(t *testing.T) {
			b, p := oneButton(t)
			w := startWatch(p.Buttons(), nil)
			defer w.stop()
			pass(time.Minute)
			b.Lag(lag)
			b.Drive("GPIO5", pressed)
			if levels, err := p.Buttons().Read(); err != nil || !levels[0] {
				t.Errorf("Read: %v, %v", levels, err)
			}
			expect(t, "press", w.take(), want)
			pass(time.Minute)
			for _, e := range w.take() {
				if e.fresh || !e.active {
					t.Errorf("and %v", e)
				}
			}
		})
	}
}

// Edges between two Watches are queued, and a level that changed without one is reported.
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

// odd is a line with faulty calls.
type odd struct {
	hw.EdgeLine
	number int
	b      *oddBoard
}

type oddBoard struct {
	*hwtest.Board
	wait func(line int) (bool, error)
	read func(line int)

	ahead time.Duration // of the stamps
}

func (o *odd) Wait(ctx context.Context) error {
	if o.b.wait != nil {
		if ok, err := o.b.wait(o.number); ok {
			return err
		}
	}
	return o.EdgeLine.Wait(ctx)
}

func (o *odd) Read() (bool, error) {
	if o.b.read != nil {
		o.b.read(o.number)
	}
	return o.EdgeLine.Read()
}

func (b *oddBoard) RequestEdges(l hw.LineInfo, pull gpio.Pull) (hw.EdgeLine, error) {
	e, err := b.Board.RequestEdges(l, pull)
	return &odd{e, l.Number, b}, err
}

func (o *odd) Take(edges []hw.Edge) (int, error) {
	n, err := o.EdgeLine.Take(edges)
	for i := range edges[:n] {
		edges[i].At = edges[i].At.Add(o.b.ahead)
	}
	return n, err
}

// An edge from the future is doubtful, counts as of now, and does not delay later edges.
func TestEdgeThatIsStillToComeIsDoubted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &oddBoard{Board: hwtest.NewBoard("GPIO5", "GPIO27"), ahead: time.Hour}
		p := open(t, b, wiring())
		var at time.Time
		w := startWatch(p.Buttons(), func(e edge) { at = e.at })
		defer w.stop()
		pass(time.Second)
		for _, level := range []gpio.Level{pressed, released} {
			b.Drive("GPIO5", level)
			expect(t, "edge", w.take(), stale(0, level == pressed))
			if !at.Equal(time.Now()) {
				t.Errorf("at %v it was reported as of %v", time.Now(), at)
			}
			pass(time.Second)
		}
	})
}

func TestWaitsThatReturnAtOnceEndWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &oddBoard{Board: hwtest.NewBoard("GPIO5", "GPIO27"), wait: func(int) (bool, error) { return true, nil }}
		w := startWatch(open(t, b, wiring()).Buttons(), nil)
		if err := <-w.ended; err == nil {
			t.Error("Watch ended without an error")
		}
		expect(t, "nothing", w.take())
	})
}

// A read of one line's level that hangs for ever delays no edge of any line, and no light.
func TestAHungLineHoldsUpNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hung atomic.Bool
		mended := make(chan struct{})
		b := &oddBoard{Board: hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27")}
		b.read = func(line int) {
			if hung.Load() && line == 0 {
				<-mended
			}
		}
		wired := wiring()
		wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
		p := open(t, b, wired)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Second)
		hung.Store(true)
		read := make(chan error, 1)
		go func() { _, err := p.Buttons().Read(); read <- err }()
		pass(time.Second)
		for i := range 10 {
			b.Drive("GPIO5", gpio.Level(i%2 == 1))
			b.Drive("GPIO6", gpio.Level(i%2 == 1))
			got := w.take()
			slices.SortFunc(got, func(a, b edge) int { return a.input - b.input })
			expect(t, "while Read hangs", got, fresh(0, i%2 == 0), fresh(1, i%2 == 0))
			pass(time.Second)
		}
		if err := errors.Join(p.Light().On(), p.Light().Off()); err != nil {
			t.Error(err)
		}
		select {
		case err := <-read:
			t.Errorf("Read returned: %v", err)
		default:
		}
		close(mended)
		if err := <-read; err != nil {
			t.Error(err)
		}
	})
}

// The errors of Watch and Read name the broken line, and a broken line has no level.
func TestErrorSaysWhoseLineItIsOf(t *testing.T) {
	for _, op := range []hwtest.Op{hwtest.Read, hwtest.Wait, hwtest.Take} {
		for input, line := range []string{"GPIO5", "GPIO6", "GPIO4"} {
			synctest.Test(t, func(t *testing.T) {
				b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO6", "GPIO27")
				wired := wiring()
				wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
				wired.Door = &hw.Input{Line: "GPIO4", ActiveLow: true}
				p := open(t, b, wired)
				w := startWatch(p.Buttons(), nil)
				pass(time.Second)
				b.Fail(line, op, syscall.EIO)
				levels, read := p.Buttons().Read()
				if (read != nil) != (levels == nil) || op == hwtest.Read && read == nil {
					t.Errorf("Read: %v, %v", levels, read)
				}
				b.Drive("GPIO5", pressed) // after an edge the levels are read
				if op == hwtest.Wait {
					b.Drive(line, pressed)
				}
				watched := <-w.ended
				for what, err := range map[string]error{"Read": read, "Watch": watched} {
					var of interface{ Input() int }
					if err == nil && what == "Read" && op != hwtest.Read {
						continue
					}
					if !errors.Is(err, syscall.EIO) || !errors.As(err, &of) || of.Input() != input {
						t.Errorf("%s: %v, not of input %d", what, err, input)
					}
				}
				want := []string{"button 1: ", "button 2: ", "door: "}[input]
				if got := watched.Error(); len(got) < len(want) || got[:len(want)] != want {
					t.Errorf("%q doesn't say that it is of %s", got, want)
				}
			})
		}
	}
}
