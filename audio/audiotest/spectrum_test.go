package audiotest

import (
	"math"
	"testing"
)

var thirds = []Band{{0, 5000}, {5000, 8000}, {8000, 12000}}

func TestLevelsAreThoseOfTheBands(t *testing.T) {
	const rate = 48000
	white := scale(White(1, 2*rate), 0.1)
	for b, got := range Levels(white, rate, thirds) {
		want := -20 + 10*math.Log10((thirds[b].To-thirds[b].From)/(rate/2))
		if math.Abs(got-want) > 0.2 {
			t.Errorf("white noise has %.2f dB in band %d instead of %.2f", got, b, want)
		}
	}
	tone := make([]float64, rate)
	for i := range tone {
		tone[i] = math.Sin(2 * math.Pi * 6500 * float64(i) / rate)
	}
	if l := Levels(tone, rate, thirds); math.Abs(l[1]+3.01) > 0.05 || l[0] > -60 || l[2] > -60 {
		t.Errorf("a tone of 6500 Hz has %.2f dB", l)
	}
}

func TestDistancesSeeWhatIsMissing(t *testing.T) {
	const rate = 48000
	x := scale(White(1, 2*rate), 0.1)
	if d := Distances(x, x, rate, thirds); d[0] != 0 || d[1] != 0 || d[2] != 0 {
		t.Errorf("a signal is %.2f dB from itself", d)
	}
	// Ten times the level is 20 dB, in every band.
	for b, d := range Distances(x, Mix(x, 9, x), rate, thirds) {
		if math.Abs(d-20) > 0.01 {
			t.Errorf("20 dB louder is %.2f dB away in band %d", d, b)
		}
	}
	// Two noises that share only their spectrum.
	for b, d := range Distances(x, scale(White(2, len(x)), 0.1), rate, thirds) {
		if d < 6 || d > 9 {
			t.Errorf("another noise is %.2f dB away in band %d", d, b)
		}
	}
	// Nothing above 8 kHz.
	low := Resample(Resample(x, rate, 16000), 16000, rate)
	if d := Distances(x, low, rate, thirds); d[0] > 1 || d[1] > 12 || d[2] < 30 {
		t.Errorf("without what is above 8 kHz: %.2f dB", d)
	}
	// The distance to silence follows the level, and is finite.
	if d := Distances(x, make([]float64, len(x)), rate, thirds); d[2] < 40 || d[2] > 100 {
		t.Errorf("silence is %.2f dB away", d)
	}
}
