//go:build unix && !linux

package durable

import "golang.org/x/sys/unix"

// blockSize returns the unit in which a file system counts its blocks.
func blockSize(st *unix.Statfs_t) uint64 { return uint64(st.Bsize) }
