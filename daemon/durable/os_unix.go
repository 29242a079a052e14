//go:build unix

package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// nonblock keeps an open from waiting for the other end of a pipe.
const nonblock = unix.O_NONBLOCK

// space counts what an ordinary user may write, without what is reserved for root. A file system
// that reports no blocks doesn't know.
func space(dir *os.File) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, 0, err
	}
	return measure(uint64(max(st.Bavail, 0)), uint64(st.Blocks), blockSize(&st))
}

func measure(free, all, block uint64) (int64, int64, error) {
	if all == 0 || block == 0 {
		return 0, 0, errors.ErrUnsupported
	}
	return Bytes(free, block), Bytes(all, block), nil
}

func writable(dir *os.File) error { return unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, 0) }

// syncDir ignores EINVAL, the error of file systems that can't sync folders. Some network file
// systems can't: their server keeps its own names.
func syncDir(dir *os.File) error {
	if err := dir.Sync(); !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}
