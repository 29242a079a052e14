package main

import (
	"os"
	"path/filepath"
	"strings"
)

// topOf is the root of the drive that a folder lies on, E:\.
func topOf(path string) (string, error) { return filepath.VolumeName(path) + `\`, nil }

// ownDisk reports whether a drive is the one that Windows runs from.
func ownDisk(top string) bool {
	return strings.EqualFold(strings.TrimSuffix(top, `\`), os.Getenv("SystemDrive"))
}
