package wallclock

import (
	"time"

	"golang.org/x/sys/unix"
)

// minSuspend is how far the two clocks must part to count as a suspend.
const minSuspend = 2 * time.Second

// Suspended returns how far CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, which stands still during a
// suspend. A paused virtual machine stops both clocks.
func (System) Suspended() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}

// SuspendWatch notices that the machine was suspended.
type SuspendWatch struct {
	clock Clock
	seen  time.Duration // what Suspended returned when last taken into account
}

// NewSuspendWatch counts suspends from now on.
func NewSuspendWatch(c Clock) SuspendWatch { return SuspendWatch{clock: c, seen: c.Suspended()} }

// Suspended reports whether the machine has been suspended since the last call. Short suspends add
// up from call to call, except at rest, when there is no consent for them to end.
func (w *SuspendWatch) Suspended(atRest bool) bool {
	now := w.clock.Suspended()
	long := now-w.seen >= minSuspend
	if long || atRest {
		w.seen = now
	}
	return long
}
