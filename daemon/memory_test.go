package daemon_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A second in clear is wiped as soon as it is sealed.
func TestASealedSecondIsWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		pause(5 * time.Second)
		r.press("room")
		r.phase("idle", 5*time.Second)
		if err := r.halt(); err != nil {
			t.Error(err)
		}
		given := r.encoders[0].given
		if len(given) < 5 {
			t.Fatalf("%d seconds were sealed", len(given))
		}
		for i, data := range given {
			if len(data) == 0 || !bytes.Equal(data, make([]byte, len(data))) {
				t.Errorf("second %d is still there: %q", i, data)
			}
		}
	})
}

// A unit whose memory could not be locked raises a warning and records.
func TestMemoryUnlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		up := func() bool { return slices.Contains(r.warnings(), "memory-unlocked") }
		r.d.MemoryUnlocked(nil)
		pause(time.Second)
		if up() {
			t.Error("it warns of nothing")
		}
		r.d.MemoryUnlocked(errors.New("there is a limit"))
		r.until("warning", time.Second, up)
		r.press("room")
		r.phase("recording", time.Second)
		if err := r.halt(); err != nil {
			t.Error(err)
		}
	})
}
