package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tacet/systemd/needs"
)

// The service locks its memory before it opens anything, and goes on if it may not. The configured
// chip does not exist, so the program waits for it.
func TestServiceLocksItsMemory(t *testing.T) {
	needs.Root(t, "limits of the memory that may be locked")
	for name, c := range map[string]struct {
		through []string
		locked  bool
	}{
		"it may": {nil, true},
		"it may not": {[]string{"prlimit", "--memlock=8388608:8388608", "setpriv", "--bounding-set=-ipc_lock,-sys_resource"},
			false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUnit(t)
			u.light = "gpiochip99:5"
			u.configure("Consulting room")
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			command := slices.Concat(c.through, []string{"tacetd", "-config", u.config, "-state", u.state, "-run", u.run})
			cmd := exec.CommandContext(ctx, command[0], command[1:]...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			size, locked := 0, -1
			lines := bufio.NewScanner(stderr)
			for first := true; lines.Scan(); first = false {
				if first { // it has read its configuration
					size, locked = statusKiB(t, cmd.Process.Pid, "VmSize"), statusKiB(t, cmd.Process.Pid, "VmLck")
					cmd.Process.Signal(syscall.SIGTERM)
				}
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("it exits with %d", code)
			}
			if c.locked && locked < size/2 || !c.locked && locked != 0 {
				t.Errorf("%d KiB of %d are locked", locked, size)
			}
		})
	}
}

// statusKiB returns a figure from /proc/PID/status, in KiB.
func statusKiB(t *testing.T, pid int, name string) (n int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n"+name+":")
	if _, err := fmt.Sscan(after, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
