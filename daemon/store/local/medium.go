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
)

// medium is a drive or a folder that is open.
type medium struct {
	root      *os.Root
	fs        durable.FS
	mount     Mount // as it was when it was opened
	path      string
	id        string
	mounts    Table
	devices   devices
	removable bool // a drive, not a share

	abort   sync.Once
	aborted chan struct{} // closed by Abort
}

var _ store.Folder = (*medium)(nil)

func newMedium(root *os.Root, m Mount, id string, mounts Table, d devices) *medium {
	return &medium{
		root: root, fs: durable.OS(root), mount: m, mounts: mounts, devices: d, aborted: make(chan struct{}),
		path: truePath(root),
		id:   fmt.Sprintf("%s on mount %d, device %s", id, m.ID, m.Device),
	}
}

// truePath is where a folder lies, without the symbolic links that led to it.
func truePath(root *os.Root) string {
	if dir, err := root.Open("."); err == nil {
		defer dir.Close()
		if path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", dir.Fd())); err == nil {
			return path
		}
	}
	return root.Name()
}

// ID changes with each mount: what a failed write left in memory goes with the mount.
func (m *medium) ID() string { return m.id }

func (m *medium) FS() durable.FS { return m.fs }

// ReadBack opens a copy to read it from the medium.
func (m *medium) ReadBack(name string) (io.ReadCloser, error) {
	file, err := openBack(m.root, name, m.mount)
	if err != nil {
		return nil, fmt.Errorf("read %s back: %w", name, err)
	}
	return readAhead(file, m.aborted), nil
}

// Abort lets nothing more begin: not in the folder, and not in what is being read back. A file that
// is open stays writable to who holds it.
func (m *medium) Abort() {
	m.abort.Do(func() { close(m.aborted) })
	m.root.Close()
}

func (m *medium) Close() error {
	m.abort.Do(func() { close(m.aborted) })
	return m.root.Close()
}

// usable says what would keep every write from the medium, or every copy on it from being one.
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
	if t := m.means(err); t != nil {
		return t
	}
	return err
}

// Other is a folder that holds recordings already: the unit's spool, or another store.
type Other struct {
	Path string
	What string // for people
}

// isOther refuses a folder that is another, by whatever path it was reached: a link, or a mount of
// one folder at another. A copy there would be the other's file itself, and go with it: with the
// recording, when the unit lets go of its own, or with the last copy, when one of two stores has
// kept it for long enough.
func (m *medium) isOther(others []Other) *store.Trouble {
	here, err := m.root.Stat(".")
	if err != nil {
		return nil // Check says more
	}
	table, err := m.mounts()
	if err != nil {
		return nil
	}
	for _, o := range others {
		if at := mountOf(o.Path, table); at.Device != m.mount.Device && mayHang(at) {
			continue // nobody waits for a server to hear that this is not it
		}
		if there, err := os.Stat(o.Path); err == nil && os.SameFile(here, there) {
			return trouble(failed, "%s is the same folder as %s, %s: a copy there would be no second one; "+
				"name a folder on another disk", m.path, o.What, o.Path)
		}
	}
	return nil
}

// mountOf is the mount that a path leads to, as far as its name says.
func mountOf(path string, table []Mount) (found Mount) {
	for _, m := range table {
		if within(path, m.Point) && len(m.Point) >= len(found.Point) {
			found = m
		}
	}
	return found
}

// mayHang reports whether a look at a mount may wait for a server or a program.
func mayHang(m Mount) bool {
	switch m.FSType {
	case "autofs", "cifs", "smb3", "nfs", "nfs4", "9p", "ceph":
		return true
	}
	return strings.HasPrefix(m.FSType, "fuse")
}

// tryWriting makes a file without a name, and lets go of it. After an error ext4 refuses to be
// written, and some kernels (6.1, for one) go on telling everybody that it can be.
func (m *medium) tryWriting() error {
	dir, err := m.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		// of a full drive copies can still be removed
		return nil
	case err != nil:
		return &os.PathError{Op: "try to write", Path: m.mount.Point, Err: err}
	}
	return unix.Close(fd)
}
