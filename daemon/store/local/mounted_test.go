//go:build linux

package local

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/daemon/durable"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/store/local/mounts"
	"tacet/daemon/store/local/mounts/mountstest"
	"tacet/systemd/needs"
)

func TestRealExt4(t *testing.T)  { realDrive(t, "ext4") }
func TestRealVfat(t *testing.T)  { realDrive(t, "vfat") }
func TestRealExfat(t *testing.T) { realDrive(t, "exfat") }

// realDrive takes a real drive through its life: found, written, read back from the medium, full,
// read-only, unmounted.
func realDrive(t *testing.T, fsType string) {
	if !mountstest.Namespaced(t) {
		return
	}
	s := mounted(t, fsType, 48)
	kind := &Drive{Site: "high-street", Room: "room-3", Store: "drive", Label: "TACET", Mounts: mounts.Read}
	refused(t, kind, missing) // a loop device is nothing that is plugged in
	marked(t, s.point, "room-3", "drive")
	if _, err := store.Probe(t.Context(), kind); err != nil {
		t.Errorf("a try: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(s.point, ".tacet-probe")); !os.IsNotExist(err) {
		t.Errorf("a try leaves something behind: %v", err)
	}
	d := opened(t, kind)
	backFromMedium(t, d, s)
	fillUp(t, d)
	if err := unix.Mount("", s.point, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	isTrouble(t, d.Check(nil), readOnly, "fsck")
	refused(t, kind, readOnly, "fsck")
	if _, err := d.FS().Create("b.tacet"); err == nil {
		t.Error("a file was made on a read-only drive")
	} else {
		isTrouble(t, d.Check(err), readOnly)
	}
	if err := unix.Unmount(s.point, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	isTrouble(t, d.Check(nil), missing, "unmounted")
	refused(t, kind, missing)
	lies(t, s.point) // nothing was written under it
}

// backFromMedium changes a copy on the medium behind the file system's back: reading back must see
// it, plain reading doesn't.
func backFromMedium(t *testing.T, d store.Folder, s stick) {
	t.Helper()
	data := content(2*blockSize + 99)
	if err := durable.WriteFile(d.FS(), "a.tacet", data); err != nil {
		t.Fatal(err)
	}
	readBack(t, d, data)
	plainly(t, d, data) // now it is in memory,
	defer pin(t, d)()   // and stays there, whoever asks the kernel to drop it
	image, err := os.ReadFile(s.image)
	if err != nil {
		t.Fatal(err)
	}
	needle := data[blockSize+alignment : blockSize+2*alignment]
	at := bytes.Index(image, needle)
	if at < 0 {
		t.Fatal("what was synced is not on the medium")
	}
	f, err := os.OpenFile(s.image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("altered"), int64(at)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	plainly(t, d, data)
	altered := bytes.Clone(data)
	copy(altered[blockSize+alignment:], "altered")
	readBack(t, d, altered)
	if err := d.FS().Remove("a.tacet"); err != nil {
		t.Fatal(err)
	}
}

// pin holds the copy in memory until the function it returns is called.
func pin(t *testing.T, d store.Folder) func() {
	t.Helper()
	f, err := d.FS().Open("a.tacet")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	view, err := unix.Mmap(int(f.(*os.File).Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	return func() { unix.Munmap(view) }
}

// plainly expects the result of an ordinary read.
func plainly(t *testing.T, d store.Folder, want []byte) {
	t.Helper()
	if got, err := durable.ReadFile(d.FS(), "a.tacet", 1<<30); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("this test needs a file system that reads from memory (%v)", err)
	}
}

func readBack(t *testing.T, d store.Folder, want []byte) {
	t.Helper()
	back, err := d.ReadBack("a.tacet")
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if got, err := io.ReadAll(back); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read back %d bytes of %d, %v, and not what is on the medium", len(got), len(want), err)
	}
}

// fillUp writes until there is no space.
func fillUp(t *testing.T, d store.Folder) {
	t.Helper()
	f, err := d.FS().Create("filler")
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, blockSize)
	for range 64 {
		if _, err = f.Write(block); err != nil {
			break
		}
	}
	isTrouble(t, d.Check(err), full, "no space")
	f.Close()
	if err := d.FS().Remove("filler"); err != nil {
		t.Fatal(err)
	}
}

// Once ext4 finds itself damaged it writes nothing, though its mount may still say "rw".
func TestRealExt4Damaged(t *testing.T) {
	if !mountstest.Namespaced(t) {
		return
	}
	s := mounted(t, "ext4", 16)
	if err := unix.Mount("", s.point, "", unix.MS_REMOUNT, "errors=remount-ro"); err != nil {
		t.Fatal(err)
	}
	marked(t, s.point, "room-3", "drive")
	kind := &Drive{Site: "high-street", Room: "room-3", Store: "drive", Mounts: mounts.Read}
	d := opened(t, kind)
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(source(t, s.point)), "trigger_fs_error")
	needs.Kernel(t, "to break a file system on demand", os.WriteFile(trigger, []byte("a test"), 0))
	kind.Mounts = func() (mounts.Table, error) { // some kernels go on saying "rw" in the table
		table, err := mounts.Read()
		for i := range table {
			table[i].ReadOnly = false
		}
		return table, err
	}
	_, err := d.FS().Create("a.tacet")
	isTrouble(t, d.Check(err), readOnly, "e2fsck")
	refused(t, kind, readOnly)
}

func source(t *testing.T, point string) string {
	t.Helper()
	table, err := mounts.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range table {
		if m.Point == point {
			return m.Source
		}
	}
	t.Fatalf("nothing is mounted at %s", point)
	return ""
}

// Another stick is mounted over the first one: the new one is used, and the old one recognised.
func TestRealSwap(t *testing.T) {
	if !mountstest.Namespaced(t) {
		return
	}
	first, second := mounted(t, "ext4", 16), mounted(t, "ext4", 16)
	marked(t, first.point, "room-3", "drive")
	kind := &Drive{Site: "high-street", Room: "room-3", Store: "drive", Mounts: mounts.Read}
	d := opened(t, kind)
	marked(t, second.point, "room-4", "drive")
	if err := unix.Mount(second.point, first.point, "", unix.MS_MOVE, ""); err != nil {
		t.Fatal(err)
	}
	isTrouble(t, d.Check(nil), missing, "mounted over")
	refused(t, kind, foreign, "room-4")
	lies(t, first.point, mark.File, "lost+found")
}

// The life of a share's mount point. A file system in memory replaces the share if there is none.
func TestRealFolder(t *testing.T) {
	if !mountstest.Namespaced(t) {
		return
	}
	point := filepath.Join(t.TempDir(), "nas")
	if err := os.Mkdir(point, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unmountAll(point) })
	onSystem := func() bool {
		var folder, root unix.Stat_t
		return unix.Stat(point, &folder) == nil && unix.Stat("/", &root) == nil && folder.Dev == root.Dev
	}
	strict, lax := &Folder{Path: point, Mounts: mounts.Read}, &Folder{Path: point, UnmountedOK: true, Mounts: mounts.Read}
	if onSystem() {
		refused(t, strict, missing, "nothing is mounted")
		if err := unix.Mount(point, point, "", unix.MS_BIND, ""); err != nil { // as systemd does for ReadWritePaths=
			t.Fatal(err)
		}
		refused(t, strict, missing, "nothing is mounted")
	}
	under, err := lax.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer under.Close()
	if err := unix.Mount("memory", point, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	isTrouble(t, under.Check(nil), missing, "mounted over")
	refused(t, strict, missing, "memory")
	f := opened(t, lax)
	data := content(alignment + 5)
	if err := durable.WriteFile(f.FS(), "a.tacet", data); err != nil {
		t.Fatal(err)
	}
	readBack(t, f, data)
	lies(t, point, "a.tacet")
	if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	isTrouble(t, f.Check(nil), missing, "unmounted")
	lies(t, point)
}

// A separate disk is as good as a share.
func TestRealFolderOnADisk(t *testing.T) {
	if !mountstest.Namespaced(t) {
		return
	}
	s := mounted(t, "ext4", 48)
	link := filepath.Join(t.TempDir(), "link") // a path may lead through links
	if err := os.Symlink(s.point, link); err != nil {
		t.Fatal(err)
	}
	f := opened(t, &Folder{Path: link, Mounts: mounts.Read})
	backFromMedium(t, f, s)
	fillUp(t, f)
}
