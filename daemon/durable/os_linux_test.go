package durable_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"tacet/daemon/durable"
)

// A file system that can't sync a folder, as some network file systems can't, is no reason to take what was written there for lost.
func TestFolderWithoutSync(t *testing.T) {
	const without = "/proc"
	dir, err := os.Open(without)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.Sync(); !errors.Is(err, syscall.EINVAL) {
		t.Fatalf("%s is synced with %v: this test looks at the wrong file system", without, err)
	}
	root, err := os.OpenRoot(without)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := durable.OS(root).SyncDir("."); err != nil {
		t.Error(err)
	}
}
