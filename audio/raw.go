package audio

import (
	"time"

	"golang.org/x/sys/unix"

	"tacet/audio/monitor"
)

// Raw reads CLOCK_MONOTONIC_RAW. Linux has it since 2.6.28, so it does not fail.
func Raw() monitor.Raw {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &t); err != nil {
		panic("read CLOCK_MONOTONIC_RAW: " + err.Error())
	}
	return monitor.Raw(time.Duration(t.Nano()))
}

// Raw reads the clock that this microphone's blocks are stamped with.
func (m *Mic) Raw() monitor.Raw { return Raw() }
