package durabletest

import (
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// handle is an open file.
type handle struct {
	d      *Disk
	n      *node
	name   string
	write  bool
	pos    int64
	closed bool
}

// open opens a file. The caller holds the disk's lock.
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

// Reserve has no effect on a power cut, a full disk, or what can be read.
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

// ReadBack returns what the disk holds of a file, rather than memory: sectors that no sync will
// write any more are as before. It counts as one operation, "readback".
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

// Safe returns what is sure to survive a power cut: what was synced, under a name that was. It
// doesn't count as an operation.
func (d *Disk) Safe(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.platter[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(n.platter), nil
}

// Close closes the file even if it returns an error.
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
