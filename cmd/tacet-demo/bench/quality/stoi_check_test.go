package quality_test

import (
	"math"
	"testing"

	"tacet/audio/audiotest"
)

// babble has the rhythm of speech: harmonics of a gliding voice, in syllables.
func babble(rate, seconds int) []float64 {
	out := make([]float64, rate*seconds)
	phase := 0.0
	for i := range out {
		t := float64(i) / float64(rate)
		phase += 2 * math.Pi * (120 + 30*math.Sin(2*math.Pi*0.7*t)) / float64(rate)
		syllable := math.Pow(max(0, math.Sin(2*math.Pi*2*t)), 2)
		for h := 1; h < 30; h++ {
			formant := math.Exp(-math.Pow((float64(h)*120-600-400*math.Sin(2*math.Pi*1.3*t))/500, 2)) + 0.1
			out[i] += syllable * formant * math.Sin(phase*float64(h)) * 0.02
		}
	}
	return out
}

func TestSTOIOfTheSameIsOne(t *testing.T) {
	x := babble(48000, 4)
	stoi, estoi, err := intelligibility(x, audiotest.Mix(make([]float64, len(x)), 0.3, x), 48000)
	if err != nil || math.Abs(stoi-1) > 1e-6 || math.Abs(estoi-1) > 1e-6 {
		t.Errorf("%v, %v, %v", stoi, estoi, err)
	}
}

func TestSTOIFallsWithNoise(t *testing.T) {
	x := babble(16000, 6)
	noise := audiotest.Mix(make([]float64, len(x)), audiotest.RMS(x), audiotest.White(1, len(x)))
	lastS, lastE := 1.0, 1.0
	for _, snr := range []float64{40, 20, 10, 5, 0, -5, -10, -20} {
		s, e, err := intelligibility(x, audiotest.Mix(x, audiotest.Decibels(-snr), noise), 16000)
		t.Logf("%3.0f dB: STOI %.3f, ESTOI %.3f", snr, s, e)
		if err != nil || s >= lastS || e >= lastE {
			t.Errorf("at %v dB: %v, %v, %v", snr, s, e, err)
		}
		lastS, lastE = s, e
	}
	if s, _, _ := intelligibility(x, noise, 16000); s > 0.5 {
		t.Errorf("%v for noise alone", s)
	}
}

func TestSTOINeedsSpeech(t *testing.T) {
	if _, _, err := intelligibility(make([]float64, 1000), make([]float64, 1000), 48000); err == nil {
		t.Error("silence was judged")
	}
}
