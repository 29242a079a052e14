// Package lockedtest measures how much memory of this process is locked.
package lockedtest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Bytes is the amount of memory that is both locked and excluded from core dumps.
func Bytes(t testing.TB) int {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	total, size := 0, 0
	for line := range strings.Lines(string(smaps)) {
		if rest, ok := strings.CutPrefix(line, "Size:"); ok {
			if _, err := fmt.Sscanf(rest, "%d kB", &size); err != nil {
				t.Fatalf("smaps says %q: %v", line, err)
			}
		}
		if flags := strings.Fields(line); flags[0] == "VmFlags:" && slices.Contains(flags, "lo") &&
			slices.Contains(flags, "dd") {
			total += size * 1024
		}
	}
	return total
}
