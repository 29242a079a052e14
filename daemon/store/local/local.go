//go:build linux

// Package local is the two kinds of place that are folders on this machine: a thumb drive, and a
// folder on a mounted share or disk.
//
//	drive := &local.Drive{Site: "high-street", Room: "room-3", Store: "drive", Label: "TACET", Mounts: table, Changes: changes}
//	share := &local.Folder{Path: "/mnt/nas/recordings", Mounts: table, Changes: changes}
//
// # Which drive
//
// The mark decides (see daemon/store/local/mark): a drive is this store's if the root of its file
// system holds a mark with this site, room and store, and [Drive].Judge doesn't object: it knows
// which marks the office has signed, or which drives the unit has met. It does not matter where it
// is mounted, as what, or what it is called. All mounted file systems that drives have are looked
// at, the newest first: vfat, exfat, ext2, ext3, ext4, and f2fs, xfs and btrfs; not those of the
// system itself. Nothing on them is parsed but the mark.
//
// A technician who writes label = "TACET" means: the drive that I have given this name. So it
// prefers that drive where several carry the mark; a drive of this name without a mark is spoken
// of, wherever it is plugged in; and a device of this name that nobody has mounted is spoken of
// too. A marked drive of another name is taken nevertheless: to leave recordings without their copy
// for the sake of a name would help nobody, and mkfs forgets names more often than people do. The
// unit doesn't mount drives: the system does, by a rule in which the label has its other use.
//
// Copies lie in the root of the drive, so that who plugs it in sees them, and "tacet ls" of the
// drive lists them. (FAT16, on sticks below 4 GB, has room for some hundred files there and then
// says that it is full: FAT32 and exFAT have no such bound.) On file systems with owners copies may
// be read by everybody: they are sealed, and the office is another user than the unit.
//
// # Which folder
//
// A folder must lie on a mount: on another file system than "/", and not on one in memory. A bare
// mount point, or one that systemd has mounted onto itself for a confined service, is the unit's
// own disk, and is never written to, unless UnmountedOK. It is judged by the folder that was
// opened, not by its path, so nothing can be unmounted in between. An automount is set off by
// opening it; while the server is away the folder is missing. With UnmountedOK a folder may also
// lie in memory (tmpfs), where memory is the medium. The folder itself is never made.
//
// # What goes wrong
//
// The stale mount that a pulled drive leaves stays in the mount table, lists an empty folder, and
// fails with whatever its file system has at hand: EIO, ENODEV, on vfat ENOSPC, on ext4 EROFS. So
// Check first asks whether the mount and the device are still there, then whether the mount is
// read-only, and only then what the error might mean. It asks the mount table and /sys, and no
// disk: it can't hang.
//
// # What can't be done
//
// An operation in the kernel that hangs (a server that is away, a drive that doesn't answer) can't
// be ended by anybody. Abort makes reading back fail at once, and everything that begins later; the
// goroutine in the kernel stays until the kernel lets it go.
//
// That data was on the medium when it was read back is proved as far as the kernel proves it (see
// ReadBack). What a drive's own chip, a FUSE program or a server holds in its memory can't be seen
// from here; a stick that loses what it was given shows when it is read back, if it has lost it by
// then.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mounts"
)

// attempts is how often the table is read where it and a folder don't fit together: something is
// being mounted just now.
const attempts = 3

// openedOn opens a folder, and finds the mount that it lies on: the true one, whatever has happened
// to the path since.
func openOn(ctx context.Context, read func() (mounts.Table, error), path string) (*os.Root, mounts.Mount, mounts.Table, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, mounts.Mount{}, nil, err
	}
	id, err := mountID(root)
	for range attempts {
		if err != nil || ctx.Err() != nil {
			break
		}
		var table mounts.Table
		if table, err = read(); err != nil {
			break
		}
		if i := slices.IndexFunc(table, func(m mounts.Mount) bool { return m.ID == id }); i >= 0 {
			return root, table[i], table, nil
		}
	}
	root.Close()
	if err = errors.Join(err, ctx.Err()); err == nil {
		err = errors.New("is not in the mount table")
	}
	return nil, mounts.Mount{}, nil, fmt.Errorf("find the mount of %s: %w", path, err)
}

// mountID is the number, in the mount table, of the mount that a folder was opened on. Linux tells
// it from 5.8 on.
func mountID(root *os.Root) (int, error) {
	dir, err := root.Open(".")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	var st unix.Statx_t
	if err := unix.Statx(int(dir.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
		return 0, &os.PathError{Op: "statx", Path: root.Name(), Err: err}
	}
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return 0, errors.New("the kernel is older than 5.8, and doesn't tell which mount a folder lies on")
	}
	return int(st.Mnt_id), nil
}

// system is the device of the system's own disk: what "/" lies on.
func system(table mounts.Table) string {
	device := ""
	for _, m := range table {
		if m.Point == "/" {
			device = m.Device // the last one hides the others
		}
	}
	return device
}

// within reports whether path is folder, or lies in it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// trouble says why a place can't be used.
func trouble(code health.Code, format string, args ...any) *store.Trouble {
	return &store.Trouble{Code: code, Err: fmt.Errorf(format, args...)}
}

const (
	missing  = health.StoreMissing
	foreign  = health.StoreForeign
	full     = health.StoreFull
	readOnly = health.StoreReadOnly
	failed   = health.StoreError
)
