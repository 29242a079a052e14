package hw_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// The buzzer is silent from Open until it is switched on, and after Close.
func TestBuzzer(t *testing.T) {
	for _, activeLow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, p, on := lights(t, activeLow)
			b.KeepsLevel = true
			silent := func(when string) {
				t.Helper()
				if b.Level("GPIO24") == on {
					t.Errorf("the buzzer sounds %s", when)
				}
			}
			silent("after Open")
			if err := p.Buzzer().On(); err != nil || b.Level("GPIO24") != on {
				t.Errorf("On: %v, level %v", err, b.Level("GPIO24"))
			}
			if err := p.Buzzer().Off(); err != nil {
				t.Error(err)
			}
			silent("after Off")
			pass(time.Second)
			start := time.Now()
			if err := p.Buzzer().Probe(); err != nil {
				t.Error(err)
			}
			if got := changes(b, "GPIO24", start); !slices.Equal(got, []time.Duration{0, 150 * time.Millisecond}) {
				t.Errorf("a probe changes it at %v", got)
			}
			b.Fail("GPIO24", hwtest.Out, syscall.EIO)
			if err := p.Buzzer().On(); !errors.Is(err, syscall.EIO) {
				t.Errorf("On of a broken line: %v", err)
			}
			b.Fail("GPIO24", hwtest.Out, nil)
			p.Buzzer().On()
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			silent("after Close")
			if b.Held("GPIO24") {
				t.Error("its line is still held")
			}
			if err := p.Buzzer().On(); !errors.Is(err, hw.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

// A killed daemon may leave the tone on.
func TestLightsOutSilencesTheBuzzer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, on := lights(t, false)
		b.KeepsLevel = true
		p.Buzzer().On()
		b.Kill()
		if b.Level("GPIO24") != on {
			t.Error("the fake kernel lost the level")
		}
		wired := hw.Wiring{Light: hw.Output{Line: "GPIO27"}, Buzzer: &hw.Output{Line: "GPIO24"}}
		if err := hw.LightsOutOn(b, wired); err != nil || b.Level("GPIO24") == on {
			t.Errorf("it still sounds: %v", err)
		}
		wired.Buzzer.Line = "GPIO27"
		wired.Buttons = []hw.Input{{Line: "GPIO5"}}
		if _, err := hw.OpenOn(b, wired); err == nil {
			t.Error("the buzzer took the light's line")
		}
		if _, plain := oneButton(t); plain.Buzzer() != nil {
			t.Error("a buzzer that isn't wired")
		}
	})
}
