//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/store/local/mounts"
)

// machine is a fake mount table and fake kernel folders of devices. The folders that it mounts are
// real.
type machine struct {
	t     *testing.T
	table mounts.Table
	dev   devices
	err   error // that reading the table fails with
}

const systemDevice = "179:2"

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, dev: devices{root: t.TempDir()}}
	m.table = mounts.Table{{ID: 1, Point: "/", Root: "/", Device: systemDevice, FSType: "ext4", Source: "/dev/mmcblk0p2"}}
	for _, dir := range []string{"sys/dev/block", "sys/class/block", "dev/disk/by-label"} {
		if err := os.MkdirAll(filepath.Join(m.dev.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.plug(systemDevice, false)
	return m
}

func (m *machine) read() (mounts.Table, error) { return m.table, m.err }

// mount makes a folder the root of a file system on a device, and returns it.
func (m *machine) mount(device, fsType string) string {
	m.t.Helper()
	dir := m.t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		m.t.Fatal(err)
	}
	defer root.Close()
	id, err := mountID(root)
	if err != nil {
		m.t.Fatal(err)
	}
	source := "/dev/sd" + device
	if strings.HasPrefix(device, "0:") {
		source = "//nas/recordings"
	}
	m.table = append(m.table, mounts.Mount{ID: id, Parent: 1, Root: "/", Point: dir, Device: device, FSType: fsType,
		Source: source})
	return dir
}

// plug makes the kernel report a device, on USB or not.
func (m *machine) plug(device string, usb bool) {
	m.t.Helper()
	bus := "pci0/nvme"
	if usb {
		bus = "pci0/usb1/1-1"
	}
	at := filepath.Join(m.dev.root, "sys/devices", bus, "block", device)
	if err := os.MkdirAll(at, 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(at, filepath.Join(m.dev.root, "sys/dev/block", device)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) pull(device string) {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.dev.root, "sys/dev/block", device)); err != nil {
		m.t.Fatal(err)
	}
}

// label labels the file system on a device.
func (m *machine) label(device, label string) {
	m.t.Helper()
	name := "sd" + device
	dir := filepath.Join(m.dev.root, "sys/class/block", name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev"), []byte(device+"\n"), 0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink("../../"+name, filepath.Join(m.dev.root, "dev/disk/by-label", label)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) drive() *Drive {
	return &Drive{Site: "high-street", Room: "room-3", Store: "drive", Label: "TACET", Mounts: m.read, devices: m.dev}
}

// marked marks a drive, and returns the mark's ID.
func marked(t *testing.T, dir, room, name string) string {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	mk, err := mark.New("high-street", room, name)
	if err == nil {
		err = mk.Write(root)
	}
	if err != nil {
		t.Fatal(err)
	}
	return mk.ID
}

// opened opens a store that must be usable.
func opened(t *testing.T, k store.Kind) store.Folder {
	t.Helper()
	m, err := k.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Check(nil); err != nil {
		t.Fatal(err)
	}
	return m.(store.Folder)
}

// isTrouble expects a code, and words in the text.
func isTrouble(t *testing.T, err error, code health.Code, words ...string) {
	t.Helper()
	tr := (*store.Trouble)(nil)
	if !errors.As(err, &tr) || tr.Code != code {
		t.Errorf("%v (%s), want %s", err, codeOf(err), code)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func codeOf(err error) health.Code {
	if tr := (*store.Trouble)(nil); errors.As(err, &tr) {
		return tr.Code
	}
	return health.Code(fmt.Sprintf("%T", err))
}

func refused(t *testing.T, k store.Kind, code health.Code, words ...string) {
	t.Helper()
	m, err := k.Open(context.Background())
	if err == nil {
		m.Close()
		t.Errorf("%s was opened, want %s", m.ID(), code)
		return
	}
	isTrouble(t, err, code, words...)
}

// lies expects exactly these names in a folder.
func lies(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("%s holds %v, want %v", dir, got, names)
	}
}
