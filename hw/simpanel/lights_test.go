package simpanel

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pattern samples a lamp every 50 ms, in the middle of each step.
func pattern(lit func() bool, steps int) string {
	var s []byte
	time.Sleep(25 * time.Millisecond)
	for range steps {
		if lit() {
			s = append(s, '#')
		} else {
			s = append(s, '.')
		}
		time.Sleep(50 * time.Millisecond)
	}
	return string(s)
}

func TestThreeFlashesAndDark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Settings{Sense: true})
		must(t, p.Light.Flash())
		if g := p.State().Light; g != Flash {
			t.Errorf("while flashing it is %q", g)
		}
		changed := p.Changed()
		if got, want := pattern(p.Light.Lit, 28), "####....####....####........"; got != want {
			t.Errorf("flashes\n%s, want\n%s", got, want)
		}
		select {
		case <-changed:
		default:
			t.Error("no notification that the flashes ended")
		}
		if g := p.State().Light; g != Off {
			t.Errorf("after the flashes it is %q", g)
		}
	})
}

func TestPulseIsOneHertzUntilDrivenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Settings{})
		must(t, p.Light.Pulse())
		if got, want := pattern(p.Light.Lit, 40), "##########..........##########.........."; got != want {
			t.Errorf("pulses\n%s, want\n%s", got, want)
		}
		if g := p.State().Light; g != Pulse {
			t.Errorf("it is %q", g)
		}
		must(t, p.Light.On())
		if g := p.State().Light; g != On || !p.Light.Lit() {
			t.Errorf("driven on, it is %q", g)
		}
		must(t, p.Light.Off())
		if g := p.State().Light; g != Off || p.Light.Lit() {
			t.Errorf("driven off, it is %q", g)
		}
	})
}

func TestStatusLightRepeatsItsFlashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Settings{StatusLight: true})
		must(t, p.StatusLight.Flash())
		lit := func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.StatusLight.lamp.lit() }
		if got, want := pattern(lit, 48), "####....####....####....................####...."; got != want {
			t.Errorf("flashes\n%s, want\n%s", got, want)
		}
		for g, drive := range map[Glow]func() error{On: p.StatusLight.Steady, Pulse: p.StatusLight.Pulse,
			Flash: p.StatusLight.Flash, Off: p.StatusLight.Off} {
			must(t, drive())
			if now := p.State().StatusLight; now != g {
				t.Errorf("it is %q, want %q", now, g)
			}
		}
		if New(Settings{}).State().StatusLight != None {
			t.Error("a status light where none is fitted")
		}
	})
}

func TestBuzzerSounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Settings{Buzzer: true})
		for range 2 {
			must(t, p.Buzzer.On())
			must(t, p.Buzzer.On()) // the same tone
			if s := p.State(); s.Buzzer != On {
				t.Errorf("driven on, it is %q", s.Buzzer)
			}
			time.Sleep(150 * time.Millisecond)
			must(t, p.Buzzer.Off())
			time.Sleep(time.Second)
		}
		tones := p.Buzzer.Tones()
		if s := p.State(); s.Buzzer != Off || s.Tones != 2 || len(tones) != 2 || tones[1].For != 150*time.Millisecond ||
			tones[1].At.Sub(tones[0].At) != 1150*time.Millisecond {
			t.Errorf("it is %q after the tones %v", s.Buzzer, tones)
		}
		for range mostTones + 5 {
			must(t, p.Buzzer.On())
			must(t, p.Buzzer.Off())
		}
		if n := len(p.Buzzer.Tones()); n != mostTones {
			t.Errorf("it remembers %d tones", n)
		}
		must(t, p.Buzzer.On())
		off := errors.New("wire off")
		p.Break(Faults{Buzzer: off})
		if err := p.Buzzer.Off(); !errors.Is(err, off) || p.State().Buzzer != On {
			t.Errorf("through a broken wire: %v, and it is %q", err, p.State().Buzzer)
		}
		p.PowerOff()
		if p.State().Buzzer != Off {
			t.Error("it sounds without power")
		}
		if New(Settings{}).State().Buzzer != None {
			t.Error("a buzzer where none is fitted")
		}
	})
}

func TestEachTimeTheLightIsDrivenCanBeTold(t *testing.T) {
	p := New(Settings{})
	before := p.State().LightTurn
	must(t, p.Light.Flash())
	first := p.State().LightTurn
	must(t, p.Light.Flash())
	if second := p.State().LightTurn; first == before || second == first {
		t.Errorf("turns %d, %d, %d", before, first, second)
	}
}

func TestSenseReadsWhatTheLightDoes(t *testing.T) {
	p := New(Settings{Sense: true})
	for range 2 {
		must(t, p.Light.On())
		if lit, known, err := p.Light.Sense(); !lit || !known || err != nil {
			t.Errorf("lit, and Sense says %v, %v, %v", lit, known, err)
		}
		must(t, p.Light.Off())
		if lit, known, err := p.Light.Sense(); lit || !known || err != nil {
			t.Errorf("dark, and Sense says %v, %v, %v", lit, known, err)
		}
	}
	if _, known, _ := New(Settings{}).Light.Sense(); known {
		t.Error("a sense line where none is fitted")
	}
}

func TestBrokenLight(t *testing.T) {
	p := New(Settings{Sense: true, StatusLight: true})
	off := errors.New("wire off")
	must(t, p.Light.On())
	p.Break(Faults{Light: off, StatusLight: off})
	for _, drive := range []func() error{p.Light.Off, p.Light.Pulse, p.Light.Flash, p.StatusLight.Steady} {
		if err := drive(); !errors.Is(err, off) {
			t.Errorf("driven through a broken wire: %v", err)
		}
	}
	if g := p.State().Light; g != On {
		t.Errorf("it didn't stay as it was: %q", g)
	}
	p.Break(Faults{Blown: true})
	must(t, p.Light.On())
	if lit, _, _ := p.Light.Sense(); lit || p.Light.Lit() || p.State().Light != Off {
		t.Error("a blown light shines")
	}
	stuck := true
	p.Break(Faults{SenseStuck: &stuck})
	must(t, p.Light.Off())
	if lit, known, err := p.Light.Sense(); !lit || !known || err != nil {
		t.Errorf("a stuck sense line says %v, %v, %v", lit, known, err)
	}
	p.Break(Faults{Sense: off})
	if _, _, err := p.Light.Sense(); !errors.Is(err, off) {
		t.Errorf("a broken sense line says %v", err)
	}
	p.Break(Faults{})
	if lit, _, err := p.Light.Sense(); lit || err != nil {
		t.Errorf("mended, and Sense says %v, %v", lit, err)
	}
}

func TestPowerOffMakesBothDark(t *testing.T) {
	p := New(Settings{StatusLight: true})
	must(t, p.Light.On())
	must(t, p.StatusLight.Steady())
	p.PowerOff()
	if s := p.State(); s.Light != Off || s.StatusLight != Off {
		t.Errorf("without power: %v", s)
	}
}

// The sense line reads what a person sees, unless it has a fault.
func TestWhatTheSenseLineReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := New(Settings{}).State().Sense; got != None {
			t.Errorf("without a sense line: %s", got)
		}
		p := New(Settings{Sense: true})
		yes, no := true, false
		for _, c := range []struct {
			drive  func() error
			faults Faults
			want   Glow
		}{
			{p.Light.Off, Faults{}, Off},
			{p.Light.On, Faults{}, On},
			{p.Light.Pulse, Faults{}, Pulse},
			{p.Light.Flash, Faults{}, Flash},
			{p.Light.On, Faults{Blown: true}, Off},
			{p.Light.On, Faults{SenseStuck: &no}, Off},
			{p.Light.Off, Faults{SenseStuck: &yes}, On},
			{p.Light.On, Faults{Sense: errors.New("cut wire")}, Unread},
		} {
			must(t, c.drive())
			changed := p.Changed()
			p.Break(c.faults)
			select {
			case <-changed:
			default:
				t.Errorf("no notification of %+v", c.faults)
			}
			if got := p.State().Sense; got != c.want {
				t.Errorf("with %+v it reads %s, want %s", c.faults, got, c.want)
			}
		}
	})
}
