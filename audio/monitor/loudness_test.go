package monitor_test

import (
	"math"
	"slices"
	"testing"

	"tacet/audio/monitor"
)

// tone is a second of a tone at 48 kHz with this amplitude, cut off at full scale.
func tone(amplitude float64) []int16 {
	all := make([]int16, 48000)
	for i := range all {
		v := amplitude * math.Sin(2*math.Pi*440*float64(i)/48000)
		all[i] = int16(min(max(v, -32768), 32767))
	}
	return all
}

// The level of speech is that of the loudest tenth, whatever the pauses; cuts are counted.
func TestLoudness(t *testing.T) {
	silence := make([]int16, 48000)
	for name, c := range map[string]struct {
		sound        []int16
		speech, peak float64
		cuts         bool
	}{
		"silence":              {silence, -99, -99, false},
		"a tone":               {tone(3276.8), -23, -20, false},
		"one second in five":   {slices.Concat(silence, silence, tone(3276.8), silence, silence), -23, -20, false},
		"a click in a silence": {slices.Concat(silence, []int16{32767}, silence, silence), -99, 0, false},
		"too loud":             {tone(60000), -1, 0, true},
		"nearly too loud":      {tone(32000), -3, 0, false},
	} {
		l := monitor.Loudness{Rate: 48000, Channels: 1}
		steps := 0
		for block := range slices.Chunk(c.sound, 1234) {
			if _, complete := l.Block(block); complete {
				steps++
			}
		}
		got := l.Levels()
		if math.Abs(got.Speech-c.speech) > 1 || math.Abs(got.Peak-c.peak) > 1 || got.Cuts > 0 != c.cuts {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Steps != len(c.sound)/4800 || steps != got.Steps {
			t.Errorf("%s: %d steps, and %d were reported, of %d samples", name, got.Steps, steps, len(c.sound))
		}
	}
	if got := (&monitor.Loudness{Rate: 48000, Channels: 1}).Levels(); got.Steps != 0 {
		t.Errorf("without samples: %+v", got)
	}
}
