package audiotest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
)

// Pink is noise as rooms have it: as much power in each octave. Its level is 1.
func Pink(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	// A sum of first-order filters whose corners lie evenly over the octaves.
	poles := [...]float64{0.99886, 0.99332, 0.969, 0.8665, 0.55, -0.7616}
	gains := [...]float64{0.0555179, 0.0750759, 0.153852, 0.3104856, 0.5329522, -0.016898}
	var state [len(poles)]float64
	out := make([]float64, n)
	for i := range out {
		white := r.NormFloat64()
		out[i] = white * 0.5362
		for k := range poles {
			state[k] = poles[k]*state[k] + gains[k]*white
			out[i] += state[k]
		}
	}
	return scale(out, 1/RMS(out))
}

// White is white noise with the level 1.
func White(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float64, n)
	for i := range out {
		out[i] = r.NormFloat64()
	}
	return out
}

// Hum is a mains hum with its harmonics, with the level 1.
func Hum(frequency float64, rate, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		for h := 1; h <= 3; h++ {
			out[i] += math.Sin(2*math.Pi*frequency*float64(h)*float64(i)/float64(rate)) / float64(h)
		}
	}
	return scale(out, 1/RMS(out))
}

func scale(signal []float64, by float64) []float64 {
	for i := range signal {
		signal[i] *= by
	}
	return signal
}

// Mix adds signals, each as loud as it says; the result is as long as the first.
func Mix(first []float64, gain float64, more ...[]float64) []float64 {
	out := append([]float64(nil), first...)
	for _, m := range more {
		for i := range min(len(out), len(m)) {
			out[i] += gain * m[i]
		}
	}
	return out
}

// InRoom is how a microphone hears a signal from across a small room, in which it dies away by 60 dB in reverberation seconds:
// the direct sound, a few early reflections, and a diffuse tail.
func InRoom(signal []float64, rate int, reverberation float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 2))
	response := make([]float64, int(reverberation*float64(rate)))
	for i := range response {
		t := float64(i) / float64(rate)
		if t > 0.012 {
			response[i] = 0.02 * r.NormFloat64() * math.Pow(10, -3*t/reverberation) * math.Sqrt(48000/float64(rate))
		}
	}
	response[0] = 1
	for _, early := range []struct{ ms, gain float64 }{{3.1, 0.55}, {5.7, -0.4}, {8.3, 0.35}, {11.9, 0.3}, {17.2, -0.25}} {
		response[int(early.ms*float64(rate)/1000)] += early.gain
	}
	return convolve(signal, response)[:len(signal)]
}

// Speech lets espeak-ng say a text, and returns it at a level of 0.05 (-26 dB). It is an error where that isn't installed.
func Speech(voice, text string, rate int) ([]float64, error) {
	out, err := exec.Command("espeak-ng", "-v", voice, "--stdout", text).Output()
	if err != nil {
		return nil, fmt.Errorf("let espeak-ng speak as %s: %w", voice, err)
	}
	const header = 44
	if len(out) < header {
		return nil, fmt.Errorf("espeak-ng said %s", strconv.Quote(string(out)))
	}
	said := int(out[24]) | int(out[25])<<8 | int(out[26])<<16
	out = out[header:]
	samples := make([]int16, len(out)/2)
	for i := range samples {
		samples[i] = int16(uint16(out[2*i]) | uint16(out[2*i+1])<<8)
	}
	speech := Resample(Floats(samples), said, rate)
	return scale(speech, 0.05/RMS(speech)), nil
}
