package main

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"tacet/daemon/store/local/mark"
)

// fileSystemUUID returns the UUID of the file system that a folder is on.
func fileSystemUUID(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	st, _ := info.Sys().(*syscall.Stat_t)
	device := uint64(st.Dev)
	return mark.UUIDOf("/", fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))), nil
}
