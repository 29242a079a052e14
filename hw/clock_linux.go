package hw

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A pairing is one moment on both clocks: Go's, whose monotonic reading is CLOCK_MONOTONIC with a
// start of its own, and the kernel's. What lies between the two starts never changes, so one good
// moment serves for the life of the process.
type pairing struct {
	ours   time.Time
	kernel time.Duration
}

// pair reads the two clocks as close to each other as it gets. Go's comes first: an edge is taken
// too early, by some nanoseconds, rather than too late.
var pair = sync.OnceValue(func() (best pairing) {
	apart := time.Duration(1<<63 - 1)
	for range 100 { // the process may be put aside between two readings: most of the times it isn't
		before := time.Now()
		kernel := monotonic()
		if d := time.Since(before); d < apart {
			best, apart = pairing{before, kernel}, d
		}
	}
	return best
})

// time turns a stamp of the kernel's into a time of Go's, with both its readings: the monotonic
// one, by which it can be compared, and the wall clock's as it is now.
func (p pairing) time(stamp time.Duration, now time.Time) time.Time {
	return now.Add(stamp - (p.kernel + now.Sub(p.ours)))
}

func monotonic() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it fails for clocks that don't exist
	return time.Duration(t.Nano())
}
