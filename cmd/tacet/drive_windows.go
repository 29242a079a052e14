package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// fileSystemRoot returns the root of the drive that a folder is on, E:\.
func fileSystemRoot(path string) (string, error) { return filepath.VolumeName(path) + `\`, nil }

// isReadOnly reports whether err says that the drive is write-protected.
func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// isSystemDisk reports whether Windows runs from the drive.
func isSystemDisk(top string) bool {
	return strings.EqualFold(strings.TrimSuffix(top, `\`), os.Getenv("SystemDrive"))
}
