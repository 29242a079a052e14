package disk

import (
	"errors"
	"math"
	"testing"
	"time"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
	"tacet/daemon/spool"
)

// A spool is full only if it is known to be: not if it has no end, or can't tell.
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
		left, err := Room(folder, 2*time.Hour, 4000)
		if full := err != nil && health.CodeOf(err, "") == health.SpoolFull; full != c.full || !full && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if left < 0 || !c.full && left < 2*time.Hour {
			t.Errorf("%s: %v are left", what, left)
		}
	}
}
