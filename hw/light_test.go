package hw_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// lights is a board with all lights, and the level of a lit line.
func lights(t *testing.T, activeLow bool) (b *hwtest.Board, p *hw.Panel, lit gpio.Level) {
	t.Helper()
	b = hwtest.NewBoard("GPIO5", "GPIO22", "GPIO23", "GPIO24", "GPIO27")
	wired := hw.Wiring{
		Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: true}},
		Light:   hw.Output{Line: "GPIO27", ActiveLow: activeLow},
		Status:  &hw.Output{Line: "GPIO23", ActiveLow: activeLow},
		Buzzer:  &hw.Output{Line: "GPIO24", ActiveLow: activeLow},
		Sense:   &hw.Input{Line: "GPIO22", ActiveLow: activeLow},
	}
	return b, open(t, b, wired), gpio.Level(!activeLow)
}

// changes are the times, relative to a moment, at which a line changed.
func changes(b *hwtest.Board, line string, since time.Time) []time.Duration {
	var at []time.Duration
	for _, c := range b.Past(line) {
		if d := c.At.Sub(since); d >= 0 {
			at = append(at, d)
		}
	}
	return at
}

// every returns n times at a constant distance.
func every(step time.Duration, n int) (at []time.Duration) {
	for i := range n {
		at = append(at, time.Duration(i)*step)
	}
	return at
}

func TestLightIsDarkFromOpenAndGoesOnInOneChange(t *testing.T) {
	for _, activeLow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, p, lit := lights(t, activeLow)
			if b.Level("GPIO27") == lit || b.Level("GPIO23") == lit {
				t.Error("a light is lit after Open")
			}
			pass(time.Second)
			start := time.Now()
			for range 2 { // the second On must not make it dip
				if err := p.Light().On(); err != nil {
					t.Fatal(err)
				}
			}
			if got := changes(b, "GPIO27", start); !slices.Equal(got, every(0, 1)) || b.Level("GPIO27") != lit {
				t.Errorf("On: changes at %v, level %v", got, b.Level("GPIO27"))
			}
			if err := p.Light().Off(); err != nil || b.Level("GPIO27") == lit {
				t.Errorf("Off: %v, level %v", err, b.Level("GPIO27"))
			}
		})
	}
}

func TestLightPatterns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const s, q = time.Second, 200 * time.Millisecond
		b, p, lit := lights(t, false)
		flash := every(q, 6)
		flashes := append(slices.Clone(flash), 12*q, 13*q, 14*q, 15*q, 16*q, 17*q)
		for _, c := range []struct {
			what string
			call func() error
			line string
			want []time.Duration
			last gpio.Level
		}{
			{"light On", p.Light().On, "GPIO27", every(0, 1), lit},
			{"light Pulse", p.Light().Pulse, "GPIO27", every(s/2, 9), lit},
			{"light Flash", p.Light().Flash, "GPIO27", flash, !lit},
			{"light Off", p.Light().Off, "GPIO27", nil, !lit},
			{"status Steady", p.StatusLight().Steady, "GPIO23", every(0, 1), lit},
			{"status Pulse", p.StatusLight().Pulse, "GPIO23", every(s/2, 9), lit},
			{"status Flash", p.StatusLight().Flash, "GPIO23", flashes, !lit},
			{"status Off", p.StatusLight().Off, "GPIO23", nil, !lit},
		} {
			p.Light().Off()
			p.StatusLight().Off()
			pass(s)
			start := time.Now()
			if err := c.call(); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			pass(4*s + q)
			if got := changes(b, c.line, start); !slices.Equal(got, c.want) || b.Level(c.line) != c.last {
				t.Errorf("%s: changes at %v, want %v; level %v", c.what, got, c.want, b.Level(c.line))
			}
		}
	})
}

func TestNextCallEndsTheBlinking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, lit := lights(t, false)
		for i := range 300 { // On and the blink come at the same instant: each goes first at times
			blink, step := p.Light().Pulse, 500*time.Millisecond
			if i%2 == 0 {
				blink, step = p.Light().Flash, 200*time.Millisecond
			}
			if err := blink(); err != nil {
				t.Fatal(err)
			}
			pass(time.Duration(i%4) * step)
			if err := p.Light().On(); err != nil {
				t.Fatal(err)
			}
			start := time.Now().Add(1)
			pass(10 * time.Second)
			if got := changes(b, "GPIO27", start); got != nil || b.Level("GPIO27") != lit {
				t.Fatalf("lit after %d steps of blinking: changes at %v, level %v", i%4, got, b.Level("GPIO27"))
			}
		}
	})
}

func TestLightThatCantBeDrivenIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, _ := lights(t, false)
		b.Fail("GPIO27", hwtest.Out, syscall.EIO)
		for what, call := range map[string]func() error{
			"On": p.Light().On, "Off": p.Light().Off, "Pulse": p.Light().Pulse, "Flash": p.Light().Flash,
		} {
			if err := call(); !errors.Is(err, syscall.EIO) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestFailedBlinkShowsInSenseUntilDrivenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, _ := lights(t, false)
		if err := p.Light().Pulse(); err != nil {
			t.Fatal(err)
		}
		b.Fail("GPIO27", hwtest.Out, syscall.EIO)
		pass(600 * time.Millisecond)
		if _, known, err := p.Light().Sense(); known || !errors.Is(err, syscall.EIO) {
			t.Errorf("Sense: known %v, %v", known, err)
		}
		b.Fail("GPIO27", hwtest.Out, nil)
		pass(500 * time.Millisecond)
		if _, known, err := p.Light().Sense(); !known || err != nil {
			t.Errorf("Sense after a good blink: known %v, %v", known, err)
		}
		b.Fail("GPIO27", hwtest.Out, syscall.EIO)
		pass(500 * time.Millisecond)
		b.Fail("GPIO27", hwtest.Out, nil)
		if err := p.Light().On(); err != nil {
			t.Error(err)
		}
		if _, known, err := p.Light().Sense(); !known || err != nil {
			t.Errorf("Sense after On: known %v, %v", known, err)
		}
	})
}

func TestSenseSeesWhatTheLightDoes(t *testing.T) {
	for _, activeLow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, p, _ := lights(t, activeLow)
			b.Connect("GPIO27", "GPIO22")
			for _, c := range []struct {
				call func() error
				want bool
			}{{p.Light().On, true}, {p.Light().Off, false}} {
				if err := c.call(); err != nil {
					t.Fatal(err)
				}
				if lit, known, err := p.Light().Sense(); lit != c.want || !known || err != nil {
					t.Errorf("Sense: %v, %v, %v; want %v", lit, known, err, c.want)
				}
			}
		})
	}
}

// A broken sense wire reads dark, so a light that should be lit is reported.
func TestCutSenseWireReadsDark(t *testing.T) {
	for _, activeLow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			_, p, _ := lights(t, activeLow)
			p.Light().On()
			if lit, known, err := p.Light().Sense(); lit || !known || err != nil {
				t.Errorf("Sense: %v, %v, %v", lit, known, err)
			}
		})
	}
}

func TestSenseErrorIsNeverLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, _ := lights(t, true)
		b.Fail("GPIO22", hwtest.Read, syscall.EIO)
		if lit, known, err := p.Light().Sense(); lit || known || !errors.Is(err, syscall.EIO) {
			t.Errorf("Sense: %v, %v, %v", lit, known, err)
		}
		_, plain := oneButton(t)
		if lit, known, err := plain.Light().Sense(); lit || known || err != nil {
			t.Errorf("without a sense line: %v, %v, %v", lit, known, err)
		}
	})
}

func TestOutputsAreNeverRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, _ := lights(t, false)
		w := startWatch(p.Buttons(), nil)
		defer w.stop()
		p.Light().Pulse()
		p.StatusLight().Flash()
		for range 100 {
			pass(time.Second)
			p.Light().Sense()
			p.Buttons().Read()
		}
		if n := b.OutputReads(); n > 0 {
			t.Errorf("outputs were read %d times", n)
		}
	})
}

func TestCloseDarkensTheLights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, lit := lights(t, true)
		b.KeepsLevel = true
		p.Light().On()
		p.StatusLight().Pulse()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		pass(time.Minute)
		if b.Level("GPIO27") == lit || b.Level("GPIO23") == lit {
			t.Error("a light is lit after Close")
		}
		for _, call := range []func() error{p.Light().On, p.Light().Pulse, p.StatusLight().Steady} {
			if err := call(); !errors.Is(err, hw.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		if err := p.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

// A line that can't be driven is released all the same.
func TestCloseOfABrokenLightReleasesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, _ := lights(t, false)
		b.Fail("GPIO27", hwtest.Out, syscall.EIO)
		if err := p.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Close: %v", err)
		}
		if b.Held("GPIO27") || b.Held("GPIO23") {
			t.Error("a light is still held")
		}
	})
}

func TestLightsOutAfterAKill(t *testing.T) {
	for _, keeps := range []bool{false, true} { // what becomes of a released output depends on the kernel
		synctest.Test(t, func(t *testing.T) {
			b, p, lit := lights(t, false)
			b.KeepsLevel = keeps
			b.Drive("GPIO27", gpio.Low) // the resistor at the driver
			b.Drive("GPIO23", gpio.Low)
			wired := wiring()
			wired.Status = &hw.Output{Line: "GPIO23"}
			p.Light().On()
			p.StatusLight().Steady()
			if err := hw.LightsOutOn(b, wired); err == nil {
				t.Error("the lights of a running daemon were put out")
			}
			b.Kill()
			if keeps != (b.Level("GPIO27") == lit) {
				t.Errorf("after the kill the light is %v", b.Level("GPIO27"))
			}
			if err := hw.LightsOutOn(b, wired); err != nil {
				t.Error(err)
			}
			if b.Level("GPIO27") == lit || b.Level("GPIO23") == lit {
				t.Error("a light is still lit")
			}
			if b.Held("GPIO27") || b.Held("GPIO23") {
				t.Error("a light is still held")
			}
		})
	}
}

func TestLightsOutTriesEachLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO23", "GPIO27")
		b.KeepsLevel = true
		wired := hw.Wiring{Light: hw.Output{Line: "GPIO99"}, Status: &hw.Output{Line: "GPIO23", ActiveLow: true}}
		if err := hw.LightsOutOn(b, wired); err == nil {
			t.Error("no error for a light that isn't there")
		}
		if b.Level("GPIO23") != gpio.High {
			t.Error("the other light was not put out")
		}
	})
}
