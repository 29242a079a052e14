package audio_test

import (
	"log/slog"
	"sync"
	"testing"

	"tacet/audio"
	"tacet/audio/audiotest"
)

// What a probe finds for a dead microphone, for one that is off its rate, and for a good one.
func TestProbeFindsWhatIsWrong(t *testing.T) {
	cards := map[string]audiotest.Card{
		"well":     {},
		"fast":     {"speed": "0:1.0015"},
		"slow":     {"speed": "0:0.91875"}, // 44,100 frames a second, called 48,000
		"quartz":   {"speed": "0:1.0003"},
		"zero":     {"wave": "zero"},
		"minusone": {"wave": "const:-1"},
		"offset":   {"wave": "const:1234"},
		"dither":   {"wave": "lsb"},
	}
	audiotest.NewCards(t, cards).Setenv(t)
	dead := map[string]bool{"zero": true, "minusone": true, "offset": true, "dither": true}
	off := map[string]float64{"fast": 48072, "slow": 44100}
	var all sync.WaitGroup
	for name := range cards {
		all.Go(func() {
			mic := audio.NewMic(name, 48000, 1, slog.New(slog.DiscardHandler))
			got, err := mic.Probe(t.Context(), audio.ProbeTime, nil)
			if err != nil || got.Dead != dead[name] || got.Off != (off[name] > 0) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			if want := off[name]; want > 0 && (got.Rate < want-15 || got.Rate > want+15) {
				t.Errorf("%s: %.1f Hz instead of %.1f", name, got.Rate, want)
			}
		})
	}
	all.Wait()
}
