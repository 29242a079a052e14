package main

import (
	"os"
	"path/filepath"
	"testing"

	"tacet/cmd/internal/cli"
	"tacet/daemon/update"
)

// install puts a version beside the running service, as the package manager does.
func (u *unit) install(version string) {
	u.t.Helper()
	for name, text := range map[string]string{u.updates.Installed: version + "\n", u.updates.Program: version} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			u.t.Fatal(err)
		}
	}
}

func newInstalled(t *testing.T) *unit {
	u, dir := newUnit(t), t.TempDir()
	u.updates = update.Unit{Running: cli.Version, Installed: filepath.Join(dir, "version"), Dir: dir,
		Program: filepath.Join(dir, "tacetd")}
	return u
}

// The service ends without an error, which is exit code 0, so that systemd starts the new version.
func TestItEndsForANewVersion(t *testing.T) {
	t.Setenv(restVariable, "1ms")
	u := newInstalled(t)
	u.install("7")
	u.start()
	if err := u.end(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

// What the running daemon reports is what update-check goes by.
func TestItReportsANewVersion(t *testing.T) {
	for _, rest := range []string{"", "soon", "-1s"} { // ten minutes
		t.Setenv(restVariable, rest)
		u := newInstalled(t)
		u.install("7")
		if err := (update.State{Failed: []update.Failed{{Version: "6", Why: "x"}}}).Write(u.updates.Dir,
			func(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }); err != nil {
			t.Fatal(err)
		}
		u.start()
		u.says(func(r *report) bool {
			return r.Waiting == "7" && len(r.Warnings) > 0 && r.Warnings[0].Code == "mic-missing" && r.Warnings[0].Blocks
		})
		u.install("6")
		u.says(func(r *report) bool {
			for _, w := range r.Warnings {
				if w.Code == "update-failed" {
					return r.Waiting == "" && !w.Blocks
				}
			}
			return false
		})
	}
}
