//go:build linux

package local

import (
	"os"
	"path/filepath"
	"testing"

	"tacet/daemon/store/local/mounts"
)

// A file system without a device number of its own is looked up by the name of its device, in /sys:
// in the service's sandbox /dev has no drives.
func TestDeviceOfBtrfs(t *testing.T) {
	d := devices{root: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(d.root, "sys/class/block/sda1"), 0o700); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"/dev/sda1": true, "/dev/sdb1": false, "/dev/mapper/x": true, "//nas/x": true}
	for source, want := range known {
		if got := d.there(mounts.Mount{Device: "0:42", Source: source}); got != want {
			t.Errorf("%s is there: %v", source, got)
		}
	}
}
