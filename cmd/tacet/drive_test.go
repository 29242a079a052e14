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
)

// The scripts of the drive mount file systems in memory, in namespaces of their own.
func TestDriveScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "drive"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": clitest.Exits},
		Condition: func(name string) (bool, error) {
			if name != "mounts" {
				return false, fmt.Errorf("no condition is called %s", name)
			}
			return exec.Command("unshare", "-rm", "true").Run() == nil, nil
		},
	})
}

// A drive's root is the topmost folder of its file system.
func TestTopOf(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // these are Linux's folders
	}
	for path, want := range map[string]string{"/": "/", "/proc": "/proc", "/proc/self": "/proc",
		"/proc/sys/kernel": "/proc"} {
		if top, err := topOf(path); top != want || err != nil {
			t.Errorf("the top of %s is %s (%v), want %s", path, top, err, want)
		}
	}
	if !ownDisk("/") || !ownDisk("/home") || ownDisk("/media/TACET") || ownDisk("/run/media/x/TACET") {
		t.Error("a disk of the computer's own and a drive are taken for each other")
	}
	if _, err := topOf(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(err) {
		t.Errorf("of what is missing: %v", err)
	}
}
