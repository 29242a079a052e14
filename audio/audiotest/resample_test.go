package audiotest

import (
	"math"
	"testing"
)

func TestResampleKeepsATone(t *testing.T) {
	for _, c := range [][2]int{{48000, 10000}, {22050, 48000}, {16000, 48000}, {48000, 44100}, {8000, 8000}} {
		tone := func(rate int) []float64 {
			out := make([]float64, rate)
			for i := range out {
				out[i] = math.Sin(2 * math.Pi * 1234 * float64(i) / float64(rate))
			}
			return out
		}
		got, want := Resample(tone(c[0]), c[0], c[1]), tone(c[1])
		for i := len(got) / 10; i < len(got)*9/10; i++ {
			if math.Abs(got[i]-want[i]) > 0.005 {
				t.Errorf("%v: sample %d is %v instead of %v", c, i, got[i], want[i])
				break
			}
		}
	}
}
