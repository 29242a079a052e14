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

// A copy in the spool, or in another store's folder, would be the other's file itself, and go with
// it: by whatever path it is reached, it is no store. Nobody waits for a server to hear that.
func TestOneFolderIsNoTwoPlaces(t *testing.T) {
	m := newMachine(t)
	m.plug("8:2", false)
	dir, server := m.mount("8:2", "ext4"), m.mount("0:52", "nfs4")
	spool, link := filepath.Join(dir, "spool"), filepath.Join(dir, "link")
	far := Other{filepath.Join(server, "x"), "store nas"}
	if err := errors.Join(os.Mkdir(spool, 0o700), os.Mkdir(filepath.Join(spool, "inner"), 0o700),
		os.Symlink("spool", link), os.Symlink(spool, far.Path)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{spool, link, filepath.Join(dir, "link", "inner", "..")} {
		for _, as := range []string{spool, link} {
			f := m.folder(path, true)
			f.Others = []Other{{filepath.Join(dir, "none"), "store none"}, {as, "the unit's own spool"}}
			refused(t, f, failed, "the same folder as the unit's own spool", "another disk")
		}
	}
	for _, path := range []string{dir, filepath.Join(spool, "inner")} {
		f := m.folder(path, true)
		f.Others = []Other{{spool, "the unit's own spool"}}
		opened(t, f)
	}
	f := m.folder(spool, true)
	f.Others = []Other{far} // by the server, which is not asked
	opened(t, f)
	// A drive whose root is another's.
	m.plug("8:1", true)
	d, stick := m.drive(), m.mount("8:1", "vfat")
	marked(t, stick, "room-3", "drive")
	d.Others = []Other{{stick, "store nas"}}
	refused(t, d, failed, "the same folder as store nas")
	d.Others = []Other{{spool, "the unit's own spool"}}
	opened(t, d)
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
