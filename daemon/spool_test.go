package daemon_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"tacet/hw/simpanel"
)

// A spool that appears later is used as soon as it is there.
func TestSpoolComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		if err := os.Remove(r.cfg.Spool.Path); err != nil {
			t.Fatal(err)
		}
		r.boot()
		r.warned("spool-missing", 8*time.Second)
		r.phase("fault", time.Second)
		if g := r.front.State().StatusLight; g != simpanel.Flash {
			t.Errorf("the status light is %s", g)
		}
		r.press("room")
		if g := r.shows(); g != simpanel.Flash {
			t.Errorf("after a press the light shows %s", g)
		}
		if err := os.Mkdir(r.cfg.Spool.Path, 0o700); err != nil {
			t.Fatal(err)
		}
		pause(10 * time.Second)
		r.recordsAgain()
		if g := r.front.State().StatusLight; g != simpanel.On {
			t.Errorf("all is well and the status light is %s", g)
		}
		r.finish()
	})
}

// Consent does not outlast the appointment: R5. A press is refused if the spool has gone since the
// last check.
func TestSpoolThatHasJustGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		away := r.cfg.Spool.Path + ".away"
		if err := os.Rename(r.cfg.Spool.Path, away); err != nil {
			t.Fatal(err)
		}
		r.press("room")
		pause(100 * time.Millisecond)
		if g := r.shows(); g != simpanel.Flash || r.mic.openings > 0 {
			t.Errorf("after the press the light shows %s; the microphone was opened %d times", g, r.mic.openings)
		}
		r.warned("spool-missing", 8*time.Second)
		if err := os.Rename(away, r.cfg.Spool.Path); err != nil {
			t.Fatal(err)
		}
		pause(10 * time.Second)
		r.recordsAgain()
		r.finish()
	})
}

func TestMaxEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.cfg.Consent.Max = 20 * time.Second
		r.boot()
		r.phase("idle", time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		pause(5 * time.Second)
		if g := r.front.State().StatusLight; g != simpanel.Pulse {
			t.Errorf("near the maximum the status light is %s", g)
		}
		r.until("end", 20*time.Second, func() bool { open, _ := r.mic.is(); return !open })
		r.phase("idle", 5*time.Second)
		if got := r.reports()[0].End.Reason; got != "lapsed" {
			t.Errorf("it ended as %q", got)
		}
		r.recordsAgain()
		r.finish()
	})
}

// A silent room is an empty room: R5.
func TestQuietEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.cfg.Consent.Quiet = 30 * time.Second
		r.mic.zero = true
		r.boot()
		r.phase("idle", time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		pause(25 * time.Second)
		if p := r.sees(); p != "recording" {
			t.Errorf("after 25 s of quiet the phase is %s", p)
		}
		pause(8 * time.Second)
		if open, _ := r.mic.is(); open {
			t.Error("the microphone is open after 33 s of quiet")
		}
		r.halt()
		if got := r.reports()[0].End.Reason; got != "lapsed" {
			t.Errorf("it ended as %q", got)
		}
	})
}
