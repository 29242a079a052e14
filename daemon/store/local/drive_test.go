//go:build linux

package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/daemon/health"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/store/local/mounts"
)

func TestDriveIsFoundByItsMark(t *testing.T) {
	m := newMachine(t)
	refused(t, m.drive(), missing, "high-street/room-3", "no drive")
	m.plug("8:1", true)
	m.plug("8:17", true)
	m.mount("8:1", "exfat") // a guest's, without a mark
	dir := m.mount("8:17", "vfat")
	id := marked(t, dir, "room-3", "drive")
	d := opened(t, m.drive())
	if !strings.Contains(d.ID(), id) || !strings.Contains(d.ID(), "8:17") {
		t.Errorf("the medium calls itself %q", d.ID())
	}
	f, err := d.FS().Create("a.tacet")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	lies(t, dir, mark.File, "a.tacet")
	if info, err := os.Stat(filepath.Join(dir, "a.tacet")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the office may not read the copy: %v, %v", info.Mode(), err)
	}
}

// A drive that is not this store's is never written to, and is reported as what it is.
func TestForeignDrives(t *testing.T) {
	for name, c := range map[string]struct {
		lay    func(m *machine, dir string)
		fsType string
		code   health.Code
		words  []string
	}{
		"another room's": {func(m *machine, dir string) { marked(t, dir, "room-4", "drive") }, "vfat", foreign,
			[]string{"room-4", "belongs to"}},
		"another store's": {func(m *machine, dir string) { marked(t, dir, "room-3", "second") }, "vfat", foreign,
			[]string{`"second"`}},
		"without a mark": {func(m *machine, dir string) {}, "vfat", foreign, []string{"no mark", "tacet drive init"}},
		"with a false mark": {func(m *machine, dir string) {
			os.WriteFile(filepath.Join(dir, mark.File), []byte("{}"), 0o600)
		}, "ext4", foreign, []string{"-replace"}},
		"with a mark that is a link": {func(m *machine, dir string) {
			marked(t, dir, "room-3", "drive")
			os.Rename(filepath.Join(dir, mark.File), filepath.Join(dir, "x"))
			os.Symlink("x", filepath.Join(dir, mark.File))
		}, "ext4", foreign, []string{"-replace"}},
		"NTFS": {func(m *machine, dir string) { marked(t, dir, "room-3", "drive") }, "fuseblk", foreign, []string{"exFAT"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.plug("8:1", true)
			dir := m.mount("8:1", c.fsType)
			c.lay(m, dir)
			before, _ := os.ReadDir(dir)
			refused(t, m.drive(), c.code, append(c.words, dir)...)
			if after, _ := os.ReadDir(dir); len(after) != len(before) {
				t.Errorf("it was written to: %v", after)
			}
		})
	}
}

// A disk of the machine itself without a mark is not reported.
func TestOwnDisksAreNotSpokenOf(t *testing.T) {
	m := newMachine(t)
	m.plug("259:1", false)
	m.mount("259:1", "ext4")
	refused(t, m.drive(), missing)
	m.label("259:1", "TACET") // unless it is called as the drive should be
	refused(t, m.drive(), foreign, "no mark")
	m = newMachine(t)
	marked(t, m.mount(systemDevice, "ext4"), "room-3", "drive") // the system's disk, mounted again
	refused(t, m.drive(), missing)
	m = newMachine(t)
	m.plug("8:1", true)
	marked(t, m.mount("8:1", "vfat"), "room-3", "drive")
	m.table[1].Root = "/sub" // a folder of it, mounted elsewhere
	refused(t, m.drive(), missing)
}

func TestLabelDecidesBetweenTwo(t *testing.T) {
	m := newMachine(t)
	m.plug("8:1", true)
	m.plug("8:17", true)
	older, newer := marked(t, m.mount("8:1", "vfat"), "room-3", "drive"),
		marked(t, m.mount("8:17", "vfat"), "room-3", "drive")
	if id := opened(t, m.drive()).ID(); !strings.Contains(id, newer) {
		t.Errorf("without a label it is %s, want the newest", id)
	}
	m.label("8:1", "TACET")
	if id := opened(t, m.drive()).ID(); !strings.Contains(id, older) {
		t.Errorf("with the label on the older it is %s", id)
	}
}

func TestLabelledDriveThatNobodyMounted(t *testing.T) {
	m := newMachine(t)
	m.label("8:1", "TACET")
	refused(t, m.drive(), missing, "/dev/sd8:1", "not mounted")
	m.label("8:17", `ROOM\x203`) // as udev has it
	d := m.drive()
	d.Label = "ROOM 3"
	refused(t, d, missing, "/dev/sd8:17", "not mounted")
}

// The stale mount of a drive that was pulled out is never used, though its folder still answers.
func TestStaleMount(t *testing.T) {
	m := newMachine(t)
	m.plug("8:1", true)
	marked(t, m.mount("8:1", "vfat"), "room-3", "drive")
	d := opened(t, m.drive())
	m.pull("8:1")
	for _, cause := range []error{nil, unix.ENOSPC, unix.EROFS, unix.EIO, unix.ENODEV, unix.EACCES} {
		// file systems name it so
		isTrouble(t, d.Check(cause), missing, "pulled out")
	}
	refused(t, m.drive(), missing, "pulled out")
	m.plug("8:17", true)
	fresh := marked(t, m.mount("8:17", "vfat"), "room-3", "drive")
	m.table[1], m.table[2] = m.table[2], m.table[1] // even where the stale one comes last
	again := opened(t, m.drive())
	if !strings.Contains(again.ID(), fresh) || again.ID() == d.ID() {
		t.Errorf("after it is back it is %s", again.ID())
	}
	isTrouble(t, d.Check(nil), missing)
}

// The mount at the drive's mount point is not the one in the table: the drive is hidden under it.
func TestHiddenMount(t *testing.T) {
	m := newMachine(t)
	m.plug("8:1", true)
	m.plug("8:17", true)
	dir := m.mount("8:17", "vfat")
	marked(t, dir, "room-3", "drive")
	m.table = append(m.table, mounts.Mount{ID: 900_000, Parent: 1, Root: "/", Point: dir, Device: "8:1", FSType: "vfat"})
	if id := opened(t, m.drive()).ID(); !strings.Contains(id, "8:17") {
		t.Errorf("it is taken for the one below: %s", id)
	}
	m.table = append(m.table[:1], m.table[2])
	if med, err := m.drive().Open(context.Background()); err == nil {
		t.Errorf("%s was opened under another", med.ID())
	}
}

func TestDriveChecks(t *testing.T) {
	m := newMachine(t)
	m.plug("8:1", true)
	marked(t, m.mount("8:1", "vfat"), "room-3", "drive")
	d := opened(t, m.drive())
	path := func(err error) error { return &os.PathError{Op: "write", Path: "a.tacet", Err: err} }
	if err := d.Check(path(unix.EIO)); err != nil {
		t.Errorf("a failing drive that is there: %v, want nothing that is known", err)
	}
	isTrouble(t, d.Check(path(unix.EFBIG)), failed, "4 GiB")
	isTrouble(t, d.Check(path(unix.ENODEV)), missing)
	isTrouble(t, d.Check(path(unix.ESHUTDOWN)), missing)
	isTrouble(t, d.Check(path(unix.EACCES)), readOnly, "uid=tacet")
	isTrouble(t, d.Check(path(unix.EROFS)), readOnly, "fsck.vfat")
	isTrouble(t, d.Check(path(unix.EDQUOT)), full)
	isTrouble(t, d.Check(path(unix.ENOSPC)), failed, "FAT16") // this folder's own disk has room
	m.table[1].ReadOnly = true
	isTrouble(t, d.Check(nil), readOnly, "fsck.vfat", "write-protect")
	refused(t, m.drive(), readOnly, "fsck.vfat")
	stick := m.table[1]
	m.table = m.table[:1]
	isTrouble(t, d.Check(nil), missing, "unmounted")
	stick.Device = "8:17" // another stick, on a mount with the same number
	m.table = append(m.table, stick)
	isTrouble(t, d.Check(nil), missing, "unmounted")
	m.err = errors.New("no table")
	if err := d.Check(nil); err != nil {
		t.Errorf("with no table: %v", err)
	}
}

func TestDriveOpenEnds(t *testing.T) {
	m := newMachine(t)
	m.plug("8:1", true)
	marked(t, m.mount("8:1", "vfat"), "room-3", "drive")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.drive().Open(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the end", err)
	}
	m.err = errors.New("no table")
	if _, err := m.drive().Open(t.Context()); !errors.Is(err, m.err) {
		t.Errorf("%v, want %v", err, m.err)
	}
}
