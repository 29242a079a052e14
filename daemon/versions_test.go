package daemon_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/ledger"
)

// A new version runs on what the one before wrote, and then perhaps the one before again: whoever
// reads what the other wrote finds its ledger whole and every recording, also one that it has to
// close. The first ledger is one that an older version wrote.
//
// The versions are this program under two names. What differs between two real versions is guarded
// by the golden files, and by .ci/CONTRIBUTING.md: a version on trial writes only what the one
// before reads.
func TestANewVersionAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		const old = "ledger/testdata/old/"
		for _, name := range []string{"ledger", "ledger.0000000000", "ledger.head", "unit.key"} {
			data, err := os.ReadFile(old + name)
			if err == nil {
				err = durable.WriteFile(r.own, name, data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for n, version := range []string{"1.0.0", "1.0.1", "1.0.0"} {
			r.version = version
			r.boot()
			r.phase("idle", 10*time.Second)
			for _, code := range r.warnings() {
				if code != "recording-interrupted" {
					t.Errorf("version %s, after another wrote: %s", version, code)
				}
			}
			r.session()
			r.press("room")
			r.phase("recording", 5*time.Second)
			pause(2 * time.Second)
			spool, own := r.spool.PowerCut(50, durabletest.Page), r.own.PowerCut(50, durabletest.Page)
			r.halt()                    // fails: its disks are gone
			r.spool, r.own = spool, own // the next version closes this recording
			closed := 0
			for _, rep := range r.reports() {
				if rep.State.Complete() {
					closed++
				}
			}
			if closed != 2*n+1 {
				t.Errorf("after version %s %d recordings are closed, want %d", version, closed, 2*n+1)
			}
		}
		r.boot()
		r.phase("idle", 10*time.Second)
		if n := len(r.entries(ledger.Started)); n < 6 {
			t.Errorf("the ledger has %d starts", n)
		}
		r.finish()
	})
}
