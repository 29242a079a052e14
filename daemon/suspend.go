package daemon

import (
	"time"

	"golang.org/x/sys/unix"

	"tacet/daemon/consent"
)

// sleepTime is how far the clocks must part for it to count as a suspend.
const sleepTime = 2 * time.Second

// Suspended is how long the machine has been suspended since it was switched on: CLOCK_BOOTTIME
// goes on meanwhile, CLOCK_MONOTONIC does not. A virtual machine that is paused stops both.
func (SystemClock) Suspended() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}

// noteSleep ends every consent when the machine was suspended: nobody knows who is in the room now.
// It comes before anything that was queued.
func (d *Daemon) noteSleep() {
	asleep := d.hw.Clock.Suspended()
	if asleep-d.asleep < sleepTime {
		if d.atRest() { // short ones add up while consent stands
			d.asleep = asleep
		}
		return
	}
	d.asleep = asleep
	d.log.Warn("the machine was suspended")
	d.step(consent.Slept{})
}
