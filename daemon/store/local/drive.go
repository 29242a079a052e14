//go:build linux

package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"tacet/daemon/durable"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/store/local/mounts"
)

// Drive is a store's thumb drive. Fields are set once.
type Drive struct {
	Site, Room, Store string                       // required in its mark
	Label             string                       // see the package comment
	Mounts            func() (mounts.Table, error) // needed
	Others            []Other                      // folders that the drive must not be
	Changes           <-chan struct{}              // receives after a change of mounts or devices

	// Judge returns why a drive must not be used although it carries this store's mark, which
	// anybody can write. uuid is that of the drive's file system ("" if unknown); where describes
	// the mount for people. If Judge is nil the mark is enough.
	Judge func(m mark.Mark, uuid, where string) *store.Trouble

	devices devices
}

// Changed receives when it may be worth looking again.
func (d *Drive) Changed() <-chan struct{} { return d.Changes }

// driveTypes are the file systems that a drive may have. FUSE (NTFS, as a rule) is not one: its
// program reads back from the machine's memory, which proves nothing.
var driveTypes = []string{"vfat", "exfat", "ext2", "ext3", "ext4", "f2fs", "xfs", "btrfs"}

// unsuited are other file systems that drives have; they are reported.
var unsuited = []string{"fuseblk", "ntfs", "ntfs3", "hfsplus", "msdos", "iso9660", "udf"}

// maxLooks limits how many file systems are searched.
const maxLooks = 64

// Open finds the drive. The error says what was found instead.
func (d *Drive) Open(ctx context.Context) (store.Medium, error) {
	table, err := d.Mounts()
	if err != nil {
		return nil, err
	}
	s := search{Drive: d}
	s.device, s.node = d.devices.labelled(d.Label)
	s.noted = d.devices.notes()
	looks := 0
	for _, m := range slices.Backward(table) {
		if !candidate(m, table) || looks == maxLooks {
			continue
		}
		looks++
		if err := ctx.Err(); err != nil {
			s.close()
			return nil, err
		}
		s.look(ctx, m)
	}
	if s.found == nil {
		return nil, s.why()
	}
	if err := s.found.usable(d.Others); err != nil {
		s.close()
		return nil, err
	}
	return s.found, nil
}

// candidate reports whether a mount is a complete file system of a type that drives have, and not
// on the system's disk.
func candidate(m mounts.Mount, table mounts.Table) bool {
	return (slices.Contains(driveTypes, m.FSType) || slices.Contains(unsuited, m.FSType)) &&
		m.Root == "/" && m.Device != system(table) && m.Point != "/" && !within(m.Point, "/boot") && !within(m.Point, "/efi")
}

// search is one search of all mounts.
type search struct {
	*Drive
	device, node string // of the labelled file system
	found        *medium
	mounted      bool             // whether the labelled device is mounted
	others       []*store.Trouble // why other drives were not used
	noted        []*store.Trouble // about drives that were not mounted
	pulled       *store.Trouble
}

// look looks at one mount, and uses it if it is this store's drive.
func (s *search) look(ctx context.Context, m mounts.Mount) {
	if !s.devices.there(m) {
		s.pulled = trouble(missing, "%s was pulled out while it was mounted; plug it in again", m)
		return
	}
	labelled := s.device != "" && m.Device == s.device
	s.mounted = s.mounted || labelled
	if s.found != nil && (!labelled || s.found.mount.Device == s.device) {
		return // it is the newest, or the one with the label
	}
	likely := labelled || s.devices.plugged(m)
	if slices.Contains(unsuited, m.FSType) {
		s.note(likely, trouble(foreign,
			"%s can't be written safely with this file system; format it with exFAT or FAT32, and then run \"tacet drive init\"",
			m))
		return
	}
	root, on, _, err := openOn(ctx, s.Mounts, m.Point)
	if err != nil {
		s.note(likely, deniedOr(err, m, "read"))
		return
	}
	if on.ID != m.ID { // something is mounted over it, which has its own turn
		root.Close()
		return
	}
	if !s.take(root, m, likely) {
		root.Close()
	}
}

// take uses the drive if its mark allows that, and otherwise notes why not.
func (s *search) take(root *os.Root, m mounts.Mount, likely bool) (taken bool) {
	mk, err := mark.Read(root)
	switch {
	case err == nil && mk.For(s.Site, s.Room, s.Store):
		if t := s.judge(mk, m); t != nil {
			s.note(true, t)
			return false
		}
		s.close()
		s.found = newMedium(root, m, "drive "+mk.ID, s.Mounts, s.devices)
		s.found.fs, s.found.removable = driveFS{s.found.fs}, true
		return true
	case err == nil:
		s.note(true, trouble(foreign, "%s belongs to %s; this is %s/%s, store %q; nothing is written to it", m, mk, s.Site,
			s.Room, s.Store))
	case errors.Is(err, fs.ErrNotExist):
		s.note(likely, trouble(foreign,
			"%s carries no mark; nothing is written to it; \"tacet drive init\" makes it this store's", m))
	case errors.Is(err, mark.ErrBad):
		s.note(true, trouble(foreign, "%s: %w; nothing is written to it; \"tacet drive init -replace\" makes it this store's",
			m, err))
	default:
		s.note(true, deniedOr(err, m, "read"))
	}
	return false
}

// judge returns why a marked drive must not be used, or nil.
func (s *search) judge(mk mark.Mark, m mounts.Mount) *store.Trouble {
	if s.Judge == nil {
		return nil
	}
	return s.Judge(mk, s.devices.uuid(m), m.String())
}

// deniedOr explains an error of looking at a mount. do is what failed, as a verb.
func deniedOr(err error, m mounts.Mount, do string) *store.Trouble {
	if !errors.Is(err, fs.ErrPermission) {
		return trouble(failed, "look at %s: %w", m, err)
	}
	how := "give that user the right to"
	if m.FSType == "vfat" || m.FSType == "exfat" {
		how = "mount it with uid=tacet,gid=tacet"
	}
	return trouble(readOnly, "the unit's user may not %s %s; %s: %w", do, m, how, err)
}

// note keeps a likely reason why no drive is found.
func (s *search) note(likely bool, t *store.Trouble) {
	if likely {
		s.others = append(s.others, t)
	}
}

// why returns the best reason why no drive was found: the newest drive that is something else, one
// that the system refused to mount, one that nobody mounted, one that was pulled out, or simply
// none.
func (s *search) why() *store.Trouble {
	switch {
	case len(s.others) > 0:
		return s.others[0]
	case len(s.noted) > 0:
		return s.noted[0]
	case s.device != "" && !s.mounted:
		return trouble(missing, "a drive with the label %s is plugged in (%s), but not mounted; the system's rule for "+
			"drives has to mount it", s.Label, s.node)
	case s.pulled != nil:
		return s.pulled
	}
	return trouble(missing, "no drive with the mark of %s/%s, store %q, is mounted", s.Site, s.Room, s.Store)
}

func (s *search) close() {
	if s.found != nil {
		s.found.Close()
	}
}

// driveFS lets everybody read new copies if the file system has owners: they are sealed, and the
// office is another user.
type driveFS struct{ durable.FS }

func (d driveFS) Create(name string) (durable.File, error) {
	f, err := d.FS.Create(name)
	if file, ok := f.(interface{ Chmod(fs.FileMode) error }); ok && err == nil {
		_ = file.Chmod(0o644) // FAT has no owners, and may refuse
	}
	return f, err
}
