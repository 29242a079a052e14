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

// Check asks the mount table and /sys whether the medium is what it was, and then what cause may
// mean.
func (m *medium) Check(cause error) error {
	if t := m.changed(); t != nil {
		t.Err = because(t.Err, cause)
		return t
	}
	if cause == nil {
		return nil
	}
	if t := m.means(cause); t != nil {
		return t
	}
	return nil
}

// because adds what an operation failed with.
func because(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// changed says what has become of the mount; nil: nothing that can be told.
func (m *medium) changed() *store.Trouble {
	if !m.devices.there(m.mount) {
		return trouble(missing, "%s was pulled out", m.mount)
	}
	table, err := m.readTable()
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(table, func(now mounts.Mount) bool { return now.ID == m.mount.ID && now.Device == m.mount.Device })
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
	return trouble(readOnly, "%s is mounted read-only: it has a write-protect switch, or its file system was found damaged, as after being pulled out "+
		"while it was written; take it to a desk and run %q", m.mount, fsck(m.mount))
}

// fsck is the command that mends a file system.
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

// means is what an error stands for on a medium that seems to be there; nil where it could be
// anything.
func (m *medium) means(err error) *store.Trouble {
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
		return trouble(failed, "%s can't hold so long a file: FAT32 ends at 4 GiB; format it with exFAT, or make recordings shorter with [consent] max: %w", m.mount, err)
	case isAway(err):
		if m.removable {
			return trouble(missing, "%s does not answer any longer; unplug it and plug it in again: %w", m.mount, err)
		}
		return trouble(missing, "%s does not answer: %w", m.mount, err)
	}
	return nil
}

// short is how little room a full file system may still tell of: what a write of ours needs at
// most, and what file systems keep to themselves.
const short = 8 << 20

// isFull believes that there is no room only if the file system says so of itself too.
func (m *medium) isFull(err error) *store.Trouble {
	if errors.Is(err, unix.EDQUOT) {
		return trouble(full, "%s has no room left for the unit's user: %w", m.mount, err)
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
	case st.Blocks == 0 || durable.Bytes(st.Bavail, uint64(st.Bsize)) < short: // one that can't tell is believed
		return trouble(full, "%s has no room left: %w", m.mount, err)
	case st.Files > 0 && st.Ffree == 0:
		return trouble(full, "%s has room, but not for one file more: %w", m.mount, err)
	case m.mount.FSType == "vfat":
		return trouble(failed, "%s refuses one file more though it has room: FAT16 holds few files in its root; format it with exFAT or FAT32: %w", m.mount, err)
	}
	return nil
}
