package daemon_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/topic"
)

// Nothing is said before the first look is over, so a start is not a fault. A look that hangs is
// one, after five seconds.
func TestNothingIsSaidBeforeTheFirstLook(t *testing.T) {
	for _, looks := range []time.Duration{0, 3 * time.Second, 12 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r, l := newRoom(t, "room"), &listener{}
			begun := time.Now()
			r.mic.looks = looks
			r.boot()
			r.d.Connect(l)
			for ; time.Since(begun) < 30*time.Second; pause(10 * time.Millisecond) {
				age, s := time.Since(begun), l.last()
				hangs := looks > 5*time.Second
				switch {
				case age < min(looks, 5*time.Second):
					if s.Phase != "" {
						t.Fatalf("%s after the start %s is said", age, s.Phase)
					}
				case age < min(looks, 5*time.Second)+200*time.Millisecond: // about now
				case hangs && age < looks:
					if s.Phase != topic.Fault || len(s.Alerts) == 0 {
						t.Fatalf("%s after the start, with a look that hangs, %s is said, with %v", age, s.Phase, s.Alerts)
					}
				case age > looks+200*time.Millisecond && s.Phase != topic.Idle:
					t.Fatalf("%s after the start %s is said, with %v", age, s.Phase, s.Alerts)
				}
			}
			r.mic.set(func(m *mic) { m.looks = 0 })
			pause(20 * time.Second)
			r.finish()
		})
	}
}

// A fault that is there from the start is said together with its cause.
func TestTheFirstLookFindsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.mic.absent = code("mic-missing")
		r.boot()
		r.d.Connect(l)
		for range 1000 {
			if s := l.last(); s.Phase == topic.Fault && len(s.Alerts) == 0 {
				t.Fatal("a fault is said without its cause")
			}
			pause(10 * time.Millisecond)
		}
		if s := l.last(); s.Phase != topic.Fault {
			t.Errorf("without a microphone the phase is %s", s.Phase)
		}
		r.finish()
	})
}

// A microphone is untried until it was opened once, if nobody can tell whether it is there.
func TestAMicrophoneIsUntried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.mic.unknown = true
		r.boot()
		r.phase("idle", time.Second)
		if m := r.d.Status().Mic; m != "untried" {
			t.Errorf("it is %s", m)
		}
		r.press("room")
		r.phase("recording", time.Second)
		if m := r.d.Status().Mic; m != "ok" {
			t.Errorf("open, it is %s", m)
		}
		r.press("room")
		r.phase("idle", time.Second)
		pause(10 * time.Second)
		if m := r.d.Status().Mic; m != "ok" {
			t.Errorf("after that it is %s", m)
		}
		r.finish()
	})
}
