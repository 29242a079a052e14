// Package host reads, from the kernel's and the system's files, what a Raspberry Pi tells of
// itself: swap, under-voltage, Wi-Fi, wear of the card, and who sets the clock. Whatever the kernel
// doesn't tell is Absent.
package host

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"tacet/cmd/internal/diagnosis"
	"tacet/config/bounded"
)

// A Host is a machine's files.
type Host struct{ Root string } // "/", except in tests

// maxFile is more than any of the files has, in bytes.
const maxFile = 64 << 10

// read returns the content of a file; "" if it isn't there or can't be read.
func (h Host) read(path string) string {
	f, err := os.Open(filepath.Join(h.Root, path))
	if err != nil {
		return ""
	}
	defer f.Close()
	data, err := bounded.ReadAll(io.Reader(f), maxFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// list returns the paths that match a pattern, without the root.
func (h Host) list(pattern string) (paths []string) {
	found, _ := filepath.Glob(filepath.Join(h.Root, pattern)) // the patterns are ours
	for _, path := range found {
		if rest, err := filepath.Rel(h.Root, path); err == nil {
			paths = append(paths, rest)
		}
	}
	return paths
}

func (h Host) has(path string) bool {
	_, err := os.Stat(filepath.Join(h.Root, path))
	return err == nil
}

// Findings returns what the machine tells of itself, except for the clock.
func (h Host) Findings() []diagnosis.Finding {
	return append([]diagnosis.Finding{h.swap(), h.power(), h.wifi()}, h.cards()...)
}
