package daemon

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/daemon/memory"
	"tacet/systemd/needs"
)

// mapped is how much of the program and its libraries is in this process's memory.
func mapped(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the kernel doesn't say what is mapped")
	return 0
}

// What a start needed is let go, and the program runs on.
func TestLetGo(t *testing.T) {
	before := mapped(t)
	if err := letGo(); err != nil {
		t.Fatal(err)
	}
	if after := mapped(t); after >= before {
		t.Errorf("%d KiB are mapped, %d before", after, before)
	}
}

// So it is where all memory is locked, which the kernel lets go of only when it is unlocked.
func TestLetGoOfWhatIsLocked(t *testing.T) {
	needs.Kernel(t, "to lock memory", memory.Lock())
	defer unix.Munlockall()
	TestLetGo(t)
}
