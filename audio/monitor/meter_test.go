package monitor_test

import (
	"math"
	"testing"

	"tacet/audio/audiotest"
	"tacet/audio/monitor"
	"tacet/systemd/needs"
)

const rate = 16000

// heard is the share of a signal's 100 ms blocks with sound, after the first second.
func heard(signal []float64, from, to float64) float64 {
	m := monitor.Meter{Rate: rate, Channels: 1}
	samples := audiotest.Samples(signal)
	n, sounds := 0, 0
	for at := 0; at+rate/10 <= len(samples); at += rate / 10 {
		sound, _ := m.Block(samples[at : at+rate/10])
		if t := float64(at) / rate; t < from || t >= to {
			continue
		}
		n++
		if sound {
			sounds++
		}
	}
	return float64(sounds) / float64(n) // of nothing it is no number, and passes no test
}

func room(seconds int, level float64) []float64 {
	n := seconds * rate
	return audiotest.Mix(make([]float64, n), audiotest.Decibels(level), audiotest.Pink(7, n))
}

// syllables is a speaker who talks for three of every five seconds, with four syllables per second.
func syllables(seconds int, level float64) []float64 {
	out := make([]float64, seconds*rate)
	noise := audiotest.White(3, len(out))
	for i := range out {
		t := float64(i) / rate
		if math.Mod(t, 5) < 3 {
			out[i] = audiotest.Decibels(level) * noise[i] * max(0, math.Sin(2*math.Pi*4*t))
		}
	}
	return out
}

func TestMeterHearsNobodyInAnEmptyRoom(t *testing.T) {
	ticks := make([]float64, 60*rate)
	for i := 0; i < len(ticks); i += rate {
		for k := range rate / 100 {
			ticks[i+k] = 0.1 * math.Sin(float64(k))
		}
	}
	slow := audiotest.Pink(9, 60*rate) // a fan whose speed wanders
	for i := range slow {
		slow[i] *= audiotest.Decibels(-40 + 2*math.Sin(2*math.Pi*0.5*float64(i)/rate))
	}
	for name, signal := range map[string][]float64{
		"very quiet":   room(60, -80),
		"quiet":        room(60, -60),
		"a fan":        room(60, -30),
		"a slow fan":   slow,
		"hum":          audiotest.Mix(room(60, -60), 0.05, audiotest.Hum(50, rate, 60*rate)),
		"a clock":      audiotest.Mix(room(60, -60), 1, ticks),
		"dead silence": make([]float64, 60*rate),
	} {
		if part := heard(signal, 0, 60); part != 0 {
			t.Errorf("%s: sound in %.1f %% of the time", name, part*100)
		}
	}
}

func TestMeterHearsSpeech(t *testing.T) {
	for name, signal := range map[string][]float64{
		"in a quiet room": audiotest.Mix(room(40, -65), 1, syllables(40, -40)),
		"far away":        audiotest.Mix(room(40, -70), 1, syllables(40, -52)),
		"beside a fan":    audiotest.Mix(room(40, -45), 1, syllables(40, -25)),
		"over hum": audiotest.Mix(room(40, -60), 1, scaled(audiotest.Hum(60, rate, 40*rate), 0.02),
			syllables(40, -40)),
		"into a dead line":   syllables(40, -40),
		"without any pauses": audiotest.Mix(room(40, -60), 1, continuous(40, -35)),
	} {
		if part := heard(signal, 1, 40); !(part >= 0.5) {
			t.Errorf("%s: sound in only %.1f %% of the time", name, part*100)
		}
	}
}

func scaled(signal []float64, by float64) []float64 {
	for i := range signal {
		signal[i] *= by
	}
	return signal
}

// continuous is a speaker who pauses only between syllables.
func continuous(seconds int, level float64) []float64 {
	out := make([]float64, seconds*rate)
	noise := audiotest.White(4, len(out))
	for i := range out {
		out[i] = audiotest.Decibels(level) * noise[i] * math.Pow(math.Sin(2*math.Pi*2*float64(i)/rate), 2)
	}
	return out
}

func TestMeterForgetsAFan(t *testing.T) {
	signal := append(room(30, -65), room(80, -45)...)
	if part := heard(signal, 30, 35); !(part >= 0.9) {
		t.Errorf("a fan that has just been turned on is no sound: %.2f", part)
	}
	if part := heard(signal, 75, 110); part != 0 {
		t.Errorf("a fan is sound for ever: %.2f", part)
	}
	// When it stops, a whisper counts at once.
	signal = append(room(60, -45), audiotest.Mix(room(30, -65), 1, syllables(30, -45))...)
	if part := heard(signal, 61, 90); !(part >= 0.5) {
		t.Errorf("speech after a fan has stopped: %.2f", part)
	}
}

func TestMeterHearsRealSpeech(t *testing.T) {
	for _, voice := range []string{"en-us+m3", "en-gb+f2"} {
		speech, err := audiotest.Speech(voice,
			"How are you today? I have been waiting for the results of the examination, and I could not sleep.", rate)
		needs.Installed(t, "espeak-ng", err)
		speech = audiotest.InRoom(speech, rate, 0.4, 1)
		n := float64(len(speech)) / rate
		for _, snr := range []float64{15, 30} {
			signal := append(room(5, -26-snr),
				audiotest.Mix(speech, audiotest.Decibels(-26-snr), audiotest.Pink(2, len(speech)))...)
			if part := heard(signal, 5.3, 5+n); !(part >= 0.8) {
				t.Errorf("%s, %v dB above the noise: sound in %.0f %% of the time", voice, snr, part*100)
			}
		}
	}
}

func TestMeterTakesBlocksOfAnyLength(t *testing.T) {
	signal := audiotest.Samples(audiotest.Mix(room(20, -60), 1, syllables(20, -40)))
	one, many := monitor.Meter{Rate: rate}, monitor.Meter{Rate: rate}
	want, _ := one.Block(signal)
	got := false
	for i, n := 0, 1; i < len(signal); i, n = i+n, n%700+13 {
		s, _ := many.Block(signal[i:min(len(signal), i+n)])
		got = got || s
	}
	if got != want {
		t.Errorf("%v in pieces, %v at once", got, want)
	}
	if a := testing.AllocsPerRun(10, func() { many.Block(signal[:4800]) }); a > 0 {
		t.Errorf("%v allocations for a block", a)
	}
}

func BenchmarkMeter(b *testing.B) {
	m := monitor.Meter{}
	samples := audiotest.Samples(audiotest.Pink(1, 48000))
	for b.Loop() {
		m.Block(samples)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*3600, "s/h")
}
