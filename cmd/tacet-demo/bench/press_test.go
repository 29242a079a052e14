package bench_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/cmd/tacet-demo/power"
	"tacet/hw/simpanel"
)

// watch notes, at the panel itself, when a button was released, and when the light came on after
// it.
type watch struct {
	mu       sync.Mutex // guards all below
	pressed  bool
	lit      bool
	released time.Time
	took     chan time.Duration
}

func (w *watch) see(l simpanel.Levels) {
	lines, plain := l.Lines()
	lit, _, _ := l.Sense()
	if !plain {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.pressed && !lines[0] {
		w.released = now
	}
	if lit && !w.lit {
		w.took <- now.Sub(w.released)
	}
	w.pressed, w.lit = lines[0], lit
}

// BenchmarkPress measures, at the panel, how long after the release that gives consent the light
// comes on, beyond the debounce time. The unit is a process of its own, as in the demo.
func BenchmarkPress(b *testing.B) {
	const presses, debounce, rest = 20, 30 * time.Millisecond, 4 * time.Second
	room := audiotest.NewPulse(b)
	room.Setenv(b)
	unit := demotest.NewUnit(b, demotest.Settings{Device: audiotest.Device, Parties: []string{"room"}})
	front := simpanel.New(simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}, Sense: true, StatusLight: true})
	w := &watch{took: make(chan time.Duration, presses+1)}
	defer front.Mirror(w.see)()
	supply := power.New([]string{demotest.Program("tacet-demo"), "unit", "-config", unit.Config, "-dir", unit.Dir, "-mic",
		audiotest.Device},
		front, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- supply.Run(ctx) }()
	phase := func(p string) {
		for late := time.After(time.Minute); ; {
			changed := supply.Changed()
			if supply.Status().Phase == p {
				return
			}
			select {
			case <-changed:
			case <-late:
				b.Fatalf("it is %q, not %s", supply.Status().Phase, p)
			}
		}
	}
	var beyond []float64
	var worst float64
	for range presses {
		phase("idle")
		<-time.After(rest) // presses count as nothing for 3 s
		for _, until := range []string{"recording", "idle"} {
			if err := front.Press(ctx, "room"); err != nil {
				b.Fatal(err)
			}
			phase(until)
		}
		ms := (<-w.took - debounce).Seconds() * 1000
		beyond, worst = append(beyond, ms), max(worst, ms)
	}
	cancel()
	<-ended
	measured("from a release to the light, beyond the debounce time", median(beyond), 10, "ms")
	measured("– the worst of 20", worst, 0, "ms")
}
