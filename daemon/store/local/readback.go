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
	"tacet/daemon/store/local/mounts"
	"tacet/daemon/store/readahead"
)

const (
	// blockSize is the size of a read. Two are under way: one is compared while the next is read.
	blockSize = 1 << 20
	// alignment of memory and file offsets that is enough for direct reads from every disk with
	// sectors of up to 4 KiB.
	alignment = 4096
)

// backFile is a copy, open to be read from its medium.
type backFile struct {
	*os.File
	direct bool
	size   int64 // when it was opened
}

// readAhead reads the file from its start, and closes it. After an abort nobody waits for a read
// that hangs in the kernel.
func (b *backFile) readAhead(aborted <-chan struct{}) *readahead.Reader {
	return readahead.NewReader(b, aborted, aligned(blockSize), aligned(blockSize))
}

// ReadAt reads directly if the file was opened so: then p and at must be aligned.
func (b *backFile) ReadAt(p []byte, at int64) (n int, err error) {
	if !b.direct {
		return b.File.ReadAt(p, at)
	}
	for n < len(p) && err == nil {
		var part int
		part, err = unix.Pread(int(b.Fd()), p[n:], at+int64(n))
		if err == unix.EINTR {
			err = nil
			continue
		}
		if err != nil {
			return n, &os.PathError{Op: "read", Path: b.Name(), Err: err}
		}
		n += part
		err = b.ended(part, len(p)-n+part, at+int64(n))
	}
	return n, err
}

// ended returns the error after a direct read of n of the requested bytes, up to the offset end. A
// read that ends unaligned must have reached the end of the file: the kernel refuses the next one.
func (b *backFile) ended(n, requested int, end int64) error {
	switch {
	case n == 0:
		return io.EOF
	case n == requested:
		return nil
	case end >= b.size:
		return io.EOF
	case end%alignment != 0:
		return fmt.Errorf("read %s back: only %d of %d bytes up to %d: %w", b.Name(), n, requested, end, io.ErrUnexpectedEOF)
	}
	return nil
}

// openBack opens a copy so that reads come from the medium:
//
//   - Directly (O_DIRECT), past the machine's memory, if the file system can: FAT, exFAT, ext4,
//     NFS, SMB with the default cache=strict, most of FUSE. NFS, SMB and FUSE then ask the server,
//     or the program in its place.
//   - Otherwise (SMB with cache=loose) it makes the kernel drop the file's pages, and checks that
//     it did.
//   - A file in memory (tmpfs) has no other medium. Its folder allows that with UnmountedOK.
//
// The pages are dropped before a direct read too, because some file systems read some files through
// memory even then: ext4 those that are encrypted or journaled, btrfs those that are compressed.
func openBack(root *os.Root, name string, m mounts.Mount) (*backFile, error) {
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

// openDirect reads a sector, because some file systems fail only then, with EINVAL.
func openDirect(root *os.Root, name string) (*backFile, error) {
	b, err := openFile(root, name, unix.O_DIRECT)
	if err != nil {
		return nil, err
	}
	b.direct = true
	_ = unix.Fadvise(int(b.Fd()), 0, 0, unix.FADV_DONTNEED) // a direct read works even if this fails
	if _, err := b.ReadAt(aligned(alignment), 0); err != nil && err != io.EOF {
		b.Close()
		return nil, err
	}
	return b, nil
}

// openFile opens a regular file, as durable.OS does: not the target of a link, and not a pipe.
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

// aligned returns memory that a disk can write into directly.
func aligned(size int) []byte {
	p := make([]byte, size+alignment)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) & (alignment - 1)
	return p[skip : skip+size : skip+size]
}

// drops is how often the kernel is asked: it may be using pages at that moment.
const drops = 3

// forget makes the kernel drop a file's pages from memory, and fails if it doesn't.
func (b *backFile) forget() error {
	if err := b.Sync(); err != nil { // a page that isn't on the medium can't be dropped
		return err
	}
	held := 0
	for range drops {
		err := unix.Fadvise(int(b.Fd()), 0, 0, unix.FADV_DONTNEED)
		if err == nil {
			held, err = b.held()
		}
		if err != nil {
			return fmt.Errorf("drop it from memory: %w", err)
		}
		if held == 0 {
			return nil
		}
	}
	return fmt.Errorf("%d pages of it stay in the unit's memory, so reading it would prove nothing", held)
}

// window is how much of a file is mapped at once. It fits into the address space of a small unit.
const window = 64 << 20

// held counts the pages of a file that are in memory. That needs write permission for the file.
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
