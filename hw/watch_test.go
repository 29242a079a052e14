package hw_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// An edge is an edge as reported by Watch.
type edge struct {
	input  int
	active bool
	at     time.Time
	fresh  bool
}

// A watch runs Watch and records what it reports.
type watch struct {
	mu    sync.Mutex
	edges []edge
	busy  func(edge) // what the caller does with an edge; nil: nothing

	cancel context.CancelFunc
	ended  chan error
}

func startWatch(b *hw.Buttons, busy func(edge)) *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{busy: busy, cancel: cancel, ended: make(chan error, 1)}
	go func() {
		w.ended <- b.Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
			e := edge{input, active, at, fresh}
			w.mu.Lock()
			w.edges = append(w.edges, e)
			w.mu.Unlock()
			if w.busy != nil {
				w.busy(e)
			}
		})
	}()
	return w
}

// stop ends the watch and returns its error.
func (w *watch) stop() error {
	w.cancel()
	return <-w.ended
}

// take waits until everything is quiet, and returns what was reported since the last call, without
// times.
func (w *watch) take() []edge {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.edges
	w.edges = nil
	for i := range got {
		got[i].at = time.Time{}
	}
	return got
}

func fresh(input int, active bool) edge { return edge{input: input, active: active, fresh: true} }
func stale(input int, active bool) edge { return edge{input: input, active: active} }

func expect(t *testing.T, what string, got []edge, want ...edge) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: reported %v, want %v", what, got, want)
	}
}

// pass advances the bubble's time.
func pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// oneButton is a board with an active-low button on GPIO5 and a light on GPIO27.
func oneButton(t *testing.T) (*hwtest.Board, *hw.Panel) {
	t.Helper()
	b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO6", "GPIO22", "GPIO23", "GPIO27")
	return b, open(t, b, wiring())
}

func wiring() hw.Wiring {
	return hw.Wiring{
		Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: true}},
		Light:   hw.Output{Line: "GPIO27"},
	}
}

func open(t *testing.T, b hw.Board, w hw.Wiring) *hw.Panel {
	t.Helper()
	p, err := hw.OpenOn(b, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

const (
	pressed  = gpio.Low
	released = gpio.High
)

func TestPressAndReleaseAreFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		for _, idle := range []time.Duration{time.Millisecond, time.Second, 15*time.Second - 1, 15 * time.Second, time.Hour} {
			pass(idle)
			w.take()
			b.Drive("GPIO5", pressed)
			expect(t, "press", w.take(), fresh(0, true))
			pass(100 * time.Millisecond)
			b.Float("GPIO5")
			expect(t, "release", w.take(), fresh(0, false))
		}
	})
}

func TestTimeOfAnEdgeIsTheKernels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		var at []time.Time
		w := startWatch(p.Buttons(), func(e edge) { at = append(at, e.at) })
		defer w.stop()
		pass(7 * time.Second)
		b.Drive("GPIO5", pressed)
		synctest.Wait()
		if len(at) != 1 || !at[0].Equal(time.Now()) {
			t.Errorf("edge of %v reported as of %v", time.Now(), at)
		}
	})
}

func TestActiveHighAndTheDoorBehindTheButtons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO6", "GPIO27")
		wired := wiring()
		wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6"})
		wired.Door = &hw.Input{Line: "gpiochip0:0"}
		p := open(t, b, wired)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Second)
		b.Drive("GPIO6", gpio.High)
		b.Drive("GPIO4", gpio.High)
		got := w.take()
		slices.SortFunc(got, func(a, b edge) int { return a.input - b.input })
		expect(t, "both", got, fresh(1, true), fresh(2, true))
		if levels, err := p.Buttons().Read(); err != nil || !slices.Equal(levels, []bool{false, true, true}) {
			t.Errorf("Read: %v, %v", levels, err)
		}
	})
}

func TestHeldAtBootIsReadAndIsNoEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO5", "GPIO27")
		b.Drive("GPIO5", pressed)
		p := open(t, b, wiring())
		if levels, err := p.Buttons().Read(); err != nil || !slices.Equal(levels, []bool{true}) {
			t.Errorf("Read: %v, %v", levels, err)
		}
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Minute)
		expect(t, "while it is held", w.take())
		b.Float("GPIO5")
		expect(t, "release", w.take(), fresh(0, false))
	})
}

func TestReadErrorIsNeverAPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		b.Fail("GPIO5", hwtest.Read, syscall.EIO)
		if levels, err := p.Buttons().Read(); !errors.Is(err, syscall.EIO) || levels != nil {
			t.Errorf("Read: %v, %v", levels, err)
		}
	})
}

func TestWatchErrorIsNeverAPress(t *testing.T) {
	for _, op := range []hwtest.Op{hwtest.Wait, hwtest.Take} {
		synctest.Test(t, func(t *testing.T) {
			b, p := oneButton(t)
			w := startWatch(p.Buttons(), nil)
			pass(time.Second)
			b.Fail("GPIO5", op, syscall.ENODEV)
			if err := <-w.ended; !errors.Is(err, syscall.ENODEV) {
				t.Errorf("Watch: %v", err)
			}
			expect(t, "with a broken line", w.take())

			b.Fail("GPIO5", op, nil)
			w = startWatch(p.Buttons(), nil)
			defer w.stop()
			pass(time.Second)
			b.Drive("GPIO5", pressed)
			expect(t, "mended", w.take(), fresh(0, true))
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		pass(time.Second)
		start := time.Now()
		if err := w.stop(); err != nil {
			t.Errorf("Watch: %v", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		b.Drive("GPIO5", pressed)
		pass(time.Minute)
		expect(t, "after Watch", w.take())
	})
}

// An edge that arrives when a Watch ends is not lost: the next Watch delivers it.
func TestNothingIsReportedAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27")
		wired := wiring()
		wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
		p := open(t, b, wired)
		w := startWatch(p.Buttons(), func(edge) { pass(time.Second) })
		pass(time.Second)
		b.Drive("GPIO5", pressed)
		synctest.Wait()
		b.Drive("GPIO6", pressed) // has to wait for the caller
		b.Float("GPIO6")
		w.stop()
		expect(t, "until the end", w.take(), fresh(0, true))
		w = startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Second)
		expect(t, "by the next Watch", w.take(), stale(1, true), stale(1, false))
	})
}

func TestOneWatchAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := oneButton(t)
		w := startWatch(p.Buttons(), nil)
		synctest.Wait()
		if err := p.Buttons().Watch(t.Context(), nil); err == nil || err.Error() != "the buttons are watched already" {
			t.Errorf("a second Watch: %v", err)
		}
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseEndsWatchAndReleasesEveryLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO22", "GPIO23", "GPIO27")
		wired := wiring()
		wired.Door = &hw.Input{Line: "GPIO4", ActiveLow: true}
		wired.Sense = &hw.Input{Line: "GPIO22"}
		wired.Status = &hw.Output{Line: "GPIO23"}
		p := open(t, b, wired)
		w := startWatch(p.Buttons(), nil)
		pass(time.Second)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := <-w.ended; !errors.Is(err, hw.ErrClosed) {
			t.Errorf("Watch: %v", err)
		}
		if _, err := p.Buttons().Read(); !errors.Is(err, hw.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
		for _, line := range []string{"GPIO4", "GPIO5", "GPIO22", "GPIO23", "GPIO27"} {
			if b.Held(line) {
				t.Errorf("%s is still held", line)
			}
		}
	})
}

// Lines are released only after the last reader has ended.
func TestCloseWaitsForABusyCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := oneButton(t)
		w := startWatch(p.Buttons(), func(edge) {
			pass(time.Second)
			if !b.Held("GPIO5") {
				t.Error("the line was released while the caller dealt with its edge")
			}
		})
		pass(time.Second)
		b.Drive("GPIO5", pressed)
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		<-w.ended
	})
}

func TestIdlePanelNeverWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO6", "GPIO27")
		wired := wiring()
		wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
		wired.Door = &hw.Input{Line: "GPIO4", ActiveLow: true}
		p := open(t, b, wired)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		pass(time.Second)
		b.Drive("GPIO5", pressed)
		pass(time.Second)
		before := b.Calls()
		pass(24 * time.Hour)
		if n := b.Calls() - before; n > 0 {
			t.Errorf("%d calls in a day", n)
		}
	})
}
