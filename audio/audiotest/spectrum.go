package audiotest

import "math"

// A Band is a stretch of the spectrum, in hertz.
type Band struct{ From, To float64 }

const (
	spectrumFrame = 20e-3 // seconds per frame
	spectrumFloor = -100  // dB of the whole spectrum: below is the rounding of 16-bit samples
)

// Levels is the level of a signal in each band, in dB. 0 dB is the level 1.
func Levels(signal []float64, rate int, bands []Band) []float64 {
	out := make([]float64, len(bands))
	frames := spectra(signal, rate)
	for b, band := range bands {
		sum := 0.0
		for _, f := range frames {
			from, to := bins(f, rate, band)
			for _, p := range f[from:to] {
				sum += p
			}
		}
		out[b] = 10 * math.Log10(sum/float64(max(1, len(frames)))+1e-20)
	}
	return out
}

// Distances is the log-spectral distance of two signals in each band, in dB: the root mean square
// over the band, averaged over time. Two noises with the same spectrum are about 7 dB apart. The
// signals must be aligned.
func Distances(said, heard []float64, rate int, bands []Band) []float64 {
	out := make([]float64, len(bands))
	n := min(len(said), len(heard))
	x, y := spectra(said[:n], rate), spectra(heard[:n], rate)
	if len(x) == 0 {
		return out
	}
	floor := math.Pow(10, spectrumFloor/10.0) / float64(len(x[0]))
	for b, band := range bands {
		for t := range x {
			from, to := bins(x[t], rate, band)
			sum := 0.0
			for k := from; k < to; k++ {
				d := 10 * math.Log10((x[t][k]+floor)/(y[t][k]+floor))
				sum += d * d
			}
			out[b] += math.Sqrt(sum/float64(max(1, to-from))) / float64(len(x))
		}
	}
	return out
}

// bins is the part of a spectrum that a band covers.
func bins(spectrum []float64, rate int, band Band) (from, to int) {
	hertz := float64(rate) / 2 / float64(len(spectrum))
	return int(band.From / hertz), min(int(band.To/hertz), len(spectrum))
}

// spectra are the power spectra of overlapping frames. The sum over a spectrum is the power of its
// frame.
func spectra(signal []float64, rate int) [][]float64 {
	n := int(spectrumFrame * float64(rate))
	window, power := make([]float64, n), 0.0
	for i := range window {
		window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n))
		power += window[i] * window[i]
	}
	x := make([]complex128, powerOfTwo(n))
	var list [][]float64
	for at := 0; at+n <= len(signal); at += n / 2 {
		clear(x)
		for i, w := range window {
			x[i] = complex(signal[at+i]*w, 0)
		}
		FFT(x)
		spectrum := make([]float64, len(x)/2)
		for k := range spectrum {
			v := x[k]
			spectrum[k] = (real(v)*real(v) + imag(v)*imag(v)) * 2 / (power * float64(len(x)))
		}
		list = append(list, spectrum)
	}
	return list
}
