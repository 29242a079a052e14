package daemon

import (
	"errors"
	"math"
	"testing"
	"time"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
	"tacet/daemon/spool"
)

// The reserve is asked of what is known: a spool without an end, or one that can't tell, is not
// full.
func TestReserveOfUnknownRoom(t *testing.T) {
	for what, c := range map[string]struct {
		free, total int64
		err         error
		full        bool
	}{
		"16 EiB":         {free: math.MaxInt64, total: math.MaxInt64},
		"nobody knows":   {err: errors.ErrUnsupported},
		"an hour":        {free: 4000 * 3600, total: 1 << 40, full: true},
		"two hours":      {free: 2 * 4000 * 3600, total: 1 << 40},
		"nothing at all": {free: 0, total: 1 << 40, full: true},
	} {
		d := durabletest.NewDisk(1)
		d.SetSpace(c.free, c.total, c.err)
		folder, err := spool.Open(d)
		if err != nil {
			t.Fatal(err)
		}
		left, err := (&disk{spool: folder}).room(2*time.Hour, 4000)
		if full := err != nil && codeOf(err, "") == health.SpoolFull; full != c.full || !full && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if left < 0 || !c.full && left < 2*time.Hour {
			t.Errorf("%s: %v are left", what, left)
		}
	}
}
