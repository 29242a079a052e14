package hw

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A pairing is one moment on two clocks: the kernel's CLOCK_MONOTONIC, and Go's monotonic clock,
// which is the same with a different start. Their difference is constant, so one pairing serves for
// the life of the process.
type pairing struct {
	ours   time.Time
	kernel time.Duration
}

// pair reads the two clocks as close together as possible, Go's first: an edge appears some
// nanoseconds too early rather than too late.
var pair = sync.OnceValue(func() (best pairing) {
	apart := time.Duration(1<<63 - 1)
	for range 100 { // the process may be preempted between two readings, but rarely
		before := time.Now()
		kernel := monotonic()
		if d := time.Since(before); d < apart {
			best, apart = pairing{before, kernel}, d
		}
	}
	return best
})

// time converts a timestamp of the kernel to a time with a monotonic reading, for comparison, and
// the present wall clock.
func (p pairing) time(stamp time.Duration, now time.Time) time.Time {
	return now.Add(stamp - (p.kernel + now.Sub(p.ours)))
}

func monotonic() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // it fails only for unknown clocks
	return time.Duration(t.Nano())
}
