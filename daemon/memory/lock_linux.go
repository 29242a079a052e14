package memory

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrLimit says that the process may lock only a limited amount of memory.
var ErrLimit = errors.New("the limit must be infinity")

// Lock keeps every page of this process, present and future, out of swap. It locks only pages that
// are touched: a Go program reserves hundreds of megabytes of addresses and uses a few. Call it
// once, at the start, with the capabilities that the process keeps.
//
// Under a limit (RLIMIT_MEMLOCK) that can't be lifted it locks nothing. The kernel counts
// addresses, not pages, so the limit would soon be reached; then the kernel refuses memory to the
// Go runtime, which crashes.
func Lock() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	if limit.Cur == unix.RLIM_INFINITY || Lift() == nil {
		return all()
	}
	// CAP_IPC_LOCK overrides any limit, but not in every container: a limit of zero shows whether
	// it does.
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Max: limit.Max}); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	err := all()
	if err != nil {
		err = fmt.Errorf("lock memory: the limit is %d KiB: %w", limit.Cur/1024, ErrLimit)
	}
	return errors.Join(err, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit))
}

func all() error {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	return nil
}

// Lift removes the limit for this process and its children, if its capabilities allow that. A
// program that drops capabilities before Lock calls Lift first.
func Lift() error {
	none := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &none)
}
