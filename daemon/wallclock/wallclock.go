// Package wallclock reads the machine's wall clock, and reports whether it is synchronised and how
// long the machine has been suspended. Elapsed time is measured with the monotonic clock, never
// with this one.
package wallclock

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock is a wall clock. System is the machine's own.
type Clock interface {
	Now() time.Time
	// Synced reports whether something keeps the clock right.
	Synced() bool
	// Suspended returns how long the machine has been suspended since boot.
	Suspended() time.Duration
}

// System is the machine's own clock.
type System struct{}

// Now returns the time.
func (System) Now() time.Time { return time.Now() }

// Synced asks the kernel whether the clock is synchronised (adjtimex(2)).
func (System) Synced() bool { return synced(unix.Adjtimex) }

// maxError is the largest error, in microseconds, of a synchronised clock: 16 s. The kernel reports
// it for a clock that was never set, and grows to it when nothing has set the clock for long.
const maxError = 16_000_000

// synced decides as systemd does. It ignores the kernel's flag STA_UNSYNC: chrony without rtcsync
// leaves the flag set for good, to keep the kernel from writing the hardware clock. With the flag
// set, adjtimex returns TIME_ERROR, which is not an error.
func synced(adjtimex func(*unix.Timex) (state int, err error)) bool {
	var t unix.Timex
	_, err := adjtimex(&t)
	return err == nil && t.Maxerror < maxError
}
