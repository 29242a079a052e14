package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

func reserve(f *os.File, size int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
}
