package hw_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/systemd/needs"
)

const (
	enough = 5 * time.Second       // for anything that has to come
	step   = 20 * time.Millisecond // between two edges, so that the kernel's thread makes two events of them
)

var conformance = []struct {
	name string
	run  func(*testing.T, bench)
}{
	{"the queue keeps the last edges, numbered, with their times", func(t *testing.T, b bench) {
		e := b.takeEdges(t, 0, gpio.PullUp)
		for i := range hw.QueueLength + 101 { // of some, a busy machine's kernel may make one of two
			b.drive(0, gpio.Level(i%2 == 1))
			pass(step / 4)
		}
		got := b.takeAll(t, e)
		if len(got) != hw.QueueLength || got[0].Seq == 1 || got[len(got)-1].High {
			t.Fatalf("%d edges, the first %v", len(got), got[:1])
		}
		for i, g := range got {
			if g.Seq != got[0].Seq+uint32(i) || i > 0 && g.At.Before(got[i-1].At) {
				t.Fatalf("edge %d is %v, after %v", i, g, got[i-1])
			}
		}
	}},
	{"an edge has the time at which it came", func(t *testing.T, b bench) {
		e := b.takeEdges(t, 0, gpio.PullUp)
		for i := range 5 {
			before := time.Now()
			b.drive(0, gpio.Level(i%2 == 1))
			b.await(t, e)
			after := time.Now()
			pass(step)
			got := b.takeAll(t, e)
			// The pairing of the two clocks may be off by some microseconds.
			if len(got) != 1 || got[0].At.Before(before.Add(-time.Millisecond)) || got[0].At.After(after) {
				t.Errorf("driven from %v to %v: %v", before, after, got)
			}
		}
	}},
	{"an empty queue is no wait", func(t *testing.T, b bench) {
		e := b.takeEdges(t, 0, gpio.PullUp)
		if n, err := e.Take(make([]hw.Edge, 4)); n != 0 || err != nil {
			t.Errorf("%d edges, %v", n, err)
		}
	}},
	{"a wait takes nothing and ends with its context, also one that has ended before", func(t *testing.T, b bench) {
		e := b.takeEdges(t, 0, gpio.PullUp)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- e.Wait(ctx) }()
			pass(step)
			select {
			case err := <-ended:
				t.Fatalf("nothing came, and it ended: %v", err)
			default:
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Wait: %v", err)
			}
			if err := e.Wait(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Wait that comes later: %v", err)
			}
		}
		b.drive(0, gpio.Low)
		for range 3 {
			b.await(t, e)
		}
		if got := b.takeAll(t, e); len(got) != 1 || got[0].High {
			t.Errorf("taken: %v", got)
		}
	}},
	{"the level can be read while somebody waits", func(t *testing.T, b bench) {
		e := b.takeEdges(t, 0, gpio.PullUp)
		ended := make(chan error, 1)
		go func() { ended <- e.Wait(t.Context()) }()
		pass(step)
		if high, err := e.Read(); !high || err != nil {
			t.Errorf("%v, %v", high, err)
		}
		b.drive(0, gpio.Low)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if high, err := e.Read(); high || err != nil {
			t.Errorf("driven low: %v, %v", high, err)
		}
	}},
	{"Close ends a wait and releases the line at once", func(t *testing.T, b bench) {
		for range 20 {
			e := b.takeEdges(t, 0, gpio.PullUp)
			if _, err := b.RequestEdges(b.info(t, 0), gpio.PullUp); err == nil {
				t.Fatal("it could be taken twice")
			}
			ended := make(chan error, 1)
			go func() { ended <- e.Wait(t.Context()) }()
			pass(step)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, os.ErrClosed) {
				t.Errorf("the wait that Close ended: %v", err)
			}
			_, read := e.Read()
			_, took := e.Take(make([]hw.Edge, 1))
			if read == nil || took == nil {
				t.Errorf("after Close: Read %v, Take %v", read, took)
			}
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
	{"what was queued before Watch is fresh while it is young", func(t *testing.T, b bench) {
		p := open(t, b, b.wiring())
		for _, level := range []gpio.Level{gpio.Low, gpio.High} {
			b.drive(0, level)
			pass(2 * step)
		}
		pass(hw.LateAfter)
		r := report(t, p.Buttons())
		r.expect(t, stale(0, true), stale(0, false))
		b.drive(0, gpio.Low)
		r.expect(t, fresh(0, true))
		r.end(t)
	}},
	{"Read comes after the edges before it", func(t *testing.T, b bench) {
		p := open(t, b, b.wiring())
		r := report(t, p.Buttons())
		pass(step)
		for i := range 50 {
			b.drive(0, gpio.Level(i%2 == 1))
			levels, err := p.Buttons().Read()
			if err != nil || levels[0] != (i%2 == 0) || len(r.edges) == 0 {
				t.Fatalf("%d: Read says %v, %v; %d edges", i, levels, err, len(r.edges))
			}
			pass(step)             // or the kernel's thread makes one of two
			for len(r.edges) > 0 { // if the thread is late, there is a synthetic one besides
				if e := <-r.edges; e.input != 0 || e.active != (i%2 == 0) {
					t.Fatalf("%d: %v", i, e)
				}
			}
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
	{"the buzzer sounds and is silent", func(t *testing.T, b bench) {
		w := b.wiring()
		w.Sense, w.Buzzer = nil, &hw.Output{Line: b.line(3)}
		p := open(t, b, w)
		if b.level(3) != gpio.Low {
			t.Error("it sounds after Open")
		}
		if err := p.Buzzer().On(); err != nil || b.level(3) != gpio.High || b.level(2) != gpio.Low {
			t.Errorf("On: %v, level %v, the light's %v", err, b.level(3), b.level(2))
		}
		if err := p.Buzzer().Off(); err != nil || b.level(3) != gpio.Low {
			t.Errorf("Off: %v, level %v", err, b.level(3))
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		open(t, b, w) // its line is free again
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
	{"lines without a name are distinguished", func(t *testing.T, b bench) {
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
			needs.Kernel(t, "a chip with two lines without a name", fmt.Errorf("%s has %d", b.chip, len(unnamed)))
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
		if _, err := b.RequestEdges(b.info(t, 0), gpio.PullUp); err == nil {
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
