package daemon_test

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
)

// headless is a folder where a ledger's head can't be saved while it is stuck. It counts the tries.
type headless struct {
	durable.FS
	stuck *atomic.Bool
	tries *atomic.Int64
}

func (h headless) Rename(from, to string) error {
	if strings.HasSuffix(to, ".head") && h.stuck.Load() {
		h.tries.Add(1)
		return syscall.EIO
	}
	return h.FS.Rename(from, to)
}

// A ledger that can't be opened is tried less and less often, since each try may write all of it.
// It is used soon after it can be opened.
func TestALedgerThatCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		var stuck atomic.Bool
		var tries atomic.Int64
		stuck.Store(true)
		r.keep = func(own durable.FS) durable.FS { return headless{own, &stuck, &tries} }
		r.boot()
		r.warned("ledger-error", 8*time.Second)
		for began := time.Now(); time.Since(began) < 24*time.Hour; {
			pause(17 * time.Minute)
		}
		if n := tries.Load(); n < 200 || n > 24*12+10 {
			t.Errorf("tried %d times in a day", n)
		}
		stuck.Store(false)
		pause(5*time.Minute + 10*time.Second)
		r.recordsAgain()
		r.finish()
	})
}
