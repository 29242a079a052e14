package hw_test

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

const (
	enough = 5 * time.Second       // for anything that has to come
	step   = 20 * time.Millisecond // between two edges, so that the kernel's thread makes two events of them
)

var conformance = []struct {
	name string
	run  func(*testing.T, bench)
}{
	{"the queue keeps the last 16 edges", func(t *testing.T, b bench) {
		s := b.take(t, 0, hw.Edges, gpio.PullUp)
		for i := range 41 {
			b.drive(0, gpio.Level(i%2 == 1))
			pass(step)
		}
		var got []gpio.Edge
		for {
			n, e, err := s.WaitForEdge(time.Second)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil || n != 0 {
				t.Fatalf("line %d, %v", n, err)
			}
			got = append(got, e)
		}
		// The 16th of all was rising, the last is falling. Of those between a busy machine may have made one of two.
		if len(got) != hwtest.QueueLength || got[len(got)-1] != gpio.FallingEdge {
			t.Errorf("%d edges: %v", len(got), got)
		}
	}},
	{"a negative timeout has run out, whatever is queued", func(t *testing.T, b bench) {
		s := b.take(t, 0, hw.Edges, gpio.PullUp)
		b.drive(0, gpio.Low)
		pass(step)
		if _, e, err := s.WaitForEdge(-1); e != gpio.NoEdge || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("-1: %v, %v", e, err)
		}
		if _, e, err := s.WaitForEdge(enough); e != gpio.FallingEdge || err != nil {
			t.Errorf("then: %v, %v", e, err)
		}
	}},
	{"a timeout of 0 is for ever, until Halt", func(t *testing.T, b bench) {
		s := b.take(t, 0, hw.Edges, gpio.PullUp)
		if _, _, err := s.WaitForEdge(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { _, _, err := s.WaitForEdge(0); ended <- err }()
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(10 * step):
		}
		for again := time.NewTicker(step); ; {
			if err := s.Halt(); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
				return
			case <-again.C:
			}
		}
	}},
	{"a Halt before the wait is lost", func(t *testing.T, b bench) {
		s := b.take(t, 0, hw.Edges, gpio.PullUp)
		if _, _, err := s.WaitForEdge(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if err := s.Halt(); err != nil {
			t.Fatal(err)
		}
		b.drive(0, gpio.Low)
		if _, e, err := s.WaitForEdge(enough); e != gpio.FallingEdge || err != nil {
			t.Errorf("%v, %v", e, err)
		}
	}},
	{"a line is held until Close, not Halt", func(t *testing.T, b bench) {
		s := b.take(t, 0, hw.Edges, gpio.PullUp)
		if err := s.Halt(); err != nil {
			t.Error(err)
		}
		if _, err := b.Request(b.info(t, 0), hw.Edges, gpio.PullUp); err == nil {
			t.Fatal("it could be taken twice")
		} else {
			t.Log(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		b.take(t, 0, hw.Edges, gpio.PullUp)
		if _, err := s.Read(1); err == nil {
			t.Error("it could be read after Close")
		}
		if _, _, err := s.WaitForEdge(1); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a wait after Close: %v", err)
		}
	}},
	{"Close releases a line at once, whatever was asked of a closed one", func(t *testing.T, b bench) {
		for range 20 {
			s := b.take(t, 0, hw.Edges, gpio.PullUp)
			ended := make(chan error, 1)
			go func() { _, _, err := s.WaitForEdge(enough); ended <- err }()
			pass(step)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, os.ErrClosed) {
				t.Errorf("the wait that Close ended: %v", err)
			}
			s.WaitForEdge(1) // periph would make a file of descriptor 0,
			runtime.GC()     // and this close it: the next line would be descriptor 0, and never be released
		}
	}},
	{"asking for an output drives it low", func(t *testing.T, b bench) {
		s := b.take(t, 2, hw.Drive, gpio.PullNoChange)
		if b.level(2) != gpio.Low {
			t.Error("it is high")
		}
		if err := s.Out(1, 1); err != nil || b.level(2) != gpio.High {
			t.Errorf("Out(1): %v, level %v", err, b.level(2))
		}
		s.Close()
		b.take(t, 2, hw.Drive, gpio.PullNoChange)
		if b.level(2) != gpio.Low {
			t.Error("asked for again it is high")
		}
	}},
	{"an input can't be driven", func(t *testing.T, b bench) {
		if err := b.take(t, 0, hw.Level, gpio.PullUp).Out(1, 1); err == nil {
			t.Error("it can")
		}
	}},
	{"press and release are fresh", func(t *testing.T, b bench) {
		p := open(t, b, b.wiring())
		r := report(t, p.Buttons())
		pass(time.Second)
		b.drive(1, gpio.Low)
		r.expect(t, fresh(1, true))
		pass(time.Second)
		b.drive(1, gpio.High)
		r.expect(t, fresh(1, false))
		r.end(t)
	}},
	{"what was queued before Watch is not fresh", func(t *testing.T, b bench) {
		p := open(t, b, b.wiring())
		for _, level := range []gpio.Level{gpio.Low, gpio.High, gpio.Low} {
			b.drive(0, level)
			pass(2 * step)
		}
		r := report(t, p.Buttons())
		r.expect(t, stale(0, true), stale(0, false), stale(0, true))
		pass(time.Second)
		b.drive(0, gpio.High)
		r.expect(t, fresh(0, false))
		r.end(t)
	}},
	{"after an overflow the level is right", func(t *testing.T, b bench) {
		p := open(t, b, b.wiring())
		for i := range 41 {
			b.drive(0, gpio.Level(i%2 == 1))
		}
		pass(2 * step)
		r := report(t, p.Buttons())
		var last edge
		for range hwtest.QueueLength { // some may have become one
			select {
			case last = <-r.edges:
				if last.fresh {
					t.Errorf("%v is fresh", last)
				}
			case <-time.After(10 * step):
			}
		}
		if !last.active {
			t.Error("the last edge is not the press")
		}
		r.end(t)
	}},
	{"held at boot is read", func(t *testing.T, b bench) {
		b.drive(1, gpio.Low)
		p := open(t, b, b.wiring())
		if levels, err := p.Buttons().Read(); err != nil || !slices.Equal(levels, []bool{false, true}) {
			t.Errorf("Read: %v, %v", levels, err)
		}
		r := report(t, p.Buttons())
		pass(time.Second)
		b.drive(1, gpio.High)
		r.expect(t, fresh(1, false))
		r.end(t)
	}},
	{"the light goes on and off, and out at Close", func(t *testing.T, b bench) {
		for _, activeLow := range []bool{false, true} {
			w := b.wiring()
			w.Light.ActiveLow = activeLow
			p := open(t, b, w)
			lit := gpio.Level(!activeLow)
			if b.level(2) == lit {
				t.Error("it is lit after Open")
			}
			if err := p.Light().On(); err != nil || b.level(2) != lit {
				t.Errorf("On: %v, level %v", err, b.level(2))
			}
			for _, level := range []gpio.Level{gpio.High, gpio.Low} {
				b.drive(3, level)
				if got, known, err := p.Light().Sense(); got != bool(level) || !known || err != nil {
					t.Errorf("Sense of %v: %v, %v, %v", level, got, known, err)
				}
			}
			if err := p.Light().Off(); err != nil || b.level(2) == lit {
				t.Errorf("Off: %v, level %v", err, b.level(2))
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}},
	{"lights out", func(t *testing.T, b bench) {
		if err := hw.LightsOutOn(b, b.wiring()); err != nil {
			t.Error(err)
		}
		open(t, b, b.wiring())
		if err := hw.LightsOutOn(b, b.wiring()); err == nil {
			t.Error("the lights of a running daemon were put out")
		} else {
			t.Log(err)
		}
	}},
	{"Watch ends with its context and with Close", func(t *testing.T, b bench) {
		p := open(t, b, b.wiring())
		for range 20 {
			report(t, p.Buttons()).end(t)
		}
		r := report(t, p.Buttons())
		pass(step)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := r.ended(t); !errors.Is(err, hw.ErrClosed) {
			t.Errorf("Watch: %v", err)
		}
		open(t, b, b.wiring()) // all lines are free again
	}},
	{"lines without a name are told apart", func(t *testing.T, b bench) {
		lines, err := b.Lines()
		if err != nil {
			t.Fatal(err)
		}
		var unnamed []int
		for _, l := range lines {
			if l.Chip == b.chip && l.Name == "" {
				unnamed = append(unnamed, l.Number)
			}
		}
		if len(unnamed) < 2 {
			t.Skip("the chip has no two lines without a name")
		}
		for _, n := range unnamed[:2] {
			b.take(t, n, hw.Drive, gpio.PullNoChange).Out(1, 1)
			if b.level(n) != gpio.High {
				t.Errorf("line %d was not the one that was taken", n)
			}
		}
	}},
	{"a name is a line", func(t *testing.T, b bench) {
		w := b.wiring()
		w.Buttons[0].Line = b.info(t, 0).Name
		open(t, b, w)
		if _, err := b.Request(b.info(t, 0), hw.Level, gpio.PullUp); err == nil {
			t.Errorf("%s is not line 0", w.Buttons[0].Line)
		}
		w.Buttons[0].Line = "no such line"
		if _, err := hw.OpenOn(b, w); err == nil {
			t.Error("a line that isn't there was taken")
		} else {
			t.Log(err)
		}
	}},
}
