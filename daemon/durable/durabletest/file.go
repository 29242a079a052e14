package durabletest

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"time"
)

// Beside a file's blocks, two things have keys of their own: they too are written, and synced.
const (
	length = -1
	frozen = -2 // read-only
)

// Blocks are followed by the sector, the least that a disk writes wholly or not at all.
const sector = 512

// node is what a name leads to. The disk's lock guards it.
type node struct {
	kind    fs.FileMode    // 0: a regular file
	data    []byte         // what reads back
	platter []byte         // what the disk holds
	frozen  bool           // as Stat says
	icy     bool           // as the disk holds it
	dirty   map[int64]bool // sectors that the next sync writes; and the keys above
	lost    map[int64]bool // sectors that a failed sync marked clean: no later sync writes them
	failed  string         // the operation after which nothing may be written any more
}

func newNode(kind fs.FileMode) *node {
	return &node{kind: kind, dirty: map[int64]bool{}, lost: map[int64]bool{}}
}

// touch marks what lies from offset to end, and the length, as written and not synced.
func (n *node) touch(from, to int64) {
	n.dirty[length] = true
	for b := from / sector; b*sector < to; b++ {
		n.dirty[b] = true
	}
}

// settle brings onto the platter the sectors that keep names, and the given length. Where a sector
// is not kept the platter holds what it held before or, where it held nothing, what fill says.
func (n *node) settle(size int64, keep func(block int64) bool, fill func([]byte)) {
	now := make([]byte, size)
	for at := int64(0); at < size; at += sector {
		part := now[at:min(at+sector, size)]
		switch {
		case keep(at / sector):
			copy(part, tail(n.data, at))
		case at < int64(len(n.platter)):
			copy(part, tail(n.platter, at))
		default:
			fill(part)
		}
	}
	n.platter = now
	if keep(frozen) {
		n.icy = n.frozen
	}
}

func tail(data []byte, at int64) []byte { return data[min(at, int64(len(data))):] }

// unsynced counts the blocks, and the length, that a power cut may take.
func (n *node) unsynced() int {
	if n.dirty[frozen] {
		return len(n.dirty) - 1
	}
	return len(n.dirty)
}

func (n *node) sync() {
	n.settle(int64(len(n.data)), func(b int64) bool { return !n.lost[b] }, func([]byte) {})
	clear(n.dirty)
}

// failSync is what the kernel does after an error: all is marked clean, and nothing says so later.
func (n *node) failSync() {
	for b := range n.dirty {
		n.lost[b] = true
	}
	clear(n.dirty)
}

func (n *node) info(name string) fs.FileInfo {
	mode := n.kind | 0o600
	if n.frozen {
		mode = n.kind | 0o400
	}
	return info{name: path.Base(name), size: int64(len(n.data)), mode: mode}
}

// handle is an open file.
type handle struct {
	d      *Disk
	n      *node
	name   string
	write  bool
	pos    int64
	closed bool
}

// open is called with the disk's lock held.
func (d *Disk) open(name string, n *node, write bool) *handle {
	d.handles++
	return &handle{d: d, n: n, name: name, write: write}
}

// do runs one operation on an open file.
func (h *handle) do(op string, apply func() error) error {
	return h.d.do(op, h.name, func() error {
		if h.closed {
			h.d.violate("%s of %s after it was closed", op, h.name)
			return fs.ErrClosed
		}
		return apply()
	})
}

func (h *handle) Read(p []byte) (int, error) {
	read := 0
	err := h.do("read", func() error {
		read = copy(p, tail(h.n.data, h.pos))
		h.pos += int64(read)
		return nil
	})
	if err == nil && read == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return read, err
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	read := 0
	err := h.do("read", func() error {
		if off < 0 {
			return fs.ErrInvalid
		}
		read = copy(p, tail(h.n.data, off))
		return nil
	})
	if err == nil && read < len(p) {
		return read, io.EOF
	}
	return read, err
}

func (h *handle) Write(p []byte) (int, error) {
	written := 0
	err := h.do("write", func() error {
		switch {
		case !h.write:
			return syscall.EBADF
		case h.n.failed != "":
			h.d.violate("write to %s after %s", h.name, h.n.failed)
		}
		if h.d.readOnly {
			return errReadOnly
		}
		fits := p[:min(int64(len(p)), h.d.free())]
		from := int64(len(h.n.data))
		h.n.data = append(h.n.data, fits...)
		written, h.pos = len(fits), int64(len(h.n.data))
		h.n.touch(from, h.pos)
		if len(fits) < len(p) {
			return errFull
		}
		return nil
	})
	if err != nil && h.write {
		h.d.fail(h.n, "a write that failed: "+err.Error())
	}
	return written, err
}

func (h *handle) Truncate(size int64) error {
	return h.do("truncate", func() error {
		switch {
		case !h.write || size < 0:
			return fs.ErrInvalid
		case h.d.readOnly:
			return errReadOnly
		}
		from := int64(len(h.n.data))
		if size < from {
			h.n.data = h.n.data[:size:size]
		} else {
			h.n.data = append(h.n.data, make([]byte, size-from)...)
		}
		h.n.touch(min(from, size), max(from, size))
		return nil
	})
}

// Reserve promises nothing: a power cut, a full disk and what reads back are the same without it.
func (h *handle) Reserve(size int64) error {
	return h.do("reserve", func() error {
		switch {
		case !h.write || size < 0:
			return fs.ErrInvalid
		case h.d.readOnly:
			return errReadOnly
		case size-int64(len(h.n.data)) > h.d.free():
			return errFull
		}
		return nil
	})
}

func (h *handle) Sync() error {
	if err := h.d.wait(); err != nil {
		return &fs.PathError{Op: "sync", Path: h.name, Err: err}
	}
	synced, left := false, drop()
	err := h.do("sync", func() error {
		if h.d.readOnly && len(h.n.dirty) > 0 {
			return errReadOnly
		}
		synced = true
		switch {
		case left:
		case h.d.lies:
			h.n.failSync()
		default:
			h.n.sync()
		}
		return nil
	})
	if err != nil {
		h.d.mu.Lock()
		defer h.d.mu.Unlock()
		if !synced {
			h.n.failSync()
		}
		h.n.failed = "a sync that failed: " + err.Error()
	}
	return err
}

// ReadBack is what a file's medium holds of it, and not what memory does: sectors that no sync will
// write any more are as they were before. It counts as one operation, "readback".
func (d *Disk) ReadBack(name string) ([]byte, error) {
	var data []byte
	err := d.do("readback", name, func() error {
		n := d.names[name]
		if n == nil {
			return fs.ErrNotExist
		}
		data = slices.Clone(n.data)
		for b := range n.lost {
			if b < 0 || b*sector >= int64(len(data)) {
				continue
			}
			part := data[b*sector : min((b+1)*sector, int64(len(data)))]
			clear(part)
			copy(part, tail(n.platter, b*sector))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// Safe is what a power cut would leave of a file at the least: nothing that was not synced, under a
// name that was. It is no operation of the disk's.
func (d *Disk) Safe(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.platter[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(n.platter), nil
}

// Close may fail, and the file is closed all the same.
func (h *handle) Close() error {
	err := h.d.do("close", h.name, func() error {
		if h.closed {
			return fs.ErrClosed
		}
		return nil
	})
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if !h.closed {
		h.closed = true
		h.d.handles--
	}
	return err
}

func (h *handle) Stat() (fs.FileInfo, error) {
	var info fs.FileInfo
	err := h.do("stat", func() error {
		info = h.n.info(h.name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (d *Disk) fail(n *node, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n.failed = why
}

// info describes a file. Times are not kept: nothing that survives a power cut may hang on them.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
