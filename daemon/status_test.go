package daemon_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// Half a consent is idle to anybody outside the room, also while it is given up.
func TestHalfAConsentIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "patient", "clinician")
		r.boot()
		r.phase("idle", time.Second)
		before := r.d.Status().Since
		idle := func(what string) {
			t.Helper()
			if s := r.d.Status(); s.Phase != "idle" || s.Ending || s.Recording != "" || !s.Since.Equal(before) {
				t.Errorf("%s it says %s since %v, ending: %v, recording %q", what, s.Phase, s.Since, s.Ending, s.Recording)
			}
		}
		r.press("patient")
		r.phase("waiting", time.Second)
		idle("with one consent")
		release := r.spool.Hang()
		r.press("clinician")
		r.phase("starting", time.Second)
		pause(time.Second)
		idle("while it starts")
		r.front.Hold("patient", true)
		pause(time.Second)
		idle("while it gives up")
		release()
		r.front.Hold("patient", false)
		pause(time.Second)
		idle("after it gave up")
		r.finish()
	})
}

// While a recording is closed the unit is said to do what it did before: a recording is still one,
// but a fault does not become one.
func TestWhatIsSaidWhileARecordingEnds(t *testing.T) {
	for want, hangs := range map[string]time.Duration{"recording": 0, "fault": 8 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := recordingRoom(t, "room")
			release := r.spool.Hang()
			pause(hangs)
			if got := r.d.Status().Phase; got != want {
				t.Errorf("after %s of a hanging disk it says %s, want %s", hangs, got, want)
			}
			r.press("room")
			pause(time.Second)
			if s := r.d.Status(); s.Phase != want || !s.Ending {
				t.Errorf("it says %s, ending: %v, want %s", s.Phase, s.Ending, want)
			}
			release()
			r.phase("idle", 5*time.Second)
			if s := r.d.Status(); s.Phase != "idle" || s.Ending {
				t.Errorf("afterwards it says %s, ending: %v", s.Phase, s.Ending)
			}
			r.finish()
		})
	}
}
