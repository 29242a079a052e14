package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tacet/cmd/tacet-demo/page"
	"tacet/hw/simpanel"
)

// joined returns a panel, and the unit's end of a connection to it.
func joined(t *testing.T, s simpanel.Settings, report func(page.Status)) (*simpanel.Panel, *Front, net.Conn) {
	t.Helper()
	p := simpanel.New(s)
	w, err := NewWindow()
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	served := make(chan struct{})
	go func() { defer close(served); Serve(context.Background(), here, w, p, report) }()
	t.Cleanup(func() { there.Close(); <-served; w.Close() })
	return p, Connect(there, w), there
}

func TestLightsAcrossTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f, _ := joined(t, simpanel.Settings{Sense: true, StatusLight: true}, nil)
		s := StatusLight{f}
		for _, step := range []struct {
			do            func() error
			light, status simpanel.Glow
		}{
			{f.On, simpanel.On, simpanel.Off},
			{f.Pulse, simpanel.Pulse, simpanel.Off},
			{f.Flash, simpanel.Flash, simpanel.Off},
			{f.Off, simpanel.Off, simpanel.Off},
			{s.Steady, simpanel.Off, simpanel.On},
			{s.Pulse, simpanel.Off, simpanel.Pulse},
			{s.Flash, simpanel.Off, simpanel.Flash},
			{s.Off, simpanel.Off, simpanel.Off},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			if now := p.State(); now.Light != step.light || now.StatusLight != step.status {
				t.Errorf("lights are %q and %q, want %q and %q", now.Light, now.StatusLight, step.light, step.status)
			}
		}
		f.On()
		if lit, known, err := f.Sense(); !lit || !known || err != nil {
			t.Errorf("Sense says %v, %v, %v", lit, known, err)
		}
		p.Break(simpanel.Faults{Light: errors.New("wire off"), Sense: errors.New("wire off")})
		if err := f.Off(); err == nil || err.Error() != "wire off" {
			t.Errorf("a fault came across as %v", err)
		}
		if _, known, err := f.Sense(); !known || err == nil {
			t.Errorf("a broken sense line came across as %v, %v", known, err)
		}
	})
}

func TestBuzzerAcrossTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f, _ := joined(t, simpanel.Settings{Buzzer: true}, nil)
		b := Buzzer{f}
		if err := b.On(); err != nil || p.State().Buzzer != simpanel.On {
			t.Errorf("it is %q: %v", p.State().Buzzer, err)
		}
		if err := b.Off(); err != nil || p.State().Buzzer != simpanel.Off {
			t.Errorf("it is %q: %v", p.State().Buzzer, err)
		}
		p.Break(simpanel.Faults{Buzzer: errors.New("wire off")})
		if err := b.On(); err == nil || err.Error() != "wire off" {
			t.Errorf("a fault came across as %v", err)
		}
		_, none, _ := joined(t, simpanel.Settings{}, nil)
		if err := (Buzzer{none}).On(); err == nil {
			t.Error("a buzzer that isn't there sounds")
		}
	})
}

func TestNoStatusLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, _ := joined(t, simpanel.Settings{}, nil)
		if err := (StatusLight{f}).Steady(); err == nil {
			t.Error("a light that isn't there was lit")
		}
		if _, known, err := f.Sense(); known || err != nil {
			t.Errorf("a sense line that isn't there: %v, %v", known, err)
		}
	})
}

func TestButtonsAcrossTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f, _ := joined(t, simpanel.Settings{Buttons: []simpanel.Button{{Party: "patient"}, {Party: "clinician"}},
			Door: true}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var edges []Edge
		ended := make(chan error)
		go func() {
			ended <- f.Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
				if !at.Equal(time.Now()) {
					t.Errorf("an edge of %v arrived at %v", at, time.Now())
				}
				edges = append(edges, Edge{Input: input, Active: active, Fresh: fresh})
			})
		}()
		synctest.Wait()
		if err := p.Press(t.Context(), "clinician"); err != nil {
			t.Fatal(err)
		}
		p.SetDoor(true)
		synctest.Wait()
		if want := []Edge{{1, true, 0, true}, {1, false, 0, true}, {2, true, 0, true}}; !slices.Equal(edges, want) {
			t.Errorf("edges %v, want %v", edges, want)
		}
		if lines, err := f.Read(); err != nil || !slices.Equal(lines, []bool{false, false, true}) {
			t.Errorf("Read says %v, %v", lines, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Watch ended with %v", err)
		}
	})
}

func init() { monotonic = func() time.Duration { return time.Duration(time.Now().UnixNano()) } }

// A busy unit still learns when an edge happened, so a press keeps its length.
func TestALateEdgeKeepsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f, _ := joined(t, simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var at []time.Duration
		ended := make(chan error)
		go func() {
			ended <- f.Watch(ctx, func(_ int, _ bool, t time.Time, _ bool) {
				at = append(at, t.Sub(start))
				<-time.After(300 * time.Millisecond)
			})
		}()
		synctest.Wait()
		if err := p.Press(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		cancel()
		<-ended
		if len(at) != 2 || at[1]-at[0] != simpanel.PressTime {
			t.Errorf("edges at %v of a press of %s", at, simpanel.PressTime)
		}
	})
}

// Reading the lines and the light wakes nobody at the other end.
func TestLinesAndLightAreReadThroughTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f, there := joined(t, simpanel.Settings{Buttons: []simpanel.Button{{Party: "patient"}, {Party: "clinician"}},
			Sense: true}, nil)
		if err := f.On(); err != nil {
			t.Fatal(err)
		}
		f.client.Close() // nobody answers any more
		p.Hold("clinician", true)
		if lines, err := f.Read(); err != nil || !slices.Equal(lines, []bool{false, true}) {
			t.Errorf("Read says %v, %v", lines, err)
		}
		if lit, known, err := f.Sense(); !lit || !known || err != nil {
			t.Errorf("Sense says %v, %v, %v", lit, known, err)
		}
		there.Close()
	})
}

func TestTheUnitCannotWriteToItsWindow(t *testing.T) {
	w, err := NewWindow()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	fd, err := unix.Dup(int(w.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	unit, err := OpenWindow(os.NewFile(uintptr(fd), "window"))
	if err != nil {
		t.Fatal(err)
	}
	defer unit.Close()
	w.show(7)
	if got := unit.look(); got != 7 {
		t.Errorf("the unit sees %d, want 7", got)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil {
			t.Error("the unit wrote to its window")
		}
	}()
	unit.page[0] = 8
}

func TestABrokenWatchComesAcross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, f, _ := joined(t, simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}}, nil)
		ended := make(chan error)
		go func() { ended <- f.Watch(t.Context(), func(int, bool, time.Time, bool) {}) }()
		synctest.Wait()
		p.Break(simpanel.Faults{Watch: errors.New("chip gone")})
		if err := <-ended; err == nil || err.Error() != "chip gone" {
			t.Errorf("Watch ended with %v", err)
		}
		if err := f.Watch(t.Context(), func(int, bool, time.Time, bool) {}); err == nil {
			t.Error("a second Watch gets no error")
		}
	})
}

func TestReportsArriveWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan page.Status, 1)
		_, f, _ := joined(t, simpanel.Settings{}, func(s page.Status) { got <- s })
		sent := page.Status{Power: true, Phase: "waiting", Since: time.Now().UTC(), Consented: []bool{true, false},
			Recording: "7q4k9mz2ha", Warnings: []page.Warning{{Code: "mic-missing", Title: "a", Text: "b", Do: "c",
				Details: []string{"d"}}}}
		if err := f.Report(sent); err != nil {
			t.Fatal(err)
		}
		s := <-got
		if !reflect.DeepEqual(s, sent) {
			t.Errorf("arrived as %+v", s)
		}
	})
}

func TestTheUnitLearnsThatTheFrontIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f, there := joined(t, simpanel.Settings{}, nil)
		ended := make(chan error)
		go func() { ended <- f.Watch(t.Context(), func(int, bool, time.Time, bool) {}) }()
		synctest.Wait()
		select {
		case <-f.Gone():
			t.Fatal("gone before it went")
		default:
		}
		there.Close()
		if err := <-ended; err == nil {
			t.Error("Watch goes on without a front")
		}
		<-f.Gone()
		if err := f.On(); err == nil {
			t.Error("a light that isn't there was lit")
		}
	})
}
