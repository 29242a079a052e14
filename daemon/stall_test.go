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

// recording boots, presses and waits until it is said.
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

// Promise 6: a gap is silence of its own length, declared.
func TestStallIsDeclaredSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(3 * time.Second)
		r.mic.set(func(m *mic) { m.stalled = true })
		r.warned("mic-stalled", 2*time.Second)
		if p := r.d.Status().Phase; p == "recording" {
			t.Error("recording is said, and no samples arrive")
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
		// Behind the gap a position still is time since the start.
		before, after := kept[gap.Sample-1], kept[gap.Sample+gap.Samples]
		if d := int64(after) - int64(before) - gap.Samples/perMS; d < -20 || d > 20 {
			t.Errorf("the sound behind the gap is %d ms off", d)
		}
	})
}

func TestLongStallEndsTheRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2 * time.Second)
		r.mic.set(func(m *mic) { m.stalled = true })
		pause(5100 * time.Millisecond)
		if p := r.d.Status().Phase; p == "recording" || p == "starting" {
			t.Errorf("no samples for 5 s, and the phase is %s", p)
		}
		r.phase("idle", 5*time.Second)
		r.finish()
		if got := r.reports()[0].End.Reason; got != recording.Fault {
			t.Errorf("ended as %q", got)
		}
	})
}

// The samples wait in memory while the disk does not answer, up to the bound.
func TestSlowSyncLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2 * time.Second)
		release := r.spool.Hang()
		r.warned("spool-slow", 8*time.Second)
		if p := r.d.Status().Phase; p == "recording" {
			t.Error("recording is said, and nothing reaches the disk")
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
			t.Error("stopped as if all were on disk")
		}
		release()
	})
}

// What has not been looked at yet is not what hangs.
func TestDiskIsNotSuspectedAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.mic.set(func(m *mic) { m.looks = 30 * time.Second })
		r.boot()
		r.press("room")
		if slices.Contains(r.warnings(), "spool-error") {
			t.Error("a disk that has had no time to answer is said to hang")
		}
		if p := r.d.Status().Phase; p != "fault" {
			t.Errorf("nobody has looked at the disk yet, and the phase is %s", p)
		}
		pause(20 * time.Second)
		if !slices.Contains(r.warnings(), "spool-error") {
			t.Error("nobody is told that the disk hangs")
		}
		r.mic.set(func(m *mic) { m.looks = 0 })
		r.until("its answer", 20*time.Second, func() bool { return !slices.Contains(r.warnings(), "spool-error") })
		if err := r.halt(); err != nil {
			t.Error(err)
		}
		pause(time.Minute) // a look under way comes to its end
	})
}

// A stuck sound card may be open: the light stays on, and the process ends.
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

// hangs is what a sound library says that may open the card at any time.
type hangs struct{ error }

func (hangs) MayBeOpen() bool { return true }
func (h hangs) Unwrap() error { return h.error }

// So with one that hangs while it opens: the light stays on, since the microphone may be open.
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
				t.Errorf("Run returned %v, and the microphone may be open", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the process goes on, and the microphone may be open")
		}
		if g := r.shows(); g != simpanel.On {
			t.Errorf("the microphone may be open and the light is %s", g)
		}
		r.stop()
	})
}

// Who withdraws while the microphone opens, however long that takes, finds no fault with it.
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
			t.Error("who listens to the broker is told when the sound came back")
		}
		r.press("room")
		r.until("end of mic-silent", time.Minute, func() bool { return !slices.Contains(r.warnings(), "mic-silent") })
		r.finish()
	})
}

// A microphone that mutes pauses: the broker is not told of the rhythm of the talk.
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

// A clock that is set is noted, and moves no position.
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

// The memory for samples is counted in time: a card that brings a millisecond at once is no reason
// to lose any while the unit is busy.
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

// A unit that was so busy that nothing reached the disk for long says so, and not that its disk or
// its microphone is at fault.
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
		r.until("end of it", 15*time.Second, func() bool { return len(r.warnings()) == 0 })
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.finish()
		r.span(r.kept(0))
	})
}
