//go:build linux

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"tacet/daemon/durable"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mounts"
)

// Check asks the mount table and /sys whether the medium has changed, and then what cause may mean.
func (m *medium) Check(cause error) error {
	if t := m.changed(); t != nil {
		t.Err = because(t.Err, cause)
		return t
	}
	if cause == nil {
		return nil
	}
	if t := m.explain(cause); t != nil {
		return t
	}
	return nil
}

// because adds the error of an operation.
func because(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// changed returns what happened to the mount, or nil if no change is known.
func (m *medium) changed() *store.Trouble {
	if !m.devices.there(m.mount) {
		return trouble(missing, "%s was pulled out", m.mount)
	}
	table, err := m.readTable()
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(table, func(now mounts.Mount) bool {
		return now.ID == m.mount.ID && now.Device == m.mount.Device
	})
	if i < 0 {
		return trouble(missing, "%s was unmounted", m.mount)
	}
	if over := slices.IndexFunc(table, func(now mounts.Mount) bool {
		return now.Parent == m.mount.ID && now.ID != m.mount.ID && within(m.path, now.Point)
	}); over >= 0 {
		return trouble(missing, "%s was mounted over %s", table[over], m.mount)
	}
	if table[i].ReadOnly {
		return m.isReadOnly()
	}
	return nil
}

func (m *medium) isReadOnly() *store.Trouble {
	if !m.removable {
		return trouble(readOnly, "%s is mounted read-only", m.mount)
	}
	return trouble(readOnly, "%s is mounted read-only: it has a write-protect switch, or its file system is damaged, "+
		"as after being pulled out "+
		"while it was written; take it to a desk and run %q", m.mount, fsck(m.mount))
}

// fsck returns the command that repairs a file system.
func fsck(m mounts.Mount) string {
	switch m.FSType {
	case "vfat":
		return "fsck.vfat -a DEVICE"
	case "exfat":
		return "fsck.exfat -p DEVICE"
	case "ext2", "ext3", "ext4":
		return "e2fsck -p DEVICE"
	}
	return "fsck DEVICE"
}

// explain returns what an error means on a medium that is still there, or nil if it could mean
// anything.
func (m *medium) explain(err error) *store.Trouble {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return m.isFull(err)
	case errors.Is(err, unix.EROFS):
		t := m.isReadOnly()
		t.Err = because(t.Err, err)
		return t
	case errors.Is(err, fs.ErrPermission):
		return deniedOr(err, m.mount, "write")
	case errors.Is(err, unix.EFBIG):
		return trouble(failed, "%s can't hold a file of this size: FAT32 is limited to 4 GiB; format it with exFAT, or "+
			"make recordings shorter with [consent] max: %w", m.mount, err)
	case isAway(err):
		if m.removable {
			return trouble(missing, "%s has stopped answering; unplug it and plug it in again: %w", m.mount, err)
		}
		return trouble(missing, "%s does not answer: %w", m.mount, err)
	}
	return nil
}

// fullMargin is the free space that a full file system may still report, in bytes: the largest
// write, and what file systems reserve.
const fullMargin = 8 << 20

// isFull returns a trouble only if the file system itself also reports that it is full.
func (m *medium) isFull(err error) *store.Trouble {
	if errors.Is(err, unix.EDQUOT) {
		return trouble(full, "%s has no space left for the unit's user: %w", m.mount, err)
	}
	dir, openErr := m.root.Open(".")
	if openErr != nil {
		return nil
	}
	defer dir.Close()
	var st unix.Statfs_t
	if unix.Fstatfs(int(dir.Fd()), &st) != nil {
		return nil
	}
	switch {
	case st.Blocks == 0 || durable.Bytes(st.Bavail, uint64(st.Bsize)) < fullMargin: // or it can't tell
		return trouble(full, "%s has no space left: %w", m.mount, err)
	case st.Files > 0 && st.Ffree == 0:
		return trouble(full, "%s has space, but can't hold one file more: %w", m.mount, err)
	case m.mount.FSType == "vfat":
		return trouble(failed, "%s refuses one file more although it has space: FAT16 holds few files in its root; "+
			"format it with exFAT or FAT32: %w", m.mount, err)
	}
	return nil
}
