package flac

import (
	"bytes"
	"testing"
)

// Renumbered frames decode at their new place, and renumbered back they are what they were. The
// numbers are coded in one to four bytes.
func TestRenumber(t *testing.T) {
	const id, rate = "7q4k9mz2ha", 48000
	for _, channels := range []int{1, 2} {
		e, err := NewEncoder(id, rate, channels)
		if err != nil {
			t.Fatal(err)
		}
		samples := make([]int16, rate*channels)
		for i := range samples {
			samples[i] = int16(i * i)
		}
		first, err := e.Frames(nil, samples)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []int64{1, 127, 128, 2047, 2048, 65535, 65536, 1 << 20} {
			moved, err := Renumber(id, rate, channels, first, 0, to)
			if err != nil {
				t.Fatal(err)
			}
			f, err := newFormat(id, rate, channels)
			if err != nil {
				t.Fatal(err)
			}
			j := &Joiner{format: f, number: to, started: true}
			if frames, err := j.check(moved); err != nil || len(frames) == 0 {
				t.Errorf("from %d on: %v", to, err)
			}
			if back, err := Renumber(id, rate, channels, moved, to, 0); err != nil || !bytes.Equal(back, first) {
				t.Errorf("back from %d: %d bytes instead of %d, %v", to, len(back), len(first), err)
			}
		}
		if _, err := Renumber(id, rate, channels, first, 1, 0); err == nil {
			t.Error("frames of another place are taken")
		}
		if _, err := Renumber(id, rate, channels, first[:len(first)-1], 0, 1); err == nil {
			t.Error("a frame that is cut is taken")
		}
		if _, err := Renumber(id, rate, channels, first, 0, -1); err == nil {
			t.Error("a number below zero")
		}
	}
}
