package voice_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tacet/audio/monitor"
	"tacet/audio/voice"
)

func TestVoiceTalksInRealTime(t *testing.T) {
	for _, c := range [][2]int{{48000, 1}, {16000, 2}, {44100, 1}} {
		rate, channels := c[0], c[1]
		synctest.Test(t, func(t *testing.T) {
			frames := 0
			v := voice.New(rate, channels)
			gaps := monitor.NewGaps(rate, v.Raw())
			if _, err := v.Present(); err != nil {
				t.Fatal(err)
			}
			mic, err := v.Open(func(samples []int16, _ time.Time, arrived monitor.Raw) {
				frames += len(samples) / channels
				for _, g := range gaps.Push(len(samples)/channels, arrived) {
					if g.Lost != 0 || g.Stale != 0 {
						t.Errorf("%+v", g)
					}
				}
			}, func(err error) { t.Error(err) })
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(90*time.Second + time.Millisecond)
			if err := mic.Close(); err != nil {
				t.Error(err)
			}
			if frames != 90*rate {
				t.Errorf("%d frames in 90 s at %d Hz", frames, rate)
			}
			<-time.After(time.Second)
			if err := mic.Close(); err != nil || frames != 90*rate {
				t.Errorf("after Close: %d frames, %v", frames, err)
			}
		})
	}
}

func TestVoiceIsHeard(t *testing.T) {
	for _, rate := range []int{8000, 44100, 48000} {
		talk, err := voice.Samples(rate)
		if err != nil || len(talk) < 20*rate || len(talk) > 60*rate {
			t.Fatalf("%d samples at %d Hz, %v", len(talk), rate, err)
		}
		m := monitor.Meter{Rate: rate}
		sounds := 0
		for at := 0; at+rate <= len(talk); at += rate {
			sound, dead := m.Block(talk[at : at+rate])
			if sound {
				sounds++
			}
			if dead {
				t.Errorf("second %d at %d Hz is dead", at/rate, rate)
			}
		}
		if sounds < len(talk)/rate*3/4 {
			t.Errorf("sound in %d of %d s at %d Hz", sounds, len(talk)/rate, rate)
		}
	}
}
