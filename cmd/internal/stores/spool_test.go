//go:build linux

package stores

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/config"
	"tacet/daemon/store/local/mounts/mountstest"
	"tacet/systemd/needs"
)

// A mount may show the spool under other inodes, as a share of the unit's own disk does. It is no
// store, of whatever kind.
func TestAMountThatShowsTheSpoolIsNoStore(t *testing.T) {
	if !mountstest.Namespaced(t) {
		return
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil { // an overlay can't lie on an overlay
		needs.Kernel(t, "to mount a tmpfs", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	for _, name := range []string{"spool", "shown", "upper", "work", "elsewhere"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	err := unix.Mount("overlay", at("shown"), "overlay", 0,
		"lowerdir="+at("spool")+",upperdir="+at("upper")+",workdir="+at("work"))
	if err != nil {
		needs.Kernel(t, "to mount an overlay", err)
	}
	defer unix.Unmount(at("shown"), unix.MNT_DETACH)
	cfg := &config.Config{Spool: config.Spool{Path: at("spool")}}
	m := &Maker{subscribed: map[string]<-chan struct{}{"a": make(chan struct{})}}
	open := func(name string) error {
		s := config.Store{Name: "a", Kind: config.Folder, Path: at(name), UnmountedOK: true}
		medium, err := m.Kind(cfg)(s, nil).Open(t.Context())
		if err == nil {
			medium.Close()
		}
		return err
	}
	if err := open("shown"); err == nil || !strings.Contains(err.Error(), "the unit's own spool") {
		t.Errorf("it opens: %v", err)
	}
	if err := open("elsewhere"); err != nil {
		t.Errorf("another folder: %v", err)
	}
	if list, err := os.ReadDir(at("spool")); err != nil || len(list) > 0 {
		t.Errorf("left in the spool: %v, %v", list, err)
	}
}
