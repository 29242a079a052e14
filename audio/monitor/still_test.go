package monitor_test

import (
	"math/rand/v2"
	"testing"

	"tacet/audio/audiotest"
	"tacet/audio/monitor"
)

// deadPart is the share of 100 ms blocks, after the first second, in which the microphone was dead.
func deadPart(rate, channels int, samples []int16) float64 {
	m := monitor.Meter{Rate: rate, Channels: channels}
	n, dead := 0, 0
	block := rate / 10 * channels
	for at := 0; at+block <= len(samples); at += block {
		if _, is := m.Block(samples[at : at+block]); at >= rate*channels {
			n++
			if is {
				dead++
			}
		}
	}
	return float64(dead) / float64(n)
}

// about is noise of all values from low to high.
func about(n, low, high int) []int16 {
	out := make([]int16, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range out {
		out[i] = int16(low + r.IntN(high-low+1))
	}
	return out
}

func TestMeterKnowsADeadMicrophone(t *testing.T) {
	for _, rate := range []int{8000, 44100, 48000} {
		for name, samples := range map[string][]int16{
			"zero":                 make([]int16, 5*rate),
			"minus one":            about(5*rate, -1, -1),
			"an offset":            about(5*rate, 217, 217),
			"full scale":           about(5*rate, 32767, 32767),
			"least":                about(5*rate, -32768, -32768),
			"dither of one step":   about(5*rate, -1, 1),
			"dither of two steps":  about(5*rate, -2, 2),
			"dither on an offset":  about(5*rate, -1202, -1198),
			"dither at full scale": about(5*rate, 32763, 32767),
		} {
			if part := deadPart(rate, 1, samples); part != 1 {
				t.Errorf("%s at %d Hz is dead in %v of the time", name, rate, part)
			}
		}
	}
	// Each channel is judged by itself: they may have different values.
	stereo := make([]int16, 10*48000)
	for i := range stereo {
		stereo[i] = int16(i%2*1000 + i/2%3)
	}
	if part := deadPart(48000, 2, stereo); part != 1 {
		t.Errorf("two still channels are dead in %v of the time", part)
	}
}

func TestMeterTakesNoRoomForDead(t *testing.T) {
	for _, rate := range []int{8000, 48000} {
		for _, level := range []float64{-60, -75, -85} {
			n := 20 * rate
			quiet := audiotest.Samples(audiotest.Mix(make([]float64, n), audiotest.Decibels(level), audiotest.White(5, n)))
			if part := deadPart(rate, 1, quiet); part != 0 {
				t.Errorf("a room of %v dB at %d Hz is dead in %v of the time", level, rate, part)
			}
		}
	}
	// One live channel is enough.
	stereo := make([]int16, 10*48000)
	for i := 0; i < len(stereo); i += 2 {
		stereo[i] = int16(i / 2 % 50)
	}
	if part := deadPart(48000, 2, stereo); part != 0 {
		t.Errorf("a channel that lives beside one that is dead: dead in %v of the time", part)
	}
}

// However small the blocks are, it takes half a second of stillness.
func TestMeterIsPatient(t *testing.T) {
	m := monitor.Meter{Rate: 48000}
	loud := about(48000, -300, 300)
	dead := false
	for at := 0; at < len(loud); at += 64 {
		_, dead = m.Block(loud[at : at+64])
	}
	if dead {
		t.Error("a room is dead")
	}
	frames := 0
	for ; !dead && frames < 96000; frames += 64 {
		_, dead = m.Block(make([]int16, 64))
	}
	if frames < 24000 || frames > 48064 {
		t.Errorf("dead after %d frames of nothing", frames)
	}
}
