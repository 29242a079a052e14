package daemon_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
)

// sleep suspends the machine: for everything on it no time passes.
func (r *room) sleep(d time.Duration) {
	r.clock.mu.Lock()
	defer r.clock.mu.Unlock()
	r.clock.asleep += d
}

// People who gave consent may have left while the machine was suspended.
func TestASuspendEndsConsent(t *testing.T) {
	for _, slept := range [][]time.Duration{{time.Hour}, {3 * time.Second},
		{1500 * time.Millisecond, 1500 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			r := recordingRoom(t, "room")
			pause(3 * time.Second)
			woke := time.Now()
			for _, d := range slept {
				pause(200 * time.Millisecond)
				woke = time.Now()
				r.sleep(d)
			}
			r.phase("idle", time.Second)
			pause(4 * time.Second)
			r.recordsAgain()
			r.finish()
			if got := r.reports()[0].End.Reason; got != recording.Lapsed {
				t.Errorf("it ended as %s", got)
			}
			if _, last := r.span(r.kept(0)); since(woke, last) >= 0 {
				t.Errorf("a sample from %s after it woke is kept", since(woke, last))
			}
		})
	}
}

func TestASuspendEndsWaitingAndAPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "patient", "clinician")
		r.boot()
		r.phase("idle", time.Second)
		r.press("patient")
		r.phase("waiting", time.Second)
		r.sleep(10 * time.Second)
		r.front.Hold("clinician", true)
		r.phase("idle", time.Second)
		r.front.Hold("clinician", false)
		pause(4 * time.Second)
		r.front.Hold("patient", true)
		pause(time.Second)
		r.sleep(time.Minute)
		pause(time.Second)
		r.front.Hold("patient", false)
		pause(time.Second)
		if p := r.sees(); p != "idle" {
			t.Errorf("after a press that lasted through a suspend the phase is %s", p)
		}
		r.finish()
	})
}

// Short suspends end nothing: the clocks are not read at the same moment.
func TestAShortSuspendEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		for range 10 { // they don't add up while there is no consent
			r.sleep(time.Second)
			pause(20 * time.Second)
		}
		r.press("room")
		r.phase("recording", time.Second)
		r.sleep(1900 * time.Millisecond)
		pause(time.Second)
		r.phase("recording", 0)
		r.press("room")
		r.phase("idle", time.Second)
		r.finish()
	})
}
