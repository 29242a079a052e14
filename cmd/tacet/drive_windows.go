package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// topOf is the root of the drive that a folder lies on, E:\.
func topOf(path string) (string, error) { return filepath.VolumeName(path) + `\`, nil }

// isReadOnly reports whether nothing can be written because the drive is write-protected.
func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// ownDisk reports whether a drive is the one that Windows runs from.
func ownDisk(top string) bool {
	return strings.EqualFold(strings.TrimSuffix(top, `\`), os.Getenv("SystemDrive"))
}
