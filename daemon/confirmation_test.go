package daemon_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon"
	"tacet/daemon/recording"
	"tacet/daemon/trust"
)

// confirmed returns what somebody has confirmed.
func (r *room) confirmed() (*trust.Confirmation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.word, nil
}

// confirm does what "tacetd confirm" does with the unit's status.
func (r *room) confirm() {
	s := r.d.Status()
	r.say(confirmationOf(s))
	pause(6 * time.Second)
}

func (r *room) say(c *trust.Confirmation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.word = c
}

var confirmations int

func confirmationOf(s daemon.Status) *trust.Confirmation {
	confirmations++
	c := &trust.Confirmation{
		Format: trust.ConfirmationFormat, ID: fmt.Sprint("c", confirmations), Unit: s.UnitKey, Ledger: s.Unconfirmed.Ledger,
		Recipients: slices.Clone(s.Unconfirmed.Trusted), Drives: s.Unconfirmed.Drives,
	}
	for _, r := range s.Unconfirmed.Added {
		c.Recipients = append(c.Recipients, recording.Fingerprint(r))
	}
	return c
}

// A drive that was rejected and pulled out is not confirmed along with the one that is there.
func TestOnlyWhatIsThereIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := driveRoom(t)
		r.boot()
		r.phase("idle", time.Second)
		pause(2 * time.Hour)
		planted, own := marked(t, "5678-ABCD"), marked(t, "1234-ABCD")
		s.plug(planted)
		r.warned("drive-new", time.Minute)
		pause(time.Hour)
		if u := r.d.Status().Unconfirmed.Drives; len(u) != 1 {
			t.Errorf("while it is there: %+v", u)
		}
		s.plug(nil)
		pause(10 * time.Minute)
		s.plug(own)
		r.warned("drive-new", time.Minute)
		if u := r.d.Status().Unconfirmed.Drives; len(u) != 1 || u[0].Drive != own.mark.ID {
			t.Errorf("to be confirmed: %+v", u)
		}
		r.confirm()
		s.plug(planted)
		r.consults()
		r.untouched(planted, "drive-new", 1)
		s.plug(own)
		r.arrives(own, 1)
		r.finish()
	})
}
