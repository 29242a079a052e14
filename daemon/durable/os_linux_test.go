package durable_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"tacet/daemon/durable"
	"tacet/systemd/needs"
)

// If a file system can't sync a folder, like some network file systems, a write is still taken for
// done.
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

// Reserved space belongs to the file until it is freed, and doesn't change its length.
func TestReserve(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := durable.OS(root).Create("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	look := func() (size, taken int64) {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Size(), info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	if err := f.(durable.Reserver).Reserve(1 << 20); errors.Is(err, errors.ErrUnsupported) {
		needs.Kernel(t, "to reserve space on this file system", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if size, taken := look(); size != 0 || taken < 1<<20 {
		t.Errorf("%d bytes long, and %d taken", size, taken)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, taken := look(); taken != 0 {
		t.Errorf("%d bytes are still taken", taken)
	}
}
