//go:build linux

package local

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/systemd/needs"
)

const inNamespace = "TACET_TEST_NAMESPACE"

// namespaced runs the test again in a process with its own mounts, and returns true there.
func namespaced(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		needs.Kernel(t, "to mount anything", err)
	}
	if err == nil && bytes.Contains(out, []byte("--- SKIP: "+t.Name())) {
		needs.Kernel(t, "what it lacked in a namespace of its own", fmt.Errorf("%s", out))
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("in a namespace of its own: %v\n%s", err, out)
	}
	return false
}

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
