package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/daemon/memory"
	"tacet/systemd/needs"
)

// limitEnv makes this program the process that TestLock examines.
const limitEnv = "TACET_MEMLOCK"

func TestMain(m *testing.M) {
	if os.Getenv(limitEnv) != "" {
		subject()
		return
	}
	os.Exit(m.Run())
}

// subject locks its memory under a limit, and then allocates much more.
func subject() {
	before := limit()
	err := memory.Lock()
	const much = 64 << 20 // bytes; the heap grows step by step, and each step is asked for
	var blocks [][]byte
	for n := 0; n < much; n += 1 << 20 {
		blocks = append(blocks, bytes.Repeat([]byte{1}, 1<<20))
	}
	fmt.Printf("failed %v for its limit %v, locked %v, limit kept %v, blocks %d\n",
		err != nil, errors.Is(err, memory.ErrLimit), locked() > 0, limit() == before, len(blocks))
}

func limit() (l unix.Rlimit) {
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil {
		panic(err)
	}
	return l
}

// locked is the locked address space of this process, in KiB.
func locked() (n int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	_, after, _ := strings.Cut(string(status), "\nVmLck:")
	if _, err := fmt.Sscan(after, &n); err != nil {
		panic(err)
	}
	return n
}

// Memory is locked entirely or not at all. If it can't be, the program still works, whatever it
// allocates.
func TestLock(t *testing.T) {
	const can, cannot = "failed false for its limit false, locked true",
		"failed true for its limit true, locked false, limit kept true"
	for _, c := range []struct {
		limit  string // in bytes
		rights bool   // this process's own
		want   string
	}{
		{"0:0", false, cannot}, {"0", false, cannot}, {"65536:65536", false, cannot}, {"8388608:8388608", false, cannot},
		{"4294967296:4294967296", false, cannot}, // more than all addresses that it has yet
		{"unlimited:unlimited", false, can},
		{"0:unlimited", false, can}, {"8388608:unlimited", false, can}, // the limit can be lifted
		{"0:0", true, can}, {"8388608:8388608", true, can},
	} {
		t.Run(fmt.Sprintf("%s, rights %v", c.limit, c.rights), func(t *testing.T) {
			if c.rights {
				needs.Root(t, "the rights to lock memory")
			}
			args := []string{"--memlock=" + c.limit}
			needs.Kernel(t, "to set such a limit", exec.Command("prlimit", append(args, "true")...).Run())
			if !c.rights && os.Geteuid() == 0 {
				args = append(args, "setpriv", "--bounding-set=-ipc_lock,-sys_resource")
			}
			cmd := exec.Command("prlimit", append(args, os.Args[0])...)
			cmd.Env = append(os.Environ(), limitEnv+"=1")
			out, err := cmd.CombinedOutput()
			if said := string(out); err != nil || !strings.HasPrefix(said, c.want) || !strings.HasSuffix(said, "blocks 64\n") {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
}
