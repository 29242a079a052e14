package monitor

import "time"

const (
	// ditherMost is how far apart, in steps of 16 bits, the samples of a converter lie that hears
	// nothing: its dither is two steps to either side at most. A room is never as still. One of 25
	// dB(A), before a microphone that is set so that speech comes to a twentieth of full scale,
	// spreads over more than a hundred steps in half a second; a twentieth of that is still a room.
	ditherMost = 4
	// stillTime is how long samples are looked at together, at least; at most it is twice as long.
	stillTime = 500 * time.Millisecond
)

// still watches whether samples move at all, about whatever value they stand: in the half second
// that has passed, and in the one that is running.
type still struct {
	length  int // frames in half a second
	taken   int // of the running one
	running []spread
	passed  []spread
}

// A spread is where one channel's samples lie. Any is false while there are none.
type spread struct {
	low, high int16
	any       bool
}

// take takes every step-th of the samples.
func (s *spread) take(samples []int16, step int) {
	low, high := s.low, s.high
	if !s.any {
		low, high = samples[0], samples[0]
	}
	for i := 0; i < len(samples); i += step {
		low, high = min(low, samples[i]), max(high, samples[i])
	}
	*s = spread{low, high, true}
}

func newStill(rate, channels int) still {
	return still{length: int(stillTime * time.Duration(rate) / time.Second), running: make([]spread, channels),
		passed: make([]spread, channels)}
}

// take takes the next samples, interleaved, whole frames.
func (s *still) take(samples []int16) {
	channels := len(s.running)
	for len(samples) >= channels {
		n := min(s.length-s.taken, len(samples)/channels)
		for i := range channels {
			s.running[i].take(samples[i:n*channels], channels)
		}
		samples = samples[n*channels:]
		if s.taken += n; s.taken == s.length {
			s.taken = 0
			s.running, s.passed = s.passed, s.running
			clear(s.running)
		}
	}
}

// is tells whether no channel moves by more than dither.
func (s *still) is() bool {
	for i, a := range s.running {
		b := s.passed[i]
		switch {
		case !a.any:
			a = b
		case b.any:
			a.low, a.high = min(a.low, b.low), max(a.high, b.high)
		}
		if int(a.high)-int(a.low) > ditherMost {
			return false
		}
	}
	return true
}
