package daemon_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable/durabletest"
)

// Whenever the power goes during the first start, the next one counts as the first too: everything
// that is there is trusted, and nothing is missing.
func TestFirstStartIsCut(t *testing.T) {
	for at := 1; ; at++ {
		over := false
		t.Run(fmt.Sprintf("operation %d", at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, "room")
				r.own.CutAt(at)
				r.boot()
				pause(2 * time.Second)
				over = !errors.Is(r.own.Writable(), durabletest.ErrOff)
				r.halt()
				if over {
					return
				}
				r.own = r.own.PowerCut([]int{0, 50, 100}[at%3], durabletest.Sector)
				r.boot()
				pause(20 * time.Second)
				if w := r.warnings(); len(w) > 0 {
					t.Errorf("warnings %v", w)
				}
				r.recordsAgain()
				if _, err := r.own.Stat("unit.key.first"); err == nil {
					t.Error("the first start never ends")
				}
				r.finish()
			})
		})
		if over {
			if at < 10 {
				t.Errorf("a first start takes %d operations: nothing was tried", at-1)
			}
			return
		}
	}
}

// Whenever the power goes while a confirmation is taken, in the end it is taken as a whole, and
// once.
func TestConfirmationIsCut(t *testing.T) {
	for at := 1; ; at++ {
		over := false
		t.Run(fmt.Sprintf("operation %d", at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := driveRoom(t)
				r.boot()
				r.phase("idle", time.Second)
				if err := r.halt(); err != nil {
					t.Fatal(err)
				}
				cfg := *r.cfg
				cfg.Encrypt.Recipients = append(slices.Clone(cfg.Encrypt.Recipients), "age1new")
				r.cfg = &cfg
				drive := marked(t, "1234-ABCD")
				s.plug(drive)
				r.boot()
				r.warned("drive-new", 20*time.Second)
				c := confirmationOf(r.d.Status())
				r.own.CutAt(at)
				r.say(c)
				pause(20 * time.Second)
				over = !errors.Is(r.own.Writable(), durabletest.ErrOff)
				if r.halt(); over {
					return
				}
				r.own = r.own.PowerCut([]int{0, 50, 100}[at%3], durabletest.Sector)
				r.boot()
				r.phase("idle", 20*time.Second)
				pause(time.Minute)
				r.consults()
				r.arrives(drive, 1)
				if got := r.sealed(); len(got) != 3 {
					t.Errorf("it was sealed to %q", got)
				}
				r.finish()
			})
		})
		if over {
			if at < 4 {
				t.Errorf("a confirmation takes %d operations: nothing was tried", at-1)
			}
			return
		}
	}
}
