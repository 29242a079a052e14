package memory

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrLimit says that this process may lock some memory, but not all that it has and will have.
var ErrLimit = errors.New("the limit must be infinity")

// Lock keeps every page of this process out of swap, those that it touches from now on too. It
// locks what is touched and no more: a Go program reserves hundreds of megabytes of addresses, of
// which it uses a few. A program calls it first, once, with the rights that it keeps.
//
// Under a limit (RLIMIT_MEMLOCK) that can't be lifted it locks nothing. The kernel counts
// addresses, not pages, so that the limit would soon be reached; then it refuses what the Go
// runtime asks for, and the runtime dies of that.
func Lock() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	if limit.Cur == unix.RLIM_INFINITY || Lift() == nil {
		return all()
	}
	// CAP_IPC_LOCK goes beyond any limit. Whether that right is the kernel's or only a container's
	// is seen with a limit of nothing.
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Max: limit.Max}); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	err := all()
	if err != nil {
		err = fmt.Errorf("lock memory: it may have %d KiB: %w", limit.Cur/1024, ErrLimit)
	}
	return errors.Join(err, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit))
}

func all() error {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	return nil
}

// Lift takes the limit away, for this process and those that it starts, where its rights allow
// that. A program that gives up rights before it calls Lock calls it before.
func Lift() error {
	none := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &none)
}
