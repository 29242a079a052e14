package demotest

import (
	"os"

	"golang.org/x/sys/unix"
)

// MayLockMemory reports whether a unit that a test starts may lock all of its memory. Where it may
// not, as most ordinary users, its status light pulses, and its room needs a hand.
func MayLockMemory() bool {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit)
	return os.Geteuid() == 0 || err == nil && limit.Cur == unix.RLIM_INFINITY
}
