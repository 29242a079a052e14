//go:build linux

package local

import (
	"os"
	"path/filepath"
	"testing"

	"tacet/daemon/store"
	"tacet/daemon/store/local/mounts"
)

// A drive of ours is written to and cleaned up. Without our mark it isn't touched.
func TestProbeWritesOnlyWhereTheMarkIs(t *testing.T) {
	m := newMachine(t)
	m.plug("8:1", true)
	dir := m.mount("8:1", "vfat")
	made := touched(t, dir)
	_, err := store.Probe(t.Context(), m.drive())
	isTrouble(t, err, foreign, "carries no mark")
	if made() {
		t.Error("a drive without a mark was written to")
	}
	marked(t, dir, "room-9", "drive")
	made = touched(t, dir)
	_, err = store.Probe(t.Context(), m.drive())
	isTrouble(t, err, foreign, "belongs to")
	if made() {
		t.Error("another room's drive was written to")
	}
}

func TestProbeCleansUp(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".tacet-probe"), []byte("of an interrupted one"), 0o600); err != nil {
		t.Fatal(err)
	}
	made := touched(t, dir)
	if _, err := store.Probe(t.Context(), &Folder{Path: dir, UnmountedOK: true, Mounts: mounts.Read}); err != nil {
		t.Fatal(err)
	}
	if !made() {
		t.Error("it didn't write")
	}
	lies(t, dir)
}

// touched reports whether anything was made or removed in a folder since.
func touched(t *testing.T, dir string) func() bool {
	t.Helper()
	changed := func() (int64, error) {
		info, err := os.Stat(dir)
		if err != nil {
			return 0, err
		}
		return info.ModTime().UnixNano(), nil
	}
	before, err := changed()
	if err != nil {
		t.Fatal(err)
	}
	return func() bool {
		after, err := changed()
		return err != nil || after != before
	}
}
