//go:build linux

package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"tacet/daemon/durable"
)

const (
	// blockSize is how much is read at once, blocks how many of them are under way: one is compared
	// while the next is being read.
	blockSize = 1 << 20
	blocks    = 2
	// alignment of memory and file offset is enough for direct reads from every disk with sectors
	// of up to 4 KiB.
	alignment = 4096
)

// backFile is a copy, open to be read from its medium.
type backFile struct {
	*os.File
	direct bool
	size   int64
	first  []byte // was read already
}

// openBack opens a copy so that what is read comes from the medium:
//
//   - Directly (O_DIRECT), past the machine's memory, where the file system can: FAT, exFAT, ext4, NFS, SMB with the
//     default cache=strict, most of FUSE. NFS, SMB and FUSE then ask the server, or the program that stands for it.
//   - Otherwise (SMB with cache=loose) it has the kernel drop what it holds of the file, and sees that it did.
//   - A file in memory (tmpfs) has no other medium. Its folder said so with UnmountedOK.
//
// What the kernel holds of the file is dropped before a direct read too: some file systems read
// some files through memory all the same (ext4 those that are encrypted or journaled, btrfs those
// that are compressed).
func openBack(root *os.Root, name string, m Mount) (*backFile, error) {
	if inMemory(m) {
		return openPlain(root, name)
	}
	b, err := openDirect(root, name)
	if !errors.Is(err, unix.EINVAL) {
		return b, err
	}
	if b, err = openPlain(root, name); err != nil {
		return nil, err
	}
	if err := b.forget(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func openPlain(root *os.Root, name string) (*backFile, error) { return openFile(root, name, 0) }

// openDirect reads the first block: some file systems refuse only then, with EINVAL.
func openDirect(root *os.Root, name string) (*backFile, error) {
	b, err := openFile(root, name, unix.O_DIRECT)
	if err != nil {
		return nil, err
	}
	b.direct = true
	_ = unix.Fadvise(int(b.Fd()), 0, 0, unix.FADV_DONTNEED) // what it can't drop is no harm to a direct read
	first := aligned(blockSize)
	n, err := b.Read(first)
	if err != nil && err != io.EOF {
		b.Close()
		return nil, err
	}
	b.first = first[:n]
	return b, nil
}

// openFile opens a regular file, as durable.OS does, and nothing that a link or a pipe leads to.
func openFile(root *os.Root, name string, flag int) (*backFile, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: name, Err: durable.ErrNotRegular}
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|flag, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(before, info) {
		err = &os.PathError{Op: "open", Path: name, Err: errors.New("replaced while it was being opened")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &backFile{File: f, size: info.Size()}, nil
}

// aligned is memory that a disk can write into directly.
func aligned(size int) []byte {
	p := make([]byte, size+alignment)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) & (alignment - 1)
	return p[skip : skip+size : skip+size]
}

// drops is how often the kernel is asked: it may have pages in hand at that moment.
const drops = 3

// forget has the kernel drop what it holds of a file, and is an error where it doesn't.
func (b *backFile) forget() error {
	if err := b.Sync(); err != nil { // what isn't on the medium can't be dropped
		return err
	}
	held := 0
	for range drops {
		err := unix.Fadvise(int(b.Fd()), 0, 0, unix.FADV_DONTNEED)
		if err == nil {
			held, err = b.held()
		}
		if err != nil {
			return fmt.Errorf("have it dropped from memory: %w", err)
		}
		if held == 0 {
			return nil
		}
	}
	return fmt.Errorf("%d pages of it stay in the unit's memory, so reading it would prove nothing", held)
}

// window is how much of a file is looked at once, so that it fits into the address space of a small
// unit.
const window = 64 << 20

// held counts the pages of a file that are in memory. To see that takes the right to write the
// file.
func (b *backFile) held() (int, error) {
	page, count := os.Getpagesize(), 0
	seen := make([]byte, window/page)
	for at := int64(0); at < b.size; at += window {
		length := int(min(window, b.size-at))
		view, err := unix.Mmap(int(b.Fd()), at, length, unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return 0, os.NewSyscallError("mmap", err)
		}
		_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(view))), uintptr(length),
			uintptr(unsafe.Pointer(unsafe.SliceData(seen))))
		unix.Munmap(view)
		if errno != 0 {
			return 0, os.NewSyscallError("mincore", errno)
		}
		for _, s := range seen[:(length+page-1)/page] {
			count += int(s & 1)
		}
	}
	return count, nil
}
