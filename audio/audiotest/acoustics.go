package audiotest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
)

// Pink is noise with equal power in each octave, as rooms have. Its level is 1.
func Pink(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	// A sum of first-order filters whose corner frequencies are spread evenly over the octaves.
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

// ventilation is the noise of a ventilated room in each octave from 63 Hz to 8 kHz, in dB: the
// noise criterion curve NC-35 of ANSI/ASA S12.2.
var ventilation = [...]float64{60, 52, 45, 40, 36, 34, 33, 32}

// Ventilation is the noise of ventilation, mostly a rumble, with the level 1.
func Ventilation(seed uint64, rate, n int) []float64 {
	x := make([]complex128, powerOfTwo(n))
	for i, v := range White(seed, n) {
		x[i] = complex(v, 0)
	}
	FFT(x)
	for k := range x {
		hertz := float64(min(k, len(x)-k)) * float64(rate) / float64(len(x))
		octave := min(max(0, math.Log2(max(hertz, 1)/63)), float64(len(ventilation)-1))
		below := min(int(octave), len(ventilation)-2)
		level := ventilation[below] + (octave-float64(below))*(ventilation[below+1]-ventilation[below])
		// An octave that is twice as wide has half the density for the same power.
		x[k] *= complex(Decibels(level-3.01*octave), 0)
	}
	inverseFFT(x)
	out := make([]float64, n)
	for i := range out {
		out[i] = real(x[i])
	}
	return scale(out, 1/RMS(out))
}

// Hum is mains hum with harmonics, with the level 1.
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

// Mix adds the signals in more, multiplied by gain, to the first. The result is as long as the
// first.
func Mix(first []float64, gain float64, more ...[]float64) []float64 {
	out := append([]float64(nil), first...)
	for _, m := range more {
		for i := range min(len(out), len(m)) {
			out[i] += gain * m[i]
		}
	}
	return out
}

// InRoom is a signal as a microphone across a small room hears it: the direct sound, a few early
// reflections, and a diffuse tail. reverberation is the time in seconds in which sound decays by 60
// dB.
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

// Speech is a text spoken by espeak-ng, which must be installed, at a level of 0.05 (-26 dB).
func Speech(voice, text string, rate int) ([]float64, error) {
	out, err := exec.Command("espeak-ng", "-v", voice, "--stdout", text).Output()
	if err != nil {
		return nil, fmt.Errorf("speak with espeak-ng as %s: %w", voice, err)
	}
	speech, err := plain(out, rate)
	if err != nil {
		return nil, fmt.Errorf("speak with espeak-ng as %s: %w", voice, err)
	}
	return speech, nil
}

// spokenFolder holds the recordings of a woman's voice in Debian's alsa-utils.
const spokenFolder = "/usr/share/sounds/alsa/"

// Spoken is a woman who names the positions of eight loudspeakers, recorded closely with the full
// band up to 24 kHz, at a level of 0.05. It needs Debian's alsa-utils.
func Spoken(rate int) ([]float64, error) {
	var all []float64
	for _, where := range []string{
		"Front_Center", "Side_Left", "Rear_Right", "Front_Left", "Rear_Center", "Side_Right", "Rear_Left", "Front_Right",
	} {
		file, err := os.ReadFile(spokenFolder + where + ".wav")
		if err != nil {
			return nil, fmt.Errorf("read the voice of alsa-utils: %w", err)
		}
		speech, err := plain(file, rate)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", where, err)
		}
		all = append(all, speech...)
	}
	return scale(all, 0.05/RMS(all)), nil
}

// plain is the sound of a mono WAV file with the usual header, resampled to a rate, at a level of
// 0.05.
func plain(file []byte, rate int) ([]float64, error) {
	const header = 44
	if len(file) < header || string(file[:4]) != "RIFF" || file[22] != 1 {
		return nil, fmt.Errorf("not a mono WAV file, but %.80q", file)
	}
	fileRate := int(file[24]) | int(file[25])<<8 | int(file[26])<<16
	samples := make([]int16, (len(file)-header)/2)
	for i := range samples {
		samples[i] = int16(uint16(file[header+2*i]) | uint16(file[header+2*i+1])<<8)
	}
	speech := Resample(Floats(samples), fileRate, rate)
	return scale(speech, 0.05/RMS(speech)), nil
}
