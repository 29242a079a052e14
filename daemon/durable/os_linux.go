package durable

import (
	"cmp"
	"os"

	"golang.org/x/sys/unix"
)

func reserve(f *os.File, size int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
}

// blockSize returns the unit in which a file system counts its blocks.
func blockSize(st *unix.Statfs_t) uint64 { return uint64(max(cmp.Or(st.Frsize, st.Bsize), 0)) }
