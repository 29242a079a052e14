//go:build linux

package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/daemon/durable"
	"tacet/daemon/store/local/mounts"
	"tacet/systemd/needs"
)

// content returns bytes in which all blocks differ.
func content(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// onDisk returns a folder on a file system that is on a disk.
func onDisk(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC {
		needs.Kernel(t, "a disk to read from", fmt.Errorf("%s lies in memory: set TMPDIR to a folder on a disk", dir))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

func lay(t *testing.T, root *os.Root, name string, data []byte) {
	t.Helper()
	if err := durable.WriteFile(durable.OS(root), name, data); err != nil {
		t.Fatal(err)
	}
}

// readers are the ways to open a copy.
var readers = map[string]func(root *os.Root, name string) (*backFile, error){
	"the best": func(root *os.Root, name string) (*backFile, error) {
		return openBack(root, name, mounts.Mount{FSType: "ext4"})
	},
	"directly": openDirect,
	"plainly":  openPlain,
	"dropped": func(root *os.Root, name string) (*backFile, error) {
		b, err := openPlain(root, name)
		if err == nil {
			err = b.forget()
		}
		return b, err
	},
}

func TestReadBackIsWhole(t *testing.T) {
	root, _ := onDisk(t)
	for way, open := range readers {
		for _, size := range []int{0, 1, alignment - 1, alignment, alignment + 1, blockSize - 1, blockSize, blockSize + 1,
			2*blockSize + alignment, 5*blockSize + 777} {
			want := content(size)
			lay(t, root, "a", want)
			file, err := open(root, "a")
			if errors.Is(err, unix.EINVAL) && way == "directly" {
				t.Logf("direct reading is not to be had here: %v", err)
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", way, err)
			}
			back := file.readAhead(make(chan struct{}))
			got, err := io.ReadAll(back)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes of %d, %v", way, len(got), size, err)
			}
			if n, err := back.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("%s: after the end %d bytes, %v", way, n, err)
			}
			back.Close()
		}
	}
}

// Reading in small pieces, or stopping in the middle, returns what there is.
func TestReadBackInPieces(t *testing.T) {
	root, _ := onDisk(t)
	want := content(3*blockSize + 5)
	lay(t, root, "a", want)
	file, err := openBack(root, "a", mounts.Mount{FSType: "ext4"})
	if err != nil {
		t.Fatal(err)
	}
	back := file.readAhead(make(chan struct{}))
	got := make([]byte, blockSize+100)
	for i := 0; i < len(got); i += 100 {
		if _, err := io.ReadFull(back, got[i:min(i+100, len(got))]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want[:len(got)]) {
		t.Error("the pieces are not the file's")
	}
	back.Close()
	if _, err := back.Read(got); err == nil || err == io.EOF {
		t.Errorf("after Close: %v", err)
	}
}

// A dropped page is not in memory; if it can't be dropped there is an error.
func TestForget(t *testing.T) {
	root, dir := onDisk(t)
	lay(t, root, "a", content(3*blockSize))
	b, err := openPlain(root, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := io.Copy(io.Discard, b.File); err != nil {
		t.Fatal(err)
	}
	if held, err := b.held(); err != nil || held != 3*blockSize/os.Getpagesize() {
		t.Fatalf("after reading it %d pages are held, %v", held, err)
	}
	if err := b.forget(); err != nil {
		t.Fatal(err)
	}
	if held, err := b.held(); err != nil || held != 0 {
		t.Errorf("after dropping it %d pages are held, %v", held, err)
	}
	user, err := os.Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	view, err := unix.Mmap(int(user.Fd()), 0, 2*os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(view)
	if err := b.forget(); err == nil {
		t.Error("pages that another program holds were not seen")
	}
}

// The same with a file larger than one window, most of which is a hole.
func TestHeldLooksAtAll(t *testing.T) {
	root, dir := onDisk(t)
	lay(t, root, "a", nil)
	if err := os.Truncate(filepath.Join(dir, "a"), 2*window+5); err != nil {
		t.Fatal(err)
	}
	b, err := openPlain(root, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	unix.Fadvise(int(b.Fd()), 0, 0, unix.FADV_RANDOM)
	for _, at := range []int64{0, window - 1, window, 2 * window, 2*window + 4} {
		if _, err := b.ReadAt(make([]byte, 1), at); err != nil {
			t.Fatal(err)
		}
	}
	if held, err := b.held(); err != nil || held != 4 {
		t.Errorf("%d pages are held (%v), want 4", held, err)
	}
}

func TestReadBackOfOtherThings(t *testing.T) {
	root, dir := onDisk(t)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	lay(t, root, "a", []byte("x"))
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"folder", "link", "pipe"} {
		if _, err := openBack(root, name, mounts.Mount{}); !errors.Is(err, durable.ErrNotRegular) {
			t.Errorf("a %s: %v", name, err)
		}
	}
	for _, name := range []string{"missing", "../a", "/etc/hostname"} {
		if _, err := openBack(root, name, mounts.Mount{}); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
}

// A direct read that ends unaligned is complete only at the end of the file.
func TestShortDirectRead(t *testing.T) {
	root, _ := onDisk(t)
	lay(t, root, "a", nil)
	file, err := openPlain(root, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.size = 3 * blockSize
	for n, want := range map[int]error{blockSize: nil, alignment: nil, alignment + 1: io.ErrUnexpectedEOF, 0: io.EOF} {
		if err := file.ended(n, blockSize, int64(n)); !errors.Is(err, want) {
			t.Errorf("a direct read of %d bytes: %v, want %v", n, err, want)
		}
	}
	if err := file.ended(5, blockSize, file.size); err != io.EOF {
		t.Errorf("the last direct read: %v", err)
	}
}
