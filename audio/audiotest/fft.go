package audiotest

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// FFT computes the Fourier transform of x in place. Its length must be a power of two.
func FFT(x []complex128) {
	n := len(x)
	shift := 64 - bits.TrailingZeros(uint(n))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); n > 1 && j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		step := cmplx.Rect(1, -2*math.Pi/float64(size))
		for at := 0; at < n; at += size {
			w := complex(1, 0)
			for k := at; k < at+size/2; k++ {
				a, b := x[k], x[k+size/2]*w
				x[k], x[k+size/2] = a+b, a-b
				w *= step
			}
		}
	}
}

// inverseFFT is the inverse of FFT.
func inverseFFT(x []complex128) {
	for i := range x {
		x[i] = cmplx.Conj(x[i])
	}
	FFT(x)
	for i := range x {
		x[i] = cmplx.Conj(x[i]) / complex(float64(len(x)), 0)
	}
}

// powerOfTwo is the least power of two that is not less than n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }

// convolve returns the full convolution of two signals.
func convolve(a, b []float64) []float64 {
	n := len(a) + len(b) - 1
	x := make([]complex128, powerOfTwo(n))
	y := make([]complex128, len(x))
	for i, v := range a {
		x[i] = complex(v, 0)
	}
	for i, v := range b {
		y[i] = complex(v, 0)
	}
	FFT(x)
	FFT(y)
	for i := range x {
		x[i] *= y[i]
	}
	inverseFFT(x)
	out := make([]float64, n)
	for i := range out {
		out[i] = real(x[i])
	}
	return out
}

// dot is the inner product of two signals of one length.
func dot(x, y []float64) (sum float64) {
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}
