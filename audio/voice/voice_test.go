package voice_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tacet/audio/voice"
)

// The voice speaks in real time: after two seconds two seconds have arrived, at
// any rate, and they are not silence.
func TestSpeaksInRealTime(t *testing.T) {
	for _, f := range []struct{ rate, channels int }{{48000, 1}, {16000, 2}, {44100, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var got []int16
			c, err := voice.New(f.rate, f.channels).Open(func(s []int16, _ time.Time) { got = append(got, s...) }, nil)
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(2050 * time.Millisecond)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if want := 2 * f.rate * f.channels; len(got) != want {
				t.Errorf("%+v: %d samples in two seconds, not %d", f, len(got), want)
			}
			var power float64
			for _, s := range got {
				power += float64(s) * float64(s)
			}
			if power/float64(len(got)) < 1e5 {
				t.Errorf("%+v: it is silent", f)
			}
		})
	}
}

// It never ends, and never delivers ahead of time.
func TestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		began := time.Now()
		c, err := voice.New(8000, 1).Open(func(s []int16, at time.Time) {
			if n += len(s); n > int(at.Sub(began).Milliseconds())*8 {
				t.Errorf("%d samples after %s", n, at.Sub(began))
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(3*time.Minute + time.Millisecond)
		c.Close()
		if n != 8000*180 {
			t.Errorf("%d samples in three minutes", n)
		}
	})
}
