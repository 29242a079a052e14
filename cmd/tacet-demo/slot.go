package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/local"
	"tacet/daemon/store/local/mounts"
	"tacet/daemon/trust"
	"tacet/hw/simpanel"
)

// slot is the port for the thumb drive, as the unit's stores see it. A drive is a folder that can't
// be reached while the drive is out.
type slot struct {
	dir string

	mu      sync.Mutex // guards all below
	present bool
	drives  []*drive
}

// drive is the kind of a store on a thumb drive.
type drive struct {
	local.Folder
	slot    *slot
	name    string // the store's
	judge   trust.Judge
	changed chan struct{}
	open    store.Medium // the last one opened; guarded by slot.mu
}

var errOut = &store.Trouble{Code: health.StoreMissing, Err: errors.New("the thumb drive is not plugged in")}

// kinds makes the drives of this slot, and leaves other stores to others.
func (s *slot) kinds(others daemon.StoreKind) daemon.StoreKind {
	return func(c config.Store, judge trust.Judge) store.Kind {
		if c.Kind != config.Drive {
			return others(c, judge)
		}
		d := &drive{slot: s, name: c.Name, judge: judge, changed: make(chan struct{}, 1)}
		d.Folder = local.Folder{Path: driveDir(s.dir, c.Name), UnmountedOK: true, Mounts: mounts.Read, Changes: d.changed}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drives = append(s.drives, d)
		return d
	}
}

// driveDir returns the folder that stands for a store's thumb drive.
func driveDir(dir, name string) string { return filepath.Join(dir, "drive-"+name) }

// set plugs the drive in or pulls it out, in the middle of any write.
func (s *slot) set(present bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present = present
	for _, d := range s.drives {
		if !present && d.open != nil {
			d.open.Abort()
		}
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}
}

func (s *slot) out() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.present
}

// Open opens the folder if the drive is plugged in.
func (d *drive) Open(ctx context.Context) (store.Medium, error) {
	if d.slot.out() {
		return nil, errOut
	}
	if err := d.judged(); err != nil {
		return nil, err
	}
	m, err := d.Folder.Open(ctx)
	if err != nil {
		return nil, err
	}
	d.slot.mu.Lock()
	defer d.slot.mu.Unlock()
	d.open = m
	if !d.slot.present { // pulled out meanwhile
		m.Abort()
	}
	return inSlot{m.(store.Folder), d.slot}, nil
}

// inSlot is a folder that is gone when the drive is out.
type inSlot struct {
	store.Folder
	slot *slot
}

func (m inSlot) Check(cause error) error {
	if m.slot.out() {
		return errOut
	}
	return m.Folder.Check(cause)
}

// drives returns the folders of the thumb drives while they are plugged in.
func (u *unit) drives(front *simpanel.Panel) func() []string {
	return func() (dirs []string) {
		if present := front.State().Drive; present == nil || !*present {
			return nil
		}
		for _, s := range u.cfg.Stores {
			if s.Kind == config.Drive {
				dirs = append(dirs, driveDir(u.dir, s.Name))
			}
		}
		return dirs
	}
}

// makeDrives makes the folders that stand for thumb drives, with the office's mark.
func (u *unit) makeDrives() error {
	for _, s := range u.cfg.Stores {
		if s.Kind != config.Drive {
			continue
		}
		if err := os.MkdirAll(driveDir(u.dir, s.Name), 0o700); err != nil {
			return err
		}
		if err := u.markDrive(s); err != nil {
			return fmt.Errorf("mark the drive: %w", err)
		}
	}
	return nil
}
