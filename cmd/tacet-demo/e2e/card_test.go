package e2e_test

import (
	"slices"
	"testing"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/daemon/recording"
)

// Whatever a card's speed and buffer, each frame that it made is in the recording or declared as
// lost. The card numbers its frames from 1 to 30,000 again and again; silence is zero.
func TestEveryFrameIsThereOrDeclared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		card audiotest.Card
		lost int64
	}{
		{"slow", audiotest.Card{"speed": "0:0.92"}, 0},
		{"a little fast", audiotest.Card{"speed": "0:1.006"}, 0},
		{"8 % fast", audiotest.Card{"speed": "0:1.088"}, 0},
		{"twice as fast", audiotest.Card{"speed": "0:2"}, 0},
		{"small buffer", audiotest.Card{"buffer": 4096}, 0},
		{"tiny buffer", audiotest.Card{"buffer": 1024}, 0},
		{"loss", audiotest.Card{"lose": "5:4800"}, 4800},
		{"loss of a slow card", audiotest.Card{"lose": "5:4800", "speed": "0:0.92"}, 4800},
		{"loss with a small buffer", audiotest.Card{"lose": "5:4800", "buffer": 4096}, 4800},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.card["wave"] = "count"
			card := audiotest.NewCard(t, c.card)
			unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.CardDevice, Parties: []string{"room"}})
			demo := unit.Start(t, card.Env()...)
			demo.Consent()
			demo.Until("nine seconds", demotest.Recorded(1, 9))
			demo.Press("room")
			file := demo.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File

			sound, _ := unit.Open(t, file)
			end := unit.Report(t, file).End
			silence := int64(0)
			for _, g := range end.Gaps {
				silence += g.Samples
			}
			f := countFrames(decode(t, sound))
			if f.silent != silence {
				t.Errorf("%d frames are silence, %d are declared: %+v", f.silent, silence, end.Gaps)
			}
			for _, at := range f.torn {
				// A card loses frames anywhere in a block, but the silence is put before a block.
				if !slices.ContainsFunc(end.Gaps, func(g recording.Gap) bool { return max(at-g.Sample, g.Sample-at) <= 3*4096 }) {
					t.Errorf("frames are missing before sample %d, and nothing says so: %+v", at, end.Gaps)
				}
			}
			// With a small buffer, a busy machine loses frames that the card did not; they are all
			// in the count.
			if d := f.missing - silence; max(d, -d) > 480*int64(1+len(end.Gaps)) || f.missing < c.lost ||
				c.card["buffer"] == nil && f.missing != c.lost {
				t.Errorf("%d frames are missing, %d were lost, %d are declared", f.missing, c.lost, silence)
			}
		})
	}
}

// counted is what the numbers of a recording's frames show.
type counted struct {
	silent  int64   // frames of silence
	missing int64   // frames that the card made but that are missing
	torn    []int64 // positions of missing frames without silence
}

func countFrames(samples []int16) (c counted) {
	last, silent := int64(0), int64(0)
	for i, s := range samples {
		n := int64(s)
		if n == 0 {
			silent++
			c.silent++
			continue
		}
		if last != 0 {
			missing := (n - last - 1 + 30000) % 30000
			c.missing += missing
			if missing > 0 && silent == 0 {
				c.torn = append(c.torn, int64(i))
			}
		}
		last, silent = n, 0
	}
	return c
}
