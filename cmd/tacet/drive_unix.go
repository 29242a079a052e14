//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// fileSystemRoot returns the root of the file system that a folder is on: the topmost folder with
// the same device.
func fileSystemRoot(path string) (string, error) {
	device := func(path string) (uint64, error) {
		info, err := os.Lstat(path)
		if err != nil {
			return 0, err
		}
		st, _ := info.Sys().(*syscall.Stat_t)
		return uint64(st.Dev), nil
	}
	own, err := device(path)
	if err != nil {
		return "", err
	}
	for path != "/" {
		above := filepath.Dir(path)
		other, err := device(above)
		if err != nil {
			return "", err
		}
		if other != own {
			break
		}
		path = above
	}
	return path, nil
}

// isReadOnly reports whether err says that the file system is mounted read-only.
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// isSystemDisk reports whether the file system with this root belongs to the computer itself.
func isSystemDisk(top string) bool {
	return slices.Contains([]string{"/", "/boot", "/boot/efi", "/boot/firmware", "/efi", "/home", "/opt", "/root", "/srv",
		"/tmp", "/usr", "/var",
		"/dev", "/proc", "/sys", "/run", "/System/Volumes/Data"}, top)
}
