package daemon_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A recording made while the clock was unset is not late at once. What is said of it goes by how
// long it has waited, also if the clock is set meanwhile, and after a restart.
func TestUnsyncedRecordingIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.withStores(1)
		r.clock.set(-29 * 365 * 24 * time.Hour)
		r.clock.sync(false)
		told := func(what string, hours float64, late bool) {
			t.Helper()
			pause(20 * time.Second)
			s := l.last()
			if s.Pending != 1 || s.OldestPendingH == nil || *s.OldestPendingH < hours || *s.OldestPendingH > hours+1.1 {
				t.Errorf("%s: the state is %+v, want 1 that has waited for %v hours", what, s, hours)
			}
			if got := slices.Contains(r.warnings(), "store-behind"); got != late {
				t.Errorf("%s: late: %v, want %v", what, got, late)
			}
		}
		boot := func() {
			r.boot()
			r.d.Connect(l)
			r.phase("idle", time.Minute)
		}
		boot()
		r.sticks["stick-0"].Full(100)
		r.recordsAgain()
		told("with the clock of 1971", 0, false)
		r.clock.set(0)
		r.clock.sync(true)
		told("when the clock is set", 0, false)
		pause(25 * time.Hour)
		told("a day later", 24, true)
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
		boot()
		told("after a start", 0, false)
		r.sticks["stick-0"].Mend()
		pause(10 * time.Minute)
		if s := l.last(); s.Pending != 0 || s.OldestPendingH != nil || slices.Contains(r.warnings(), "store-behind") {
			t.Errorf("when it is copied: %d wait for %v hours: %v", s.Pending, s.OldestPendingH, r.warnings())
		}
		r.finish()
	})
}
