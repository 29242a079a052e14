package hw_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// A bench is a Board with control of its wires. Lines 0, 1 and 3 are inputs, 2 is an output.
type bench struct {
	hw.Board
	chip  string
	drive func(line int, level gpio.Level)
	level func(line int) gpio.Level
}

func (b bench) line(n int) string { return b.chip + ":" + strconv.Itoa(n) }

// info is the LineInfo of a line.
func (b bench) info(t *testing.T, n int) hw.LineInfo {
	t.Helper()
	lines, err := b.Lines()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if l.Chip == b.chip && l.Number == n {
			return l
		}
	}
	t.Fatalf("the board has no line %s", b.line(n))
	return hw.LineInfo{}
}

func (b bench) take(t *testing.T, n int, u hw.Use, pull gpio.Pull) hw.LineSet {
	t.Helper()
	s, err := b.Request(b.info(t, n), u, pull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (b bench) takeEdges(t *testing.T, n int, pull gpio.Pull) hw.EdgeLine {
	t.Helper()
	e, err := b.RequestEdges(b.info(t, n), pull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// await waits for queued edges.
func (b bench) await(t *testing.T, e hw.EdgeLine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	if err := e.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// takeAll empties the queue.
func (b bench) takeAll(t *testing.T, e hw.EdgeLine) (all []hw.Edge) {
	t.Helper()
	var some [10]hw.Edge
	for {
		n, err := e.Take(some[:])
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return all
		}
		all = append(all, some[:n]...)
	}
}

// wiring has two active-low buttons, on lines 0 and 1, and a light on line 2 that is sensed on line
// 3.
func (b bench) wiring() hw.Wiring {
	return hw.Wiring{
		Buttons: []hw.Input{{Line: b.line(0), ActiveLow: true}, {Line: b.line(1), ActiveLow: true}},
		Light:   hw.Output{Line: b.line(2)},
		Sense:   &hw.Input{Line: b.line(3)},
	}
}

// TestConformance runs on the fake and, as root, on the kernel and periph, if TACET_GPIO_SIM names
// the sysfs folder of a gpio-sim chip with at least four free lines. So the fake behaves like
// these.
func TestConformance(t *testing.T) {
	for _, c := range conformance {
		t.Run("fake/"+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t, fakeBench()) })
		})
	}
	dir := os.Getenv("TACET_GPIO_SIM")
	if dir == "" {
		t.Log("TACET_GPIO_SIM is not set: the kernel's lines are not tried")
		return
	}
	sim := hwtest.Sim(dir)
	linked(t, sim.Chip())
	board, err := hw.GPIO(t.Context(), sim.Chip())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conformance {
		t.Run("gpio-sim/"+c.name, func(t *testing.T) { c.run(t, simBench(t, board, sim)) })
	}
}

func fakeBench() bench {
	b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27", "GPIO22", "", "", "GPIO4")
	line := func(n int) string { return "gpiochip0:" + strconv.Itoa(n) }
	for n := range 4 {
		b.Drive(line(n), gpio.High)
	}
	return bench{
		Board: b,
		chip:  "gpiochip0",
		drive: func(n int, level gpio.Level) { b.Drive(line(n), level) },
		level: func(n int) gpio.Level { return b.Level(line(n)) },
	}
}

func simBench(t *testing.T, board hw.Board, sim hwtest.Sim) bench {
	b := bench{
		Board: board,
		chip:  sim.Chip(),
		drive: func(n int, level gpio.Level) {
			t.Helper()
			if err := sim.Drive(n, level); err != nil {
				t.Error(err)
			}
		},
		level: func(n int) gpio.Level {
			t.Helper()
			level, err := sim.Level(n)
			if err != nil {
				t.Error(err)
			}
			return level
		},
	}
	for n := range 4 {
		b.drive(n, gpio.High)
	}
	return b
}

// linked gives the chip a second name, as Raspberry Pi OS does. Then Init closes descriptor 0
// (periph/host issue 70).
func linked(t *testing.T, chip string) {
	t.Helper()
	second := filepath.Join("/dev", chip+"9")
	if err := os.Symlink(chip, second); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(second); err != nil {
			t.Error(err)
		}
		if _, err := unix.FcntlInt(0, unix.F_GETFD, 0); err != nil {
			t.Errorf("descriptor 0 after Init: %v", err)
		}
	})
}

// A reporter collects what Watch reports, in the bubble's time or in real time.
type reporter struct {
	edges  chan edge
	cancel context.CancelFunc
	err    chan error
}

func report(t *testing.T, b *hw.Buttons) *reporter {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r := &reporter{edges: make(chan edge, 1000), cancel: cancel, err: make(chan error, 1)}
	go func() {
		r.err <- b.Watch(ctx, func(input int, active bool, _ time.Time, fresh bool) {
			r.edges <- edge{input: input, active: active, fresh: fresh}
		})
	}()
	return r
}

func (r *reporter) expect(t *testing.T, want ...edge) {
	t.Helper()
	for _, e := range want {
		select {
		case got := <-r.edges:
			if got != e {
				t.Errorf("reported %v, want %v", got, e)
			}
		case <-time.After(enough):
			t.Fatalf("%v was not reported", e)
		}
	}
}

func (r *reporter) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.err:
		return err
	case <-time.After(enough):
		t.Fatal("Watch did not end")
		return nil
	}
}

// end ends Watch, which must have nothing more to report.
func (r *reporter) end(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := r.ended(t); err != nil {
		t.Errorf("Watch: %v", err)
	}
	select {
	case e := <-r.edges:
		t.Errorf("and %v", e)
	default:
	}
}
