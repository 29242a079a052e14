package monitor

import "time"

const (
	// ditherMost is the widest spread, in steps of 16 bits, of a converter without a signal: its
	// dither is at most two steps to either side. No room is that still. A room of 25 dB(A), with a
	// microphone that puts speech at a twentieth of full scale, spreads over more than a hundred
	// steps in half a second.
	ditherMost = 4
	// stillTime: the last 0.5 to 1 s are judged together.
	stillTime = 500 * time.Millisecond
)

// still detects samples that hardly move, around any value: in the last half second and in the
// current one.
type still struct {
	length  int // frames in half a second
	taken   int // of the current one
	current []spread
	last    []spread
}

// A spread is the range of one channel's samples. any is false while it is empty.
type spread struct {
	low, high int16
	any       bool
}

// take adds every step-th of the samples.
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
	return still{length: int(stillTime * time.Duration(rate) / time.Second), current: make([]spread, channels),
		last: make([]spread, channels)}
}

// take adds whole frames of interleaved samples.
func (s *still) take(samples []int16) {
	channels := len(s.current)
	for len(samples) >= channels {
		n := min(s.length-s.taken, len(samples)/channels)
		for i := range channels {
			s.current[i].take(samples[i:n*channels], channels)
		}
		samples = samples[n*channels:]
		if s.taken += n; s.taken == s.length {
			s.taken = 0
			s.current, s.last = s.last, s.current
			clear(s.current)
		}
	}
}

// is reports whether no channel moves by more than dither.
func (s *still) is() bool {
	for i, a := range s.current {
		b := s.last[i]
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
