package daemon

import (
	"time"

	"golang.org/x/sys/unix"
)

// SystemClock is the machine's own wall clock.
type SystemClock struct{}

// Now is the wall clock's time.
func (SystemClock) Now() time.Time { return time.Now() }

// Synced asks the kernel whether somebody keeps the clock right (adjtimex(2)).
func (SystemClock) Synced() bool { return synced(unix.Adjtimex) }

// farOff is the error that the kernel gives a clock which nobody has set, or for so long that it
// may be that far off: 16 s, in microseconds.
const farOff = 16_000_000

// synced decides as systemd does. The kernel's flag STA_UNSYNC says something else: chrony without
// rtcsync leaves it set for ever, to keep the kernel from writing the hardware's clock. With it the
// call answers TIME_ERROR, which is no error.
func synced(adjtimex func(*unix.Timex) (state int, err error)) bool {
	var t unix.Timex
	_, err := adjtimex(&t)
	return err == nil && t.Maxerror < farOff
}
