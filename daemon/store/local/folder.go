//go:build linux

package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"tacet/daemon/store"
	"tacet/daemon/store/local/mounts"
)

// Folder is a folder on a share, or on a disk that is always there. Fields are set once.
type Folder struct {
	Path        string                       // absolute; must exist
	UnmountedOK bool                         // it may be on the unit's own disk
	Mounts      func() (mounts.Table, error) // needed
	Changes     <-chan struct{}
	Others      []Other // folders that this must not be

	devices devices
}

// Changed receives when it may be worth looking again.
func (f *Folder) Changed() <-chan struct{} { return f.Changes }

// Open opens the folder, which triggers an automount.
func (f *Folder) Open(ctx context.Context) (store.Medium, error) {
	root, m, table, err := openOn(ctx, f.Mounts, f.Path)
	if err != nil {
		return nil, f.notOpened(err)
	}
	if t := f.refuse(m, table); t != nil {
		root.Close()
		return nil, t
	}
	med := newMedium(root, m, "folder "+f.Path, f.Mounts, f.devices)
	if err := med.usable(f.Others); err != nil {
		root.Close()
		return nil, err
	}
	return med, nil
}

// refuse returns why copies must not lie on this mount, or nil.
func (f *Folder) refuse(m mounts.Mount, table mounts.Table) *store.Trouble {
	switch {
	case m.FSType == "autofs":
		return trouble(missing, "%s should have been mounted on demand, and was not: see \"systemctl status\" of its "+
			"mount unit",
			f.Path)
	case m.FSType == "fuseblk":
		return trouble(failed, "%s lies on %s: copies there can't be read back from the disk itself; format it with "+
			"exFAT or ext4", f.Path, m)
	case f.UnmountedOK:
		return nil
	case m.Device == system(table):
		return trouble(missing, "nothing is mounted at %s, which lies on the unit's own disk; mount the share or disk "+
			"there, or set unmounted_ok = true", f.Path)
	case inMemory(m):
		return trouble(missing, "%s lies in the unit's memory (%s at %s); mount the share or disk there", f.Path, m.FSType,
			m.Point)
	}
	return nil
}

// inMemory reports whether a power cut erases a file system.
func inMemory(m mounts.Mount) bool {
	return m.FSType == "tmpfs" || m.FSType == "ramfs" || m.FSType == "rootfs"
}

// away are the errors of a mount whose server or disk is gone.
var away = []error{unix.ENODEV, unix.ENXIO, unix.ENOMEDIUM, unix.ESHUTDOWN, unix.ESTALE, unix.ETIMEDOUT, unix.EHOSTDOWN,
	unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN, unix.ECONNREFUSED, unix.ECONNRESET, unix.ECONNABORTED,
	unix.ENOTCONN, unix.EREMOTEIO}

func isAway(err error) bool {
	return slices.ContainsFunc(away, func(e error) bool { return errors.Is(err, e) })
}

func (f *Folder) notOpened(err error) error {
	var path *os.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return trouble(missing, "%s doesn't exist; mount the share and make the folder on it: %w", f.Path, err)
	case errors.Is(err, fs.ErrPermission):
		return trouble(readOnly, "the unit's user may not open %s; give it the right: %w", f.Path, err)
	case isAway(err):
		return trouble(missing, "%s does not answer: %w", f.Path, err)
	case errors.As(err, &path):
		return trouble(failed, "open the folder: %w", err)
	}
	return err
}
