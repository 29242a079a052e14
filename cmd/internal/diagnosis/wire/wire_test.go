package wire_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/cmd/internal/diagnosis/wire"
	"tacet/hw"
	"tacet/hw/hwtest"
)

// screen is what was printed.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// take returns what was printed since the last call.
func (s *screen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.text.Reset()
	return s.text.String()
}

var inputs = []wire.Input{
	{Name: "button of patient", Line: "GPIO5", Pin: 29, ActiveLow: true, Active: "pressed", Inactive: "not pressed"},
	{Name: "sense line", Line: "GPIO22", Pin: 15, Active: "lit", Inactive: "dark"},
}

func open(t *testing.T) (*hwtest.Board, *hw.Panel) {
	t.Helper()
	b := hwtest.NewBoard("GPIO5", "GPIO22", "GPIO27")
	p, err := hw.OpenOn(b, hw.Wiring{Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: true, Role: "button of patient"},
		{Line: "GPIO22", Role: "sense line"}}, Light: hw.Output{Line: "GPIO27"}})
	if err != nil {
		t.Fatal(err)
	}
	return b, p
}

// In a pipe there is a row for each line, and then one for each change, with the time of the edge.
func TestShowInAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := open(t)
		defer p.Close()
		ctx, cancel := context.WithCancel(t.Context())
		out := &screen{}
		ended := make(chan error)
		go func() { ended <- wire.Show(ctx, p.Buttons(), inputs, out, false) }()
		see := func(what string, want ...string) {
			t.Helper()
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
			got := strings.Split(strings.TrimSuffix(out.take(), "\n"), "\n")
			if len(got) != len(want) {
				t.Fatalf("%s: %q", what, got)
			}
			for i, line := range got {
				if fields := strings.Join(strings.Fields(line), " "); !strings.HasPrefix(fields, want[i]) {
					t.Errorf("%s: %q, want %q", what, fields, want[i])
				}
			}
		}
		see("at first", "input line pin level reads as edges last edge",
			"button of patient GPIO5 29 high not pressed 0 -", "sense line GPIO22 15 low dark 0 -")
		at := time.Now()
		b.Drive("GPIO5", gpio.Low)
		see("pressed", "button of patient GPIO5 29 low pressed 1 "+at.Format("15:04:05.000"))
		for range 10 { // it bounces
			b.Float("GPIO5")
			b.Drive("GPIO5", gpio.Low)
		}
		b.Float("GPIO5")
		see("released", "button of patient GPIO5 29 high not pressed 22 ")
		b.Drive("GPIO22", gpio.High)
		see("lit", "sense line GPIO22 15 high lit 1 ")
		see("nothing", "")
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Ctrl-C: %v", err)
		}
	})
}

// A terminal shows the rows in place of the last ones.
func TestShowRedraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := open(t)
		defer p.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := &screen{}
		ended := make(chan error)
		go func() { ended <- wire.Show(ctx, p.Buttons(), inputs, out, true) }()
		time.Sleep(time.Second)
		out.take()
		b.Drive("GPIO22", gpio.High)
		time.Sleep(time.Second)
		if got := out.take(); !strings.HasPrefix(got, "\x1b[2Abutton of patient") || strings.Count(got, "\x1b[K\n") != 2 {
			t.Errorf("%q", got)
		}
		cancel()
		<-ended
	})
}

// A line that breaks ends it, and is named. So does a reader that has gone.
func TestShowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := open(t)
		defer p.Close()
		ended := make(chan error)
		go func() { ended <- wire.Show(t.Context(), p.Buttons(), inputs, &screen{}, false) }()
		time.Sleep(200 * time.Millisecond)
		b.Fail("GPIO22", hwtest.Read, syscall.EIO)
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "sense line: read line GPIO22") {
			t.Errorf("%v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, p := open(t)
		defer p.Close()
		if err := wire.Show(t.Context(), p.Buttons(), inputs, gone{}, false); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("into a closed pipe: %v", err)
		}
		if err := wire.Show(t.Context(), p.Buttons(), inputs[:1], &screen{}, false); err == nil {
			t.Error("two lines are shown as one input")
		}
	})
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, syscall.EPIPE }
