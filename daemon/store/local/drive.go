//go:build linux

package local

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"tacet/daemon/durable"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
)

// Drive is a store's thumb drive. Fields are set once.
type Drive struct {
	Site, Room, Store string          // what its mark must say
	Label             string          // see the package comment
	Mounts            Table           // needed
	Others            []Other         // what this may not be
	Changes           <-chan struct{} // receives after something was mounted, unmounted, plugged in or pulled out; its own

	// Judge says, as a [*store.Trouble], why a drive must not be used although it carries this
	// store's mark: anybody can write one. It gets the UUID of the drive's file system ("": it
	// can't be told), and where it is mounted, for people. nil: the mark is enough.
	Judge func(m mark.Mark, uuid, where string) *store.Trouble

	devices devices
}

// Changed receives when it may be worth looking again.
func (d *Drive) Changed() <-chan struct{} { return d.Changes }

// driveTypes are the file systems that a drive may have. In FUSE's (NTFS, as a rule) a program
// stands between, which reads back from the machine's memory: there nothing could be proved.
var driveTypes = []string{"vfat", "exfat", "ext2", "ext3", "ext4", "f2fs", "xfs", "btrfs"}

// unsuited are file systems that drives come with, and that are spoken of.
var unsuited = []string{"fuseblk", "ntfs", "ntfs3", "hfsplus", "msdos", "iso9660", "udf"}

// maxLooks bounds how many file systems are looked at.
const maxLooks = 64

// Open looks for the drive. The error says what was found instead.
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

// candidate reports whether a mount is a whole file system of a kind that drives have, and not of
// the system's disk.
func candidate(m Mount, table []Mount) bool {
	return (slices.Contains(driveTypes, m.FSType) || slices.Contains(unsuited, m.FSType)) &&
		m.Root == "/" && m.Device != system(table) && m.Point != "/" && !within(m.Point, "/boot") && !within(m.Point, "/efi")
}

// search is one look at all that is mounted.
type search struct {
	*Drive
	device, node string // of the labelled file system
	found        *medium
	mounted      bool // the labelled device is
	others       []*store.Trouble
	noted        []*store.Trouble // about drives that were not mounted
	pulled       *store.Trouble
}

// look looks at one file system.
func (s *search) look(ctx context.Context, m Mount) {
	if !s.devices.there(m) {
		s.pulled = trouble(missing, "%s was pulled out while it was mounted; plug it in again", m)
		return
	}
	labelled := s.device != "" && m.Device == s.device
	s.mounted = s.mounted || labelled
	if s.found != nil && (!labelled || s.found.mount.Device == s.device) {
		return // it is the newest, or the one with the label
	}
	spoken := labelled || s.devices.plugged(m)
	if slices.Contains(unsuited, m.FSType) {
		s.note(spoken, trouble(foreign,
			"%s can't be written safely with this file system; format it with exFAT or FAT32, and then run \"tacet drive init\"",
			m))
		return
	}
	root, on, _, err := s.Mounts.openedOn(ctx, m.Point)
	if err != nil {
		s.note(spoken, deniedOr(err, m, "read"))
		return
	}
	if on.ID != m.ID { // something is mounted over it, and is looked at by itself
		root.Close()
		return
	}
	mk, err := mark.Read(root)
	switch {
	case err == nil && mk.For(s.Site, s.Room, s.Store):
		if t := s.judge(mk, m); t != nil {
			s.note(true, t)
			break
		}
		s.close()
		s.found = newMedium(root, m, "drive "+mk.ID, s.Mounts, s.devices)
		s.found.fs, s.found.removable = driveFS{s.found.fs}, true
		return
	case err == nil:
		s.note(true, trouble(foreign, "%s belongs to %s; this is %s/%s, store %q; nothing is written to it", m, mk, s.Site,
			s.Room, s.Store))
	case errors.Is(err, fs.ErrNotExist):
		s.note(spoken, trouble(foreign,
			"%s carries no mark; nothing is written to it; \"tacet drive init\" makes it this store's", m))
	case errors.Is(err, mark.ErrBad):
		s.note(true, trouble(foreign, "%s: %w; nothing is written to it; \"tacet drive init -replace\" makes it this store's",
			m, err))
	default:
		s.note(true, deniedOr(err, m, "read"))
	}
	root.Close()
}

// judge says why a marked drive must not be used; nil: it may.
func (s *search) judge(mk mark.Mark, m Mount) *store.Trouble {
	if s.Judge == nil {
		return nil
	}
	return s.Judge(mk, s.devices.uuid(m), m.String())
}

// deniedOr is what stopped the looking.
func deniedOr(err error, m Mount, do string) *store.Trouble {
	if !errors.Is(err, fs.ErrPermission) {
		return trouble(failed, "look at %s: %w", m, err)
	}
	how := "give that user the right to"
	if m.FSType == "vfat" || m.FSType == "exfat" {
		how = "mount it with uid=tacet,gid=tacet"
	}
	return trouble(readOnly, "the unit's user may not %s %s; %s: %w", do, m, how, err)
}

// note keeps what may be the reason that nothing is found.
func (s *search) note(spoken bool, t *store.Trouble) {
	if spoken {
		s.others = append(s.others, t)
	}
}

// why is the best reason: the newest drive that is something else, a drive that was looked at and
// left alone, one that nobody mounted, one that was pulled out, or simply none.
func (s *search) why() *store.Trouble {
	switch {
	case len(s.others) > 0:
		return s.others[0]
	case len(s.noted) > 0:
		return s.noted[0]
	case s.device != "" && !s.mounted:
		return trouble(missing, "a drive with the label %s is plugged in (%s), but not mounted; the system's rule for drives has to mount it", s.Label, s.node)
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

// driveFS lets everybody read new copies, where the file system has owners: they are sealed, and
// the office is another user.
type driveFS struct{ durable.FS }

func (d driveFS) Create(name string) (durable.File, error) {
	f, err := d.FS.Create(name)
	if file, ok := f.(interface{ Chmod(fs.FileMode) error }); ok && err == nil {
		_ = file.Chmod(0o644) // FAT has no owners, and may refuse
	}
	return f, err
}
