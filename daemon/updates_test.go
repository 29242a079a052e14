package daemon_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
	"tacet/daemon/update"
)

// installer is a package manager that installs versions beside the running daemon.
type installer struct{ found atomic.Pointer[update.Found] }

func (i *installer) installs(f update.Found) { i.found.Store(&f) }

func (i *installer) look() update.Found {
	if f := i.found.Load(); f != nil {
		return *f
	}
	return update.Found{}
}

// ends reports whether the daemon ends by itself within a time.
func (r *room) ends(within time.Duration) bool {
	r.Helper()
	select {
	case err := <-r.ended:
		if err != nil {
			r.Errorf("it ends with %v", err)
		}
		return true
	case <-time.After(within):
		return false
	}
}

// checkTime is more than the pause between two looks at what is installed.
const checkTime = 6 * time.Second

// A new version changes nothing for the people in the room: it is announced, and started once the
// unit has been at rest for ten minutes.
func TestANewVersionWaitsUntilTheUnitIsAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l, i := newRoom(t, "patient", "clinician"), &listener{}, &installer{}
		r.found, r.cfg.Consent.Quiet = i.look, 0
		r.boot()
		r.d.Connect(l)
		r.phase("idle", time.Second)
		if pause(time.Hour); l.last().VersionWaiting != "" {
			t.Errorf("without a new version %q waits", l.last().VersionWaiting)
		}
		r.press("patient")
		r.press("clinician")
		r.phase("recording", time.Second)
		i.installs(update.Found{Waiting: "1.0.1"})
		pause(checkTime)
		if got := l.last().VersionWaiting; got != "1.0.1" {
			t.Errorf("while it records, the version %q is said to wait", got)
		}
		pause(20 * time.Minute)
		if r.sees() != "recording" {
			t.Fatalf("20 minutes later it is %s", r.sees())
		}
		r.press("patient")
		r.phase("idle", 5*time.Second)
		if r.ends(9*time.Minute) || r.d.Replaced() {
			t.Fatal("it ended within nine minutes of a recording")
		}
		r.press("patient") // who changes their mind: half a consent, which lapses
		pause(5 * time.Minute)
		if r.ends(4 * time.Minute) {
			t.Fatal("it ended within nine minutes of half a consent")
		}
		if !r.ends(2*time.Minute) || !r.d.Replaced() {
			t.Error("it did not end within ten minutes at rest")
		}
		for _, rep := range r.reports() {
			if rep.State != recording.Whole {
				t.Errorf("the recording is %s", rep.State)
			}
		}
	})
}

// The ten minutes start when the version is there: the package manager is still at work.
func TestTheRestStartsWithTheNewVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, i := newRoom(t, "room"), &installer{}
		r.found = i.look
		r.boot()
		pause(time.Hour)
		i.installs(update.Found{Waiting: "1.0.1"})
		if r.ends(5 * time.Minute) {
			t.Fatal("it ended at once")
		}
		i.installs(update.Found{Waiting: "1.0.2"})
		if r.ends(9 * time.Minute) {
			t.Error("it ended within nine minutes of another version")
		}
		if !r.ends(2 * time.Minute) {
			t.Error("it did not end")
		}
	})
}

// A version that is taken back before it was started never is.
func TestAVersionThatIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l, i := newRoom(t, "room"), &listener{}, &installer{}
		r.found = i.look
		r.boot()
		r.d.Connect(l)
		i.installs(update.Found{Waiting: "1.0.1"})
		pause(5 * time.Minute)
		i.installs(update.Found{})
		pause(checkTime)
		if got := l.last().VersionWaiting; got != "" {
			t.Errorf("%q is said to wait", got)
		}
		if r.ends(time.Hour) {
			t.Error("it ended")
		}
		r.finish()
	})
}

// A version that has failed is named, and never waited for.
func TestAVersionThatHasFailedIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l, i := newRoom(t, "room"), &listener{}, &installer{}
		r.found = i.look
		i.installs(update.Found{Failed: &update.Failed{Version: "1.0.2", Why: "it ends by itself"}})
		r.boot()
		r.d.Connect(l)
		pause(checkTime)
		if text := l.alert("update-failed"); !strings.Contains(text, "1.0.2: it ends by itself") {
			t.Errorf("the alert says %q", text)
		}
		if r.ends(time.Hour) {
			t.Fatal("it ended for a version that has failed")
		}
		r.press("room")
		r.phase("recording", time.Second)
		r.press("room")
		r.phase("idle", 5*time.Second)
		i.installs(update.Found{Waiting: "1.0.3"})
		pause(checkTime)
		if text := l.alert("update-failed"); text != "" {
			t.Errorf("with another version there, it still says %q", text)
		}
		if !r.ends(11 * time.Minute) {
			t.Error("it does not end for the next version")
		}
	})
}
