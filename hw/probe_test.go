package hw_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
)

// The light flashes three times and is lit for two seconds, and the sense line proves it.
func TestProbeOfTheLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, lit := lights(t, false)
		b.Connect("GPIO27", "GPIO22")
		start := time.Now()
		ran := 0
		proved, err := p.Light().Probe(t.Context(), func(context.Context) bool {
			ran++
			if b.Level("GPIO27") != lit {
				t.Error("it runs in the dark")
			}
			return true
		})
		if err != nil || !proved || ran != 1 {
			t.Errorf("proved %v, ran %d times, %v", proved, ran, err)
		}
		if n := len(changes(b, "GPIO27", start)); n != 8 {
			t.Errorf("the light changed %d times", n)
		}
		if took := time.Since(start); b.Level("GPIO27") == lit || took < 3200*time.Millisecond {
			t.Errorf("it ended after %v, the light %v", took, b.Level("GPIO27"))
		}
		// If the microphone may be open, the light stays on.
		if _, err := p.Light().Probe(t.Context(), func(context.Context) bool { return false }); err != nil ||
			b.Level("GPIO27") != lit {
			t.Errorf("the light is %v, %v", b.Level("GPIO27"), err)
		}
	})
}

func TestProbeOfALightThatIsNotSeen(t *testing.T) {
	never := func(context.Context) bool { panic("it runs without a light") }
	for want, wire := range map[string]gpio.Level{
		"the light was switched to lit, but the sense line GPIO22 sees it dark": gpio.Low,
		"the light was switched to dark, but the sense line GPIO22 sees it lit": gpio.High,
	} {
		synctest.Test(t, func(t *testing.T) {
			b, p, lit := lights(t, false)
			b.Drive("GPIO22", wire)
			if _, err := p.Light().Probe(t.Context(), never); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
			if b.Level("GPIO27") == lit {
				t.Error("the light stays on")
			}
		})
	}
	// The light goes out while the function runs, whose context ends.
	synctest.Test(t, func(t *testing.T) {
		b, p, _ := lights(t, false)
		b.Connect("GPIO27", "GPIO22")
		_, err := p.Light().Probe(t.Context(), func(ctx context.Context) bool {
			b.Drive("GPIO22", gpio.Low)
			out := time.Now()
			<-ctx.Done()
			if took := time.Since(out); took > 100*time.Millisecond {
				t.Errorf("the context ended after %v", took)
			}
			return true
		})
		if err == nil || !strings.Contains(err.Error(), "saw the light go out") {
			t.Errorf("%v", err)
		}
	})
	// After an interruption it is dark.
	synctest.Test(t, func(t *testing.T) {
		b, p, lit := lights(t, false)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := p.Light().Probe(ctx, never); !errors.Is(err, context.DeadlineExceeded) || b.Level("GPIO27") == lit {
			t.Errorf("%v, light %v", err, b.Level("GPIO27"))
		}
	})
}

func TestNextChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, _ := lights(t, false)
		for _, active := range []bool{true, false} {
			time.AfterFunc(time.Second, func() { b.Drive("GPIO5", gpio.Level(!active)) })
			input, got, err := p.Buttons().Next(t.Context())
			if err != nil || input != 0 || got != active {
				t.Errorf("input %d, active %v, %v", input, got, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := p.Buttons().Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		p.Close()
		if _, _, err := p.Buttons().Next(t.Context()); !errors.Is(err, hw.ErrClosed) {
			t.Errorf("of a closed panel: %v", err)
		}
	})
}
