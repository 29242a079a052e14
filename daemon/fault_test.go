package daemon_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
	"tacet/hw/simpanel"
)

// code is an error that names its warning, like those of the microphone.
type code string

func (c code) Error() string { return "made to fail" }
func (c code) Code() string  { return string(c) }

var errMade = errors.New("made to fail")

// A fault is put in at one moment. After it was mended the unit must record again without a
// restart.
type fault struct {
	name   string
	inject func(*room)
	mend   func(*room)
	before string // the warning, if it is there before the press
	during string // the warning, if it comes while recording; empty: it does not end the recording
	phase  string // that follows
}

func mendFront(r *room) { r.wire(simpanel.Faults{}) }
func mendDisk(r *room)  { r.spool.Mend() }
func mendMic(r *room) {
	r.mic.set(func(m *mic) { m.absent, m.refuse, m.takes, m.stalled, m.zero = nil, nil, 0, false, false })
}

var faults = []fault{
	{"light can't be driven", func(r *room) { r.wire(simpanel.Faults{Light: errMade}) }, mendFront, "light-fault", "",
		"fault"},
	{"lamp blown", func(r *room) { r.wire(simpanel.Faults{Blown: true}) }, mendFront, "light-sense", "light-sense",
		"idle"},
	{"sense line shorted to lit", func(r *room) { lit := true; r.wire(simpanel.Faults{SenseStuck: &lit}) }, mendFront,
		"light-stuck", "", "fault"},
	{"the same, and the lamp blown", func(r *room) { lit := true; r.wire(simpanel.Faults{SenseStuck: &lit, Blown: true}) },
		mendFront, "light-stuck", "", "fault"},
	{"sense line shorted to dark", func(r *room) { lit := false; r.wire(simpanel.Faults{SenseStuck: &lit}) }, mendFront,
		"light-sense", "light-sense", "idle"},
	{"sense line unreadable", func(r *room) { r.wire(simpanel.Faults{Sense: errMade}) }, mendFront, "light-sense",
		"light-sense", "idle"},
	{"buttons unreadable", func(r *room) { r.wire(simpanel.Faults{Read: errMade}) }, mendFront, "button-fault",
		"button-fault", "fault"},
	{"nobody watches the buttons", func(r *room) { r.wire(simpanel.Faults{Watch: errMade}); r.front.Hold("room", false) },
		mendFront, "button-fault", "button-fault", "fault"},
	{"microphone unplugged", func(r *room) { r.mic.unplug(code("mic-missing")) }, mendMic, "mic-missing", "mic-missing",
		"fault"},
	{"microphone taken", func(r *room) { r.mic.set(func(m *mic) { m.refuse = code("mic-busy") }); r.mic.fail(errMade) },
		mendMic, "mic-busy", "mic-fault", "idle"},
	{"no samples", func(r *room) { r.mic.set(func(m *mic) { m.stalled = true }) }, mendMic, "mic-fault", "mic-fault",
		"idle"},
	{"the key can't be made", func(r *room) { r.setKeys(errMade) }, func(r *room) { r.setKeys(nil) }, "recipients-bad", "",
		"fault"},
	{"the encoder can't be made", func(r *room) { r.setEncoder(errMade) }, func(r *room) { r.setEncoder(nil) },
		"encoder-fault", "", "idle"},
	{"spool fails", func(r *room) { r.spool.FailFrom(1, syscall.EIO) }, mendDisk, "spool-error", "spool-error", "idle"},
	{"spool read-only", func(r *room) { r.spool.ReadOnly(true) }, mendDisk, "spool-readonly", "spool-readonly", "fault"},
	{"spool full", func(r *room) { r.spool.Full(1000) }, mendDisk, "spool-full", "spool-full", "fault"},
}

// fail makes the open card fail.
func (m *mic) fail(err error) {
	m.mu.Lock()
	failed := m.failed
	m.mu.Unlock()
	if failed != nil {
		failed(err)
	}
}

// recordsAgain checks that the fault is gone.
func (r *room) recordsAgain() {
	r.Helper()
	r.phase("idle", 20*time.Second)
	pause(4 * time.Second) // presses count again, and a warning has gone
	r.press("room")
	r.phase("recording", 2*time.Second)
	pause(2500 * time.Millisecond)
	r.press("room")
	r.phase("idle", 5*time.Second)
	pause(5 * time.Second)
	for _, rep := range r.reports() {
		if !rep.State.Complete() {
			r.Errorf("%s is %v: %s %v", rep.Head.ID, rep.State, rep.Why, rep.Damages)
		}
	}
	r.span(r.kept(len(r.encoders) - 1))
	if all := r.reports(); len(all) > 0 && all[len(all)-1].Head.Light != "proved" { // whatever the starts before it were
		r.Errorf("the light of the last recording is %s", all[len(all)-1].Head.Light)
	}
}

func (r *room) warned(code string, limit time.Duration) {
	r.Helper()
	r.until("warning "+code, limit, func() bool { return slices.Contains(r.warnings(), code) })
}

// A fault that is there before the press: the press is refused at once, by flashes of the light,
// and no file is left.
func TestFaultBeforePress(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, "room")
				r.boot()
				r.phase("idle", time.Second)
				f.inject(r)
				pause(6 * time.Second) // a check has run
				r.press("room")
				r.until("three flashes", 2*time.Second, func() bool {
					s := r.front.State()
					return s.Light == simpanel.Flash || strings.HasPrefix(f.before, "light-") || strings.HasPrefix(f.name, "nobody")
				})
				r.warned(f.before, 8*time.Second)
				r.phase(f.phase, 8*time.Second)
				f.mend(r)
				pause(10 * time.Second)
				r.recordsAgain()
				r.until("end of "+f.before, 15*time.Second, func() bool { return !slices.Contains(r.warnings(), f.before) })
				if n := len(r.reports()); n != 1 {
					t.Errorf("%d files are on the spool, and only the last press recorded", n)
				}
				if err := r.halt(); err != nil {
					t.Error(err)
				}
				r.sound()
			})
		})
	}
}

// A fault while recording: the recording ends with the reason, the light goes off, the warning is
// up, and what was kept can be opened.
func TestFaultWhileRecording(t *testing.T) {
	for _, f := range faults {
		if f.during == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, "room")
				r.boot()
				r.phase("idle", time.Second)
				r.press("room")
				r.phase("recording", time.Second)
				pause(3700 * time.Millisecond)
				f.inject(r)
				r.until("end", 8*time.Second, func() bool { return r.sees() != "recording" })
				r.warned(f.during, 8*time.Second)
				r.until("closed microphone", 8*time.Second, func() bool { open, _ := r.mic.is(); return !open })
				f.mend(r)
				pause(10 * time.Second)
				r.recordsAgain()
				r.until("end of "+f.during, 15*time.Second, func() bool { return !slices.Contains(r.warnings(), f.during) })
				first := r.reports()[0]
				if got := first.End.Reason; got != "fault" && got != recording.InterruptedBy {
					t.Errorf("the recording ended as %q", got)
				}
				if first.Segments < 3 {
					t.Errorf("%d segments kept of 3.7 s", first.Segments)
				}
				if err := r.halt(); err != nil {
					t.Error(err)
				}
				r.sound()
			})
		})
	}
}

// sound checks that both disks were used by their rules.
func (r *room) sound() {
	r.Helper()
	for _, v := range append(r.spool.Violations(), r.own.Violations()...) {
		r.Error(v)
	}
}
