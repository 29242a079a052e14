package simpanel

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// heard is one edge as a daemon receives it.
type heard struct {
	input  int
	active bool
	after  time.Duration // since the start of the test
	fresh  bool
}

// listen watches a panel's buttons until the test ends. The returned function returns the edges so
// far.
func listen(t *testing.T, p *Panel) func() []heard {
	t.Helper()
	start := time.Now()
	var all []heard
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := p.Buttons.Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
			all = append(all, heard{input, active, at.Sub(start), fresh})
		})
		if err != nil {
			t.Errorf("watch: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	synctest.Wait()
	return func() []heard { synctest.Wait(); return all }
}

func equal(t *testing.T, got, want []heard) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("heard %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("edge %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func two() *Panel {
	return New(Settings{Buttons: []Button{{Party: "patient"}, {Party: "clinician", Latching: true}}, Door: true,
		Drive: true})
}

func TestPressIsDownForAHundredMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		got := listen(t, p)
		if err := p.Press(t.Context(), "patient"); err != nil {
			t.Fatal(err)
		}
		if p.State().Buttons[0].Pressed {
			t.Error("still pressed after Press returned")
		}
		equal(t, got(), []heard{{0, true, 0, true}, {0, false, PressTime, true}})
	})
}

func TestPressesOfOneButtonNeverTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		got := listen(t, p)
		done := make(chan error)
		for range 2 {
			go func() { done <- p.Press(t.Context(), "patient") }()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		equal(t, got(), []heard{{0, true, 0, true}, {0, false, PressTime, true},
			{0, true, PressTime + Rest, true}, {0, false, 2*PressTime + Rest, true}})
	})
}

func TestPressWaitsForTheFingerOnlyAsLongAsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		go p.Press(t.Context(), "patient")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.Press(ctx, "patient"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second finger got %v", err)
		}
		time.Sleep(time.Second) // the bubble's clock: the first finger has left
		if p.State().Buttons[0].Pressed {
			t.Error("still pressed")
		}
	})
}

func TestLatchingButtonChangesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		got := listen(t, p)
		for _, want := range []bool{true, false, true} {
			if err := p.Press(t.Context(), "clinician"); err != nil {
				t.Fatal(err)
			}
			if now := p.State().Buttons[1].Pressed; now != want {
				t.Errorf("switch is %v, want %v", now, want)
			}
		}
		equal(t, got(), []heard{{1, true, 0, true}, {1, false, 0, true}, {1, true, 0, true}})
		lines, err := p.Buttons.Read()
		if err != nil || len(lines) != 3 || lines[0] || !lines[1] || lines[2] {
			t.Errorf("Read says %v, %v", lines, err)
		}
	})
}

func TestUnknownParty(t *testing.T) {
	p := two()
	if err := p.Press(t.Context(), "visitor"); !errors.Is(err, ErrNoParty) {
		t.Errorf("Press: %v", err)
	}
	if err := p.Hold("visitor", true); !errors.Is(err, ErrNoParty) {
		t.Errorf("Hold: %v", err)
	}
}

func TestDoorIsTheInputBehindTheButtons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		got := listen(t, p)
		if !p.SetDoor(true) || !*p.State().Door {
			t.Error("the door stayed shut")
		}
		equal(t, got(), []heard{{2, true, 0, true}})
		if none := New(Settings{}); none.SetDoor(true) || none.State().Door != nil {
			t.Error("a door where there is none")
		}
	})
}

func TestDrive(t *testing.T) {
	p := two()
	if d := p.State().Drive; d == nil || !*d {
		t.Fatal("the drive isn't in its place at first")
	}
	if !p.SetDrive(false) || *p.State().Drive {
		t.Error("the drive can't be taken away")
	}
	if none := New(Settings{}); none.SetDrive(true) || none.State().Drive != nil {
		t.Error("a drive where there is no place for one")
	}
}

func TestALineThatStaysMakesNoEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		got := listen(t, p)
		for _, pressed := range []bool{false, true, true, false} {
			p.Hold("patient", pressed)
		}
		equal(t, got(), []heard{{0, true, 0, true}, {0, false, 0, true}})
	})
}

func TestASlowReaderLosesTheOldestAndIsTold(t *testing.T) {
	w := &watch{wake: make(chan struct{}, 1)}
	for i := range queued + 2 {
		w.queue(edge{input: i, fresh: true})
	}
	if len(w.edges) != queued || w.edges[0].input != 2 || w.edges[0].fresh || !w.edges[1].fresh {
		t.Errorf("queue is %v", w.edges)
	}
}

func TestChangedTellsOfEveryChange(t *testing.T) {
	p := two()
	for what, do := range map[string]func(){
		"light": func() { p.Light.On() },
		"door":  func() { p.SetDoor(true) },
		"drive": func() { p.SetDrive(false) },
		"power": p.PowerOff,
		"press": func() { p.Hold("patient", true) },
	} {
		changed := p.Changed()
		do()
		select {
		case <-changed:
		default:
			t.Errorf("%s: no notification", what)
		}
	}
}

// Every edge before a Read is handled when it returns, however slow the reader is. None is
// delivered after Watch has returned.
func TestReadComesAfterEveryEarlierEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for busy := range 4 {
			p := two()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			dealt := 0
			go func() {
				ended <- p.Buttons.Watch(ctx, func(int, bool, time.Time, bool) {
					<-time.After(time.Duration(busy) * time.Millisecond)
					dealt++
				})
			}()
			synctest.Wait()
			moved := 0
			for i := range 10 {
				p.Hold("patient", i%2 == 0)
				moved++
				if i%3 == 0 {
					lines, err := p.Buttons.Read()
					if err != nil || dealt != moved || lines[0] != (i%2 == 0) {
						t.Errorf("Read says %v, %v after %d of %d edges", lines, err, dealt, moved)
					}
				}
			}
			read := make(chan struct{})
			go func() { p.Buttons.Read(); close(read) }()
			synctest.Wait()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			before := dealt
			<-read
			if dealt != before {
				t.Errorf("%d edges were delivered after Watch had returned", dealt-before)
			}
		}
	})
}

// A broken door contact is distinguished from a button.
func TestBrokenDoorSaysThatItIsTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		off := errors.New("wire off")
		ended := make(chan error, 1)
		go func() { ended <- p.Buttons.Watch(t.Context(), func(int, bool, time.Time, bool) {}) }()
		synctest.Wait()
		p.Break(Faults{Door: off})
		lines, read := p.Buttons.Read()
		if lines != nil {
			t.Errorf("Read says %v", lines)
		}
		for what, err := range map[string]error{"Read": read, "Watch": <-ended} {
			var of interface{ Input() int }
			if !errors.Is(err, off) || !errors.As(err, &of) || of.Input() != 2 {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestBrokenButtons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := two()
		got := listen(t, p)
		p.Break(Faults{Stale: true, Read: errors.New("wire off")})
		p.Hold("patient", true)
		equal(t, got(), []heard{{0, true, 0, false}})
		if _, err := p.Buttons.Read(); err == nil {
			t.Error("Read reads through a broken wire")
		}
		p.Break(Faults{})
		if _, err := p.Buttons.Read(); err != nil {
			t.Errorf("mended, and Read says %v", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- p.Buttons.Watch(t.Context(), func(int, bool, time.Time, bool) {}) }()
		synctest.Wait()
		off := errors.New("chip gone")
		// The test's listener must not see the fault, since it would fail the test.
		p.mu.Lock()
		p.watches = p.watches[1:]
		p.mu.Unlock()
		p.Break(Faults{Watch: off})
		if err := <-ended; !errors.Is(err, off) {
			t.Errorf("Watch ended with %v", err)
		}
	})
}
