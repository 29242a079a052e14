package daemon_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
	"tacet/hw/simpanel"
)

// recordingRoom boots, presses, and waits until recording is said.
func recordingRoom(t *testing.T, parties ...string) *room {
	t.Helper()
	r := newRoom(t, parties...)
	r.boot()
	r.phase("idle", time.Second)
	for _, p := range parties {
		r.press(p)
		pause(200 * time.Millisecond)
	}
	r.phase("recording", time.Second)
	return r
}

func (r *room) finish() {
	r.Helper()
	if err := r.halt(); err != nil {
		r.Error(err)
	}
	r.sound()
}

// Promise 6: lost samples become declared silence of the same length.
func TestStallIsDeclaredSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(3 * time.Second)
		r.mic.set(func(m *mic) { m.stalled = true })
		r.warned("mic-stalled", 2*time.Second)
		if p := r.sees(); p == "recording" {
			t.Error("recording is said although no samples arrive")
		}
		pause(1500 * time.Millisecond)
		r.mic.set(func(m *mic) { m.stalled = false })
		r.phase("recording", time.Second)
		pause(3 * time.Second)
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.finish()

		rep := r.reports()[0]
		if len(rep.End.Gaps) != 1 {
			t.Fatalf("gaps: %v", rep.End.Gaps)
		}
		gap, kept := rep.End.Gaps[0], r.kept(0)
		for _, s := range kept[gap.Sample : gap.Sample+gap.Samples] {
			if s != 0 {
				t.Fatal("the gap is not silence")
			}
		}
		// After the gap a position is still the time since the start.
		before, after := kept[gap.Sample-1], kept[gap.Sample+gap.Samples]
		if d := int64(after) - int64(before) - gap.Samples/perMS; d < -20 || d > 20 {
			t.Errorf("after the gap the sound is %d ms off", d)
		}
	})
}

func TestLongStallEndsTheRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2 * time.Second)
		r.mic.set(func(m *mic) { m.stalled = true })
		pause(5100 * time.Millisecond)
		if p := r.sees(); p == "recording" || p == "starting" {
			t.Errorf("after 5 s without samples the phase is %s", p)
		}
		r.phase("idle", 5*time.Second)
		r.finish()
		if got := r.reports()[0].End.Reason; got != recording.Fault {
			t.Errorf("ended as %q", got)
		}
	})
}

// Samples wait in memory while the disk does not answer, up to the bound.
func TestSlowSyncLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2 * time.Second)
		release := r.spool.Hang()
		r.warned("spool-slow", 8*time.Second)
		if p := r.sees(); p == "recording" {
			t.Error("recording is said although nothing reaches the disk")
		}
		pause(30 * time.Second)
		release()
		r.phase("recording", time.Second)
		pause(2 * time.Second)
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.finish()
		r.span(r.kept(0))
		rep := r.reports()[0]
		if rep.State != recording.Whole || rep.End.Samples != int64(len(r.kept(0))) || len(rep.End.Gaps) > 0 {
			t.Errorf("%v with %d samples, gaps %v; %d were kept", rep.State, rep.End.Samples, rep.End.Gaps, len(r.kept(0)))
		}
	})
}

// A disk that never answers again ends the recording when memory is full, and the light goes off.
func TestHungDiskEndsTheRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2 * time.Second)
		release := r.spool.Hang()
		r.until("closed microphone", 3*time.Minute, func() bool { open, _ := r.mic.is(); return !open })
		r.until("dark light", time.Second, func() bool { return r.front.State().Light == simpanel.Off })
		if err := r.halt(); err == nil {
			t.Error("stopped as if everything were on disk")
		}
		release()
	})
}

// A disk that was not checked yet does not hang.
func TestDiskIsNotSuspectedAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.mic.set(func(m *mic) { m.looks = 30 * time.Second })
		r.boot()
		r.press("room")
		if slices.Contains(r.warnings(), "spool-error") {
			t.Error("a disk is said to hang before it had time to answer")
		}
		if p := r.sees(); p != "fault" {
			t.Errorf("before the first check the phase is %s", p)
		}
		pause(20 * time.Second)
		if !slices.Contains(r.warnings(), "spool-error") {
			t.Error("the hanging disk raises no warning")
		}
		r.mic.set(func(m *mic) { m.looks = 0 })
		r.until("its answer", 20*time.Second, func() bool { return !slices.Contains(r.warnings(), "spool-error") })
		if err := r.halt(); err != nil {
			t.Error(err)
		}
		pause(time.Minute) // a check that is under way ends
	})
}

// A stuck sound card may be open, so the light stays on and the process ends.
func TestStuckMicrophoneEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		r.mic.set(func(m *mic) { m.stuck = true })
		r.press("room")
		if err := <-r.ended; err == nil {
			t.Error("Run returned nil with the microphone open")
		}
		if g := r.shows(); g != simpanel.On {
			t.Errorf("the microphone is open and the light is %s", g)
		}
		r.stop()
		r.mic.set(func(m *mic) { m.stuck = false })
		r.mic.Close()
	})
}

// hangs is the error of a sound library that may still open the card.
type hangs struct{ error }

func (hangs) MayBeOpen() bool { return true }
func (h hangs) Unwrap() error { return h.error }

// The same for a card that hangs while it opens.
func TestMicrophoneThatHangsOnOpeningEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		r.mic.set(func(m *mic) { m.takes, m.refuse = 3*time.Second, fmt.Errorf("open it: %w", hangs{errStuck}) })
		r.press("room")
		select {
		case err := <-r.ended:
			if !errors.Is(err, errStuck) {
				t.Errorf("Run returned %v although the microphone may be open", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the process goes on although the microphone may be open")
		}
		if g := r.shows(); g != simpanel.On {
			t.Errorf("the microphone may be open, and the light is %s", g)
		}
		r.stop()
	})
}

// Withdrawing while the microphone opens, however long that takes, is not a fault of the
// microphone.
func TestWithdrawnWhileTheMicrophoneOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		r.mic.set(func(m *mic) { m.takes = 2500 * time.Millisecond })
		for _, after := range []time.Duration{100 * time.Millisecond, 1100 * time.Millisecond} {
			r.press("room")
			pause(after)
			r.press("room")
			r.phase("idle", 5*time.Second)
			pause(4 * time.Second)
			if w := r.warnings(); len(w) > 0 || r.d.Status().Mic != "ok" {
				t.Errorf("withdrawn after %v: %v, and the microphone is %s", after, w, r.d.Status().Mic)
			}
		}
		r.finish()
	})
}

func TestDigitalZeroIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.mic.zero = true
		r.boot()
		r.phase("idle", time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		pause(8 * time.Second)
		if slices.Contains(r.warnings(), "mic-silent") {
			t.Error("mic-silent after 8 s")
		}
		r.warned("mic-silent", 2*time.Second)
		r.mic.set(func(m *mic) { m.zero = false })
		pause(time.Minute)
		if !slices.Contains(r.warnings(), "mic-silent") {
			t.Error("the broker hears when the sound came back")
		}
		r.press("room")
		r.until("end of mic-silent", time.Minute, func() bool { return !slices.Contains(r.warnings(), "mic-silent") })
		r.finish()
	})
}

// If a microphone mutes pauses, the broker does not hear of the rhythm of the talk.
func TestPausesAreNoWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.cfg.Consent.Quiet = 0
		r.boot()
		r.phase("idle", time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		warned := func() bool { return slices.Contains(r.warnings(), "mic-silent") }
		for range 20 {
			pause(time.Second)
			r.mic.set(func(m *mic) { m.zero = true })
			pause(19 * time.Second)
			if warned() {
				t.Fatal("a pause of 19 s is a warning")
			}
			r.mic.set(func(m *mic) { m.zero = false })
		}
		pause(time.Second)
		r.mic.set(func(m *mic) { m.zero = true })
		pause(4*time.Minute + 50*time.Second)
		if warned() {
			t.Error("warned within five minutes of the last sound")
		}
		r.warned("mic-silent", 30*time.Second)
		r.finish()
	})
}

// A step of the clock is noted, and moves no position.
func TestClockStepIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2500 * time.Millisecond)
		r.clock.set(time.Hour)
		pause(2500 * time.Millisecond)
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.finish()
		r.span(r.kept(0))
		if rep := r.reports()[0]; rep.State != recording.Whole {
			t.Errorf("%v: %s", rep.State, rep.Why)
		}
		if !r.spoolHolds(`"clock_steps":[{"sample":`) {
			t.Error("the step is not in the file")
		}
	})
}

// The ring is counted in time: a busy unit loses no samples even if the card delivers a millisecond
// at a time.
func TestAStalledOwnerLosesNothing(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 99 * time.Millisecond,
		400 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, "room")
			r.mic.every = every
			r.boot()
			r.phase("idle", time.Second)
			r.press("room")
			r.phase("recording", 2*time.Second)
			pause(2 * time.Second)
			release := r.clock.gate.close()
			pause(3500 * time.Millisecond)
			release()
			pause(2 * time.Second)
			r.phase("recording", 0)
			if w := r.warnings(); len(w) > 0 {
				t.Errorf("with %s at once: %v", every, w)
			}
			r.press("room")
			r.phase("idle", 5*time.Second)
			r.finish()
			r.span(r.kept(0))
			if rep := r.reports()[0]; len(rep.End.Gaps) > 0 || rep.End.Samples < 15*rate/2 {
				t.Errorf("with %s at once: %d samples, gaps %v", every, rep.End.Samples, rep.End.Gaps)
			}
		})
	}
}

// If a busy unit seals nothing for long, it blames neither its disk nor its microphone.
func TestABusyUnitSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2 * time.Second)
		release := r.encoders[0].gate.close()
		r.warned("unit-busy", 7*time.Second)
		if s := r.d.Status(); s.Phase == "recording" || len(s.Warnings) != 1 {
			t.Errorf("%s is said, with %v", s.Phase, r.warnings())
		}
		release()
		r.phase("recording", time.Second)
		r.until("end of the warning", 15*time.Second, func() bool { return len(r.warnings()) == 0 })
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.finish()
		r.span(r.kept(0))
	})
}
