//go:build linux

package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"tacet/daemon/durable"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mounts"
)

// medium is a drive or a folder that is open.
type medium struct {
	root      *os.Root
	fs        durable.FS
	mount     mounts.Mount // when it was opened
	path      string
	id        string
	readTable func() (mounts.Table, error)
	devices   devices
	removable bool // a drive, not a share

	abort   sync.Once
	aborted chan struct{} // closed by Abort
}

var _ store.Folder = (*medium)(nil)

func newMedium(root *os.Root, m mounts.Mount, id string, read func() (mounts.Table, error), d devices) *medium {
	return &medium{
		root: root, fs: durable.OS(root), mount: m, readTable: read, devices: d, aborted: make(chan struct{}),
		path: truePath(root),
		id:   fmt.Sprintf("%s on mount %d, device %s", id, m.ID, m.Device),
	}
}

// truePath returns a folder's path without symbolic links.
func truePath(root *os.Root) string {
	if dir, err := root.Open("."); err == nil {
		defer dir.Close()
		if path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", dir.Fd())); err == nil {
			return path
		}
	}
	return root.Name()
}

// ID changes with each mount: unmounting drops what a failed write left in memory.
func (m *medium) ID() string { return m.id }

func (m *medium) FS() durable.FS { return m.fs }

// ReadBack opens a copy to read it from the medium.
func (m *medium) ReadBack(name string) (io.ReadCloser, error) {
	file, err := openBack(m.root, name, m.mount)
	if err != nil {
		return nil, fmt.Errorf("read %s back: %w", name, err)
	}
	return file.readAhead(m.aborted), nil
}

// Abort makes new operations in the folder fail, and reading back. Open files can still be written.
func (m *medium) Abort() {
	m.abort.Do(func() { close(m.aborted) })
	m.root.Close()
}

func (m *medium) Close() error {
	m.abort.Do(func() { close(m.aborted) })
	return m.root.Close()
}

// usable returns why nothing could be written to the medium, or no copy on it would count, or nil.
func (m *medium) usable(others []Other) error {
	if err := m.Check(nil); err != nil {
		return err
	}
	if t := m.isOther(others); t != nil {
		return t
	}
	err := m.fs.Writable()
	if err == nil && strings.HasPrefix(m.mount.FSType, "ext") {
		err = m.tryWriting()
	}
	if err == nil {
		return nil
	}
	if t := m.explain(err); t != nil {
		return t
	}
	return err
}

// tryWriting makes a file without a name, and closes it. After an error ext4 refuses writes, but
// some kernels (such as 6.1) still report it as writable.
func (m *medium) tryWriting() error {
	dir, err := m.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		// Copies can still be removed from a full drive.
		return nil
	case err != nil:
		return &os.PathError{Op: "try to write", Path: m.mount.Point, Err: err}
	}
	return unix.Close(fd)
}
