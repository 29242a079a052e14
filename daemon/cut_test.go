package daemon_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
)

// session is what every fault is tried on: one recording of 3.3 s. If the first press was refused,
// the second starts the recording, and a third ends it.
func (r *room) session() {
	r.press("room")
	pause(3300 * time.Millisecond)
	r.press("room")
	pause(5 * time.Second)
	if r.sees() == "recording" {
		r.press("room")
		pause(5 * time.Second)
	}
}

// operations counts a session's operations on the spool's disk, including those of the start.
func operations(t *testing.T) (n int) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		r.session()
		r.finish()
		n = r.spool.Ops()
	})
	return n
}

// Every operation on the spool fails once, both before and after it took effect, with every error
// seen on real disks. Afterwards the unit records again without a restart.
func TestEveryOperationFails(t *testing.T) {
	n := operations(t)
	t.Logf("%d operations", n)
	for i := 1; i <= n; i++ {
		for j, err := range durabletest.Faults() {
			if (i+j)%len(durabletest.Faults()) != 0 && os.Getenv("TACET_SOAK") == "" {
				continue // each operation gets one of the errors, each error many operations
			}
			for _, applied := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d %v applied=%v", i, err, applied), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := newRoom(t, "room")
						r.spool.FailAt(i, err, applied)
						r.boot()
						pause(6 * time.Second)
						r.session()
						pause(6 * time.Second)
						r.spool.Mend()
						r.recordsAgain()
						r.finish()
					})
				})
			}
		}
	}
}

// The power goes at every operation on the spool. After the next start everything that was synced
// is there, what is missing is within promise 5, and the unit records.
func TestPowerCutAtEveryOperation(t *testing.T) {
	n, stored := operations(t), int64(0)
	defer func() {
		if stored == 0 {
			t.Error("no cut came after a sync: nothing was tried")
		}
	}()
	for i := 1; i <= n; i++ {
		keep, tear := []int{0, 50, 100}[i%3], []durabletest.Tear{durabletest.Sector, durabletest.Page}[i%2]
		t.Run(fmt.Sprintf("%d keep=%d tear=%d", i, keep, tear), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, "room")
				r.spool.CutAt(i)
				r.boot()
				var before recording.Report // of what was synced when the power went
				r.press("room")
				for range 60 {
					pause(100 * time.Millisecond)
					if s := r.d.Status(); s.Synced > 0 {
						before.Segments = int64(s.Synced / time.Second)
					}
				}
				stored += before.Segments
				r.press("room")
				pause(5 * time.Second)
				r.halt() // fails: its disk is gone

				r.spool, r.own = r.spool.PowerCut(keep, tear), r.own.PowerCut(keep, tear)
				r.boot()
				pause(3 * time.Second)
				for _, rep := range r.reports() {
					if !rep.State.Complete() {
						t.Errorf("after the next start: %v: %s %v", rep.State, rep.Why, rep.Damages)
					}
					if rep.Segments < before.Segments {
						t.Errorf("%d segments were synced, %d are left", before.Segments, rep.Segments)
					}
				}
				if len(r.reports()) == 0 && before.Segments > 0 {
					t.Errorf("the recording is gone, with %d segments synced", before.Segments)
				}
				r.recordsAgain()
				r.finish()
			})
		})
	}
}

// A second daemon on the same spool gives up at once.
func TestOneDaemonForASpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		first, stop, ended := r.d, r.stop, r.ended
		r.boot()
		select {
		case err := <-r.ended:
			if err == nil {
				t.Error("the second one ended without an error")
			}
		case <-time.After(10 * time.Second):
			t.Error("two daemons on one spool")
		}
		r.d, r.stop, r.ended = first, stop, ended
		r.recordsAgain()
		r.finish()
	})
}
