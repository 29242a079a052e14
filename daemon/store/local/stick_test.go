//go:build linux

package local

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/systemd/needs"
)

// run runs a program.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// stick is a file system in a file, mounted through a loop device.
type stick struct{ image, point string }

// mounted makes and mounts a file system. Without the permissions it skips the test.
func mounted(t *testing.T, fsType string, megabytes int64) stick {
	t.Helper()
	needs.Root(t, "loop devices")
	dir := t.TempDir()
	s := stick{filepath.Join(dir, "image"), filepath.Join(dir, "point")}
	if err := os.Mkdir(s.point, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.image, megabytes<<20); err != nil {
		t.Fatal(err)
	}
	args := []string{s.image}
	if fsType == "ext4" {
		args = []string{"-q", "-F", "-m", "0", s.image}
	}
	run(t, "mkfs."+fsType, args...)
	if out, err := exec.Command("mount", "-t", fsType, "-o", "loop", s.image, s.point).CombinedOutput(); err != nil {
		needs.Kernel(t, "to mount "+fsType+" through a loop device", fmt.Errorf("%s", bytes.TrimSpace(out)))
	}
	t.Cleanup(func() { unmountAll(s.point) })
	return s
}

// unmountAll unmounts everything at a folder.
func unmountAll(point string) {
	for unix.Unmount(point, unix.MNT_DETACH) == nil {
	}
}
