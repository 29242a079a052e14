package audiotest

import "math"

// zeroCrossings is how far the filter reaches to each side, in periods of the lower rate.
const zeroCrossings = 24

// Resample converts a signal to another rate with a windowed-sinc filter.
func Resample(in []float64, from, to int) []float64 {
	if from == to {
		return append([]float64(nil), in...)
	}
	up, down := to/gcd(from, to), from/gcd(from, to)
	cut := min(1, float64(to)/float64(from)) * 0.95 // relative to the input's Nyquist frequency
	reach := int(math.Ceil(zeroCrossings / cut))
	phases := make([][]float64, up)
	for p := range phases {
		phases[p] = taps(float64(p)/float64(up), cut, reach)
	}
	out := make([]float64, len(in)*up/down)
	for i := range out {
		at, phase := i*down/up, i*down%up
		for k, h := range phases[phase] {
			if j := at - reach + 1 + k; j >= 0 && j < len(in) {
				out[i] += h * in[j]
			}
		}
	}
	return out
}

// taps is the filter for a point a fraction of a sample after tap number reach. Its sum is 1.
func taps(fraction, cut float64, reach int) []float64 {
	h := make([]float64, 2*reach)
	sum := 0.0
	for k := range h {
		x := float64(k-reach+1) - fraction
		window := 0.5 + 0.5*math.Cos(math.Pi*x/float64(reach))
		if math.Abs(x) >= float64(reach) {
			window = 0
		}
		h[k] = sinc(cut*x) * window
		sum += h[k]
	}
	for k := range h {
		h[k] /= sum
	}
	return h
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Floats converts samples to a signal between -1 and 1.
func Floats(samples []int16) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = float64(s) / 32768
	}
	return out
}

// Samples converts a signal to samples, with clipping.
func Samples(signal []float64) []int16 {
	out := make([]int16, len(signal))
	for i, v := range signal {
		out[i] = int16(math.Round(min(max(v*32768, -32768), 32767)))
	}
	return out
}

// RMS is the level of a signal.
func RMS(signal []float64) float64 {
	sum := 0.0
	for _, v := range signal {
		sum += v * v
	}
	return math.Sqrt(sum / float64(max(1, len(signal))))
}

// Decibels converts decibels to a ratio of amplitudes.
func Decibels(db float64) float64 { return math.Pow(10, db/20) }
