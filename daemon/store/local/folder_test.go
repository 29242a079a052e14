//go:build linux

package local

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/daemon/health"

	"tacet/daemon/store/local/mounts"
)

func (m *machine) folder(path string, unmountedOK bool) *Folder {
	return &Folder{Path: path, UnmountedOK: unmountedOK, Mounts: m.read, devices: m.dev}
}

func TestFolderOnAShare(t *testing.T) {
	m := newMachine(t)
	dir := m.mount("0:52", "cifs")
	f := opened(t, m.folder(dir, false))
	file, err := f.FS().Create("a.tacet")
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	lies(t, dir, "a.tacet")
	isTrouble(t, f.Check(&os.PathError{Err: unix.EHOSTDOWN}), missing, "does not answer")
	isTrouble(t, f.Check(&os.PathError{Err: unix.ESTALE}), missing)
	m.table[1].ReadOnly = true
	isTrouble(t, f.Check(nil), readOnly)
	m.table = m.table[:1]
	isTrouble(t, f.Check(nil), missing, "unmounted")
}

// A folder on the unit's own disk is an empty mount point: nothing is ever written there.
func TestFolderIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		device, fsType string
		unmountedOK    health.Code // the code with unmounted_ok; "": it opens
		words          []string
	}{
		"the system's disk":      {systemDevice, "ext4", "", []string{"nothing is mounted", "unmounted_ok"}},
		"mounted onto itself":    {systemDevice, "ext4", "", []string{"nothing is mounted"}},
		"memory":                 {"0:40", "tmpfs", "", []string{"memory"}},
		"an automount not met":   {"0:41", "autofs", missing, []string{"on demand"}},
		"a program in between":   {"8:1", "fuseblk", failed, []string{"exFAT"}},
		"the disk of an overlay": {systemDevice, "overlay", "", []string{"nothing is mounted"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			dir := m.mount(c.device, c.fsType)
			code := missing
			if c.fsType == "fuseblk" {
				code = failed
			}
			refused(t, m.folder(dir, false), code, c.words...)
			if c.unmountedOK == "" {
				opened(t, m.folder(dir, true))
			} else {
				refused(t, m.folder(dir, true), c.unmountedOK)
			}
			lies(t, dir)
		})
	}
}

func TestFolderIsNotMade(t *testing.T) {
	m := newMachine(t)
	dir := m.mount("0:52", "nfs4")
	refused(t, m.folder(filepath.Join(dir, "recordings"), false), missing, "make the folder")
	lies(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.folder(filepath.Join(dir, "file"), false).Open(t.Context()); err == nil {
		t.Error("a file was opened as a folder")
	}
}

// If the share comes back and covers the open folder, the folder is dropped.
func TestMountedOver(t *testing.T) {
	m := newMachine(t)
	dir := m.mount(systemDevice, "ext4")
	f := opened(t, m.folder(dir, true))
	m.table = append(m.table, mounts.Mount{ID: 900_000, Parent: m.table[1].ID, Root: "/", Point: filepath.Dir(dir),
		Device: "0:52", FSType: "cifs"})
	isTrouble(t, f.Check(nil), missing, "mounted over")
	m.table[2].Point = filepath.Join(dir, "below")
	if err := f.Check(nil); err != nil {
		t.Errorf("a mount below: %v", err)
	}
}

func TestAbort(t *testing.T) {
	m := newMachine(t)
	dir := m.mount("0:52", "nfs4")
	if err := os.WriteFile(filepath.Join(dir, "a.tacet"), make([]byte, 3*blockSize), 0o600); err != nil {
		t.Fatal(err)
	}
	f := opened(t, m.folder(dir, false))
	var backs []io.ReadCloser
	for range 10 { // each may have something ready
		back, err := f.ReadBack("a.tacet")
		if err != nil {
			t.Fatal(err)
		}
		defer back.Close()
		backs = append(backs, back)
	}
	f.Abort()
	f.Abort()
	for _, back := range backs {
		if _, err := back.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("reading back goes on: %v", err)
		}
	}
	if _, err := f.FS().Create("b.tacet"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a file is made after the end: %v", err)
	}
	if _, err := f.ReadBack("a.tacet"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("reading back begins after the end: %v", err)
	}
	lies(t, dir, "a.tacet")
}
