package wire

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"tacet/hw/simpanel"
)

// A Window is a word of memory that the front writes and the unit reads: how the lines and the
// sense line stand now. The unit looks at them ten times a second while it records, and through a
// window that costs what it costs to ask the kernel for real ones, not two wake-ups in each
// process.
type Window struct {
	file *os.File // to hand to the unit; nil at its side
	page []byte
}

// NewWindow makes one.
func NewWindow() (*Window, error) {
	fd, err := unix.MemfdCreate("front", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a window to the front: %w", err)
	}
	f := os.NewFile(uintptr(fd), "front")
	if err := f.Truncate(int64(os.Getpagesize())); err != nil {
		f.Close()
		return nil, fmt.Errorf("make a window to the front: %w", err)
	}
	return openWindow(f, unix.PROT_READ|unix.PROT_WRITE)
}

// OpenWindow is the unit's side; it takes the file over. It can't be written through.
func OpenWindow(f *os.File) (*Window, error) {
	w, err := openWindow(f, unix.PROT_READ)
	if err == nil {
		w.file = nil
		f.Close()
	}
	return w, err
}

func openWindow(f *os.File, may int) (*Window, error) {
	page, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), may, unix.MAP_SHARED)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("look through the window to the front: %w", err)
	}
	return &Window{f, page}, nil
}

// File is what the unit gets.
func (w *Window) File() *os.File { return w.file }

// Close must come after the last look.
func (w *Window) Close() error {
	if w.file != nil {
		w.file.Close()
	}
	return unix.Munmap(w.page)
}

func (w *Window) word() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&w.page[0])) }

func (w *Window) show(l simpanel.Levels) { w.word().Store(uint32(l)) }

func (w *Window) look() simpanel.Levels { return simpanel.Levels(w.word().Load()) }
