//go:build linux

// Package local implements the two kinds of store that are folders on this machine: a thumb drive,
// and a folder on a mounted share or disk.
//
//	drive := &local.Drive{Site: "high-street", Room: "room-3", Store: "drive", Label: "TACET",
//		Mounts: mounts.Read, Changes: changes}
//	share := &local.Folder{Path: "/mnt/nas/recordings", Mounts: mounts.Read, Changes: changes}
//
// # Which drive
//
// The mark decides (see daemon/store/local/mark): a drive belongs to this store if the root of its
// file system holds a mark with this site, room and store, and [Drive].Judge doesn't object. Judge
// knows which marks the office has signed, or which drives the unit has met. Mount point, device
// and name don't matter. All mounted file systems of the types that drives have are searched,
// newest first: vfat, exfat, ext2, ext3, ext4, f2fs, xfs and btrfs; not those of the system itself.
// Only the mark is parsed.
//
// A technician who writes label = "TACET" means the drive with that name. It is preferred if
// several carry the mark. A drive with this name is reported if it has no mark, wherever it is
// plugged in, and also if nobody has mounted it. A marked drive with another name is still used:
// leaving recordings without a copy because of a name helps nobody, and mkfs drops names easily.
// The unit doesn't mount drives: the system does, by a rule that also uses the label.
//
// Copies lie in the root of the drive, where people and "tacet ls" find them. (FAT16, on sticks
// below 4 GB, holds some hundred files there and then reports that it is full; FAT32 and exFAT have
// no such limit.) On file systems with owners everybody may read the copies: they are sealed, and
// the office is another user than the unit.
//
// # Which folder
//
// A folder must lie on a mount: not on the file system of "/", and not in memory. An empty mount
// point, or one that systemd has mounted onto itself for a confined service, is the unit's own
// disk, and is never written to, unless UnmountedOK. The opened folder is checked, not its path, so
// nothing can be unmounted in between. Opening the folder triggers an automount; while the server
// is away the folder is missing. With UnmountedOK a folder may also lie in memory (tmpfs), which is
// then the medium. The folder itself is never made.
//
// # What goes wrong
//
// The stale mount of a pulled drive stays in the mount table, lists an empty folder, and fails with
// EIO or ENODEV, on vfat ENOSPC, on ext4 EROFS. So Check first asks whether the mount and the
// device are still there, then whether the mount is read-only, and only then what the error might
// mean. It reads the mount table and /sys, and no disk, so it can't hang.
//
// # Limits
//
// Nobody can end an operation that hangs in the kernel (a server that is away, a drive that doesn't
// answer). Abort makes reading back fail at once, and everything that starts later; the goroutine
// in the kernel stays until the kernel returns.
//
// Reading back proves that data is on the medium as far as the kernel tells (see ReadBack). It
// can't see what a drive's own chip, a FUSE program or a server holds in memory. A stick that loses
// data is caught if it has lost it by then.
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

// attempts is how often the table is read if it lacks a folder's mount: something may just be
// mounted.
const attempts = 3

// openOn opens a folder and returns the mount it lies on, whatever has happened to the path since.
func openOn(ctx context.Context, read func() (mounts.Table, error),
	path string) (*os.Root, mounts.Mount, mounts.Table, error) {
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

// mountID returns the ID, in the mount table, of the mount that a folder was opened on. It needs
// Linux 5.8.
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
		return 0, errors.New("the kernel is older than 5.8 and can't tell which mount a folder lies on")
	}
	return int(st.Mnt_id), nil
}

// system returns the device of the system's own disk, the one of "/".
func system(table mounts.Table) string {
	device := ""
	for _, m := range table {
		if m.Point == "/" {
			device = m.Device // the last one hides the others
		}
	}
	return device
}

// within reports whether path is folder or lies in it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// trouble returns why a store can't be used.
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
