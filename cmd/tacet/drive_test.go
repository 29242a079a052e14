package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tacet/cmd/internal/cli/clitest"
	"tacet/systemd/needs"
)

// These scripts mount file systems in memory, in namespaces of their own.
func TestDriveScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "drive"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": clitest.Exits},
		Condition: func(name string) (bool, error) {
			if name != "mounts" {
				return false, fmt.Errorf("there is no condition %s", name)
			}
			return mounts() == nil, nil
		},
	})
}

// Without mounts the script of drives stops in its middle and passes. This test then says so.
func TestDriveScriptsRunWhole(t *testing.T) {
	needs.Program(t, "unshare", "util-linux")
	needs.Kernel(t, "mounts in a namespace of one's own, for testdata/drive", mounts())
}

// mounts returns why nothing can be mounted here, or nil.
func mounts() error {
	out, err := exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// The root of a file system is its topmost folder.
func TestFileSystemRoot(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the folders below are Linux's
	}
	for path, want := range map[string]string{"/": "/", "/proc": "/proc", "/proc/self": "/proc",
		"/proc/sys/kernel": "/proc"} {
		if top, err := fileSystemRoot(path); top != want || err != nil {
			t.Errorf("the top of %s is %s (%v), want %s", path, top, err, want)
		}
	}
	if !isSystemDisk("/") || !isSystemDisk("/home") || isSystemDisk("/media/TACET") || isSystemDisk("/run/media/x/TACET") {
		t.Error("isSystemDisk confuses the computer's own disk with a drive")
	}
	if _, err := fileSystemRoot(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(err) {
		t.Errorf("for a missing folder: %v", err)
	}
}
