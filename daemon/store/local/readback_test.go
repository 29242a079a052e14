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
	"time"

	"golang.org/x/sys/unix"

	"tacet/daemon/durable"
	"tacet/systemd/needs"
)

const patience = 20 * time.Second

// content is bytes that no two blocks have in common.
func content(size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// onDisk is a folder on a file system that is on a disk.
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
		return openBack(root, name, Mount{FSType: "ext4"})
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
			back := readAhead(file, make(chan struct{}))
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

// Whoever reads in small pieces, or stops in the middle, gets what there is.
func TestReadBackInPieces(t *testing.T) {
	root, _ := onDisk(t)
	want := content(3*blockSize + 5)
	lay(t, root, "a", want)
	file, err := openBack(root, "a", Mount{FSType: "ext4"})
	if err != nil {
		t.Fatal(err)
	}
	back := readAhead(file, make(chan struct{}))
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

// What was dropped from memory is not in memory; what can't be dropped is an error.
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

// The same on a file of more than one window, most of which is a hole.
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
		if _, err := openBack(root, name, Mount{}); !errors.Is(err, durable.ErrNotRegular) {
			t.Errorf("a %s: %v", name, err)
		}
	}
	for _, name := range []string{"missing", "../a", "/etc/hostname"} {
		if _, err := openBack(root, name, Mount{}); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
}

// pipe is a medium that hangs: a pipe that nobody writes.
func pipe(t *testing.T) (*backFile, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return &backFile{File: r}, w
}

// A medium that hangs holds its own goroutine, and neither who reads nor who aborts or closes.
func TestHangingMedium(t *testing.T) {
	for how, end := range map[string]func(aborted chan struct{}, back *ahead){
		"abort": func(aborted chan struct{}, back *ahead) { close(aborted) },
		"close": func(aborted chan struct{}, back *ahead) { close(back.closed) },
	} {
		file, _ := pipe(t)
		aborted := make(chan struct{})
		back := readAhead(file, aborted)
		ended := make(chan error)
		go func() {
			_, err := back.Read(make([]byte, 1))
			ended <- err
		}()
		end(aborted, back)
		select {
		case err := <-ended:
			if err == nil || err == io.EOF {
				t.Errorf("%s: %v", how, err)
			}
		case <-time.After(patience):
			t.Fatalf("%s: the reader hangs too", how)
		}
	}
}

// The file is closed when the reading ends.
func TestReadBackLetsGo(t *testing.T) {
	file, w := pipe(t)
	back := readAhead(file, make(chan struct{}))
	for range blocks {
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, blocks)
	if _, err := io.ReadFull(back, got); err != nil {
		t.Fatal(err)
	}
	back.Close()
	for { // the pipe breaks when its other end is closed; until then it takes what is written
		if _, err := w.Write([]byte("y")); errors.Is(err, unix.EPIPE) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A read that fails is told, after what was read before it.
func TestReadBackFails(t *testing.T) {
	file, w := pipe(t)
	back := readAhead(file, make(chan struct{}))
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := io.ReadFull(back, got); err != nil || string(got) != "abc" {
		t.Fatalf("%q, %v", got, err)
	}
	w.Close()
	if n, err := back.Read(got); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	short := &ahead{file: &backFile{File: file.File, direct: true, size: 3 * blockSize}}
	for n, want := range map[int]error{blockSize: nil, alignment: nil, alignment + 1: io.ErrUnexpectedEOF, 0: io.EOF} {
		if b := short.after(make([]byte, n, blockSize), blockSize, 0, nil); !errors.Is(b.err, want) {
			t.Errorf("a direct read of %d bytes: %v, want %v", n, b.err, want)
		}
	}
	if b := short.after(make([]byte, 5, blockSize), blockSize, 3*blockSize-5, nil); b.err != io.EOF {
		t.Errorf("the last direct read: %v", b.err)
	}
}
