package quality_test

import (
	"errors"
	"math"

	"tacet/audio/audiotest"
)

// The constants of STOI are its authors': C. H. Taal, R. C. Hendriks, R. Heusdens, J. Jensen, "An
// Algorithm for Intelligibility Prediction of Time-Frequency Weighted Noisy Speech", IEEE
// Transactions on Audio, Speech, and Language Processing 19 (7), 2011; those of ESTOI are from J.
// Jensen, C. H. Taal, "An Algorithm for Predicting the Intelligibility of Speech Masked by
// Modulated Noise Maskers", IEEE/ACM TASLP 24 (11), 2016.
const (
	stoiRate   = 10000
	stoiFrame  = 256
	stoiFFT    = 512
	stoiBands  = 15
	stoiLowest = 150.0 // Hz, the centre of the lowest third of an octave
	stoiSpan   = 30    // frames that are compared together: 384 ms
	stoiClip   = -15.0 // dB: distortion is clipped at this level
	stoiRange  = 40.0  // dB: quieter frames, below the loudest, are pauses
)

// intelligibility predicts how well speech is understood, from 0 to 1, given what was said and what
// is heard of it. ESTOI also accounts for fluctuating noise. The signals must be aligned.
func intelligibility(said, heard []float64, rate int) (stoi, estoi float64, err error) {
	n := min(len(said), len(heard))
	x, y := withoutPauses(audiotest.Resample(said[:n], rate, stoiRate), audiotest.Resample(heard[:n], rate, stoiRate))
	a, b := thirdOctaves(x), thirdOctaves(y)
	if len(a) < stoiSpan {
		return 0, 0, errors.New("too little speech to judge")
	}
	count := 0.0
	for m := stoiSpan; m <= len(a); m++ {
		p, q := transpose(a[m-stoiSpan:m]), transpose(b[m-stoiSpan:m])
		for j := range p {
			stoi += correlation(p[j], clipped(p[j], q[j])) / stoiBands
		}
		estoi += spectral(p, q)
		count++
	}
	return stoi / count, estoi / count, nil
}

// hann is the window, without the zeros at both ends.
var hann = func() (w [stoiFrame]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/(stoiFrame+1))
	}
	return w
}()

// withoutPauses removes, from both signals, the frames in which nothing was said.
func withoutPauses(said, heard []float64) (x, y []float64) {
	const hop = stoiFrame / 2
	level := func(at int) float64 {
		sum := 0.0
		for i, w := range hann {
			sum += said[at+i] * w * said[at+i] * w
		}
		return 10 * math.Log10(sum+1e-20)
	}
	loudest := math.Inf(-1)
	for at := 0; at+stoiFrame <= len(said); at += hop {
		loudest = max(loudest, level(at))
	}
	x, y = make([]float64, len(said)), make([]float64, len(said))
	end := 0
	for at := 0; at+stoiFrame <= len(said); at += hop {
		if level(at) < loudest-stoiRange {
			continue
		}
		for i, w := range hann {
			x[end+i] += said[at+i] * w
			y[end+i] += heard[at+i] * w
		}
		end += hop
	}
	end = min(end+hop, len(x))
	return x[:end], y[:end]
}

// thirdOctaves is the level in each third of an octave, frame by frame.
func thirdOctaves(signal []float64) [][stoiBands]float64 {
	var from, to [stoiBands]int
	for j := range from {
		centre := stoiLowest * math.Pow(2, float64(j)/3)
		from[j] = int(math.Round(centre * math.Pow(2, -1.0/6) * stoiFFT / stoiRate))
		to[j] = int(math.Round(centre * math.Pow(2, 1.0/6) * stoiFFT / stoiRate))
	}
	var list [][stoiBands]float64
	x := make([]complex128, stoiFFT)
	for at := 0; at+stoiFrame <= len(signal); at += stoiFrame / 2 {
		clear(x)
		for i, w := range hann {
			x[i] = complex(signal[at+i]*w, 0)
		}
		audiotest.FFT(x)
		var frame [stoiBands]float64
		for j := range frame {
			sum := 0.0
			for _, v := range x[from[j]:to[j]] {
				sum += real(v)*real(v) + imag(v)*imag(v)
			}
			frame[j] = math.Sqrt(sum)
		}
		list = append(list, frame)
	}
	return list
}

func transpose(frames [][stoiBands]float64) [][]float64 {
	out := make([][]float64, stoiBands)
	for j := range out {
		for _, f := range frames {
			out[j] = append(out[j], f[j])
		}
	}
	return out
}

// clipped is y, scaled to the level of x, with its distortion clipped at stoiClip.
func clipped(x, y []float64) []float64 {
	gain := math.Sqrt(dot(x, x) / (dot(y, y) + 1e-20))
	out := make([]float64, len(y))
	for i := range y {
		out[i] = min(y[i]*gain, x[i]*(1+audiotest.Decibels(-stoiClip)))
	}
	return out
}

func dot(x, y []float64) (sum float64) {
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// normal is x without its mean, as a unit vector.
func normal(x []float64) []float64 {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - mean
	}
	gain := 1 / (math.Sqrt(dot(out, out)) + 1e-20)
	for i := range out {
		out[i] *= gain
	}
	return out
}

func correlation(x, y []float64) float64 { return dot(normal(x), normal(y)) }

// spectral is ESTOI's measure: the correlation of two spans after each band, and then each frame,
// is normalised.
func spectral(p, q [][]float64) float64 {
	var a, b [stoiBands][]float64
	for j := range p {
		a[j], b[j] = normal(p[j]), normal(q[j])
	}
	sum := 0.0
	for m := range stoiSpan {
		var x, y [stoiBands]float64
		for j := range a {
			x[j], y[j] = a[j][m], b[j][m]
		}
		sum += correlation(x[:], y[:])
	}
	return sum / stoiSpan
}
