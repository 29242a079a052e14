package wire

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"tacet/hw/simpanel"
)

// Window is a word of memory that the panel writes and the unit reads: the present levels of the
// lines and of the sense line. The unit reads them ten times a second while it records. Through a
// window that is about as cheap as asking the kernel for real lines; a call would wake both
// processes.
type Window struct {
	file *os.File // for the unit; nil on the unit's side
	page []byte
}

// NewWindow makes a window.
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

// OpenWindow opens the unit's side, which can't write. It closes the file.
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

// File returns the file for the unit.
func (w *Window) File() *os.File { return w.file }

// Close must come after the last read.
func (w *Window) Close() error {
	if w.file != nil {
		w.file.Close()
	}
	return unix.Munmap(w.page)
}

func (w *Window) word() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&w.page[0])) }

func (w *Window) show(l simpanel.Levels) { w.word().Store(uint32(l)) }

func (w *Window) look() simpanel.Levels { return simpanel.Levels(w.word().Load()) }
