package audiotest

import (
	"math"
	"slices"
)

// hissTaps is the length of the filter that turns noise into hiss.
const hissTaps = 513

// hissFilter passes 300 to 3400 Hz at the room's rate, and sets the level to about -20 dB.
var hissFilter = func() []float64 {
	h := make([]float64, hissTaps)
	for i := range h {
		x := float64(i - hissTaps/2)
		window := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/(hissTaps+1))
		h[i] = window * 0.5 * (6800.0/Rate*sinc(6800.0/Rate*x) - 600.0/Rate*sinc(600.0/Rate*x))
	}
	return h
}()

// Hiss returns n samples of a noise that never repeats, from the index first on, at the room's
// rate. It has the bandwidth of a telephone, so that a lossy codec keeps enough for Locate to find
// any part of it.
func Hiss(first int64, n int) []int16 { return Samples(hiss(first, n)) }

func hiss(first int64, n int) []float64 {
	white := make([]float64, n+hissTaps-1)
	for i := range white {
		white[i] = float64(int32(scramble(uint32(first)+uint32(i)))) / (1 << 31)
	}
	return convolve(white, hissFilter)[hissTaps-1 : hissTaps-1+n]
}

// Locate finds the index, between from and to, of the part of the hiss that a recording starts
// with. likeness is 1 for the hiss itself and about 0 for anything else; above 0.3, a part of 0.2 s
// or more is found with certainty.
func Locate(recorded []int16, from, to int64) (index int64, likeness float64) {
	reference := hiss(from, int(to-from)+len(recorded))
	wanted := Floats(recorded)
	reversed := slices.Clone(wanted)
	slices.Reverse(reversed)
	match := convolve(reference, reversed)[len(wanted)-1:]
	power := 0.0 // of the part of the reference that the recording would cover
	for _, v := range reference[:len(wanted)] {
		power += v * v
	}
	best := 0
	norm := math.Sqrt(dot(wanted, wanted)) + 1e-9
	for i := range int(to - from) {
		if l := match[i] / (norm*math.Sqrt(power) + 1e-9); l > likeness {
			best, likeness = i, l
		}
		power += reference[i+len(wanted)]*reference[i+len(wanted)] - reference[i]*reference[i]
	}
	return from + int64(best), likeness
}

// A Mark is the index of the hiss that is heard at a position of a recording.
type Mark struct {
	At    int
	Index int64
}

const (
	markStep   = Rate / 4
	markLength = Rate * 2 / 5
	markLike   = 0.3
)

// Follow finds marks in a recording at the room's rate, four per second, wherever the hiss between
// the indices 0 and length is heard. In a good recording the difference of At and Index is
// constant; a loss or a repetition is a step.
func Follow(recorded []int16, length int64) []Mark {
	var list []Mark
	for at := 0; at+markLength <= len(recorded); at += markStep {
		part := recorded[at : at+markLength]
		if n := len(list); n > 0 { // most likely it continues
			expected := list[n-1].Index + int64(at-list[n-1].At)
			index, like := Locate(part, max(0, expected-Rate/10), expected+Rate/10)
			if like > markLike {
				list = append(list, Mark{at, index})
				continue
			}
		}
		if index, like := Locate(part, 0, length); like > markLike {
			list = append(list, Mark{at, index})
		}
	}
	return list
}
