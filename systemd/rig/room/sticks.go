package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// kinds are the file systems of the thumb drives. Each drive is a store, so that all three are
// tested at once.
var kinds = []string{"vfat", "exfat", "ext4"}

const (
	// soon is the longest time from an event at a drive to its warning: the unit may take 2 s to
	// notice an exchanged drive, and 5 s more.
	soon = 7 * time.Second
	// appending is how often a copy is appended to. Only then is a full drive noticed.
	appending = 5 * time.Second
	// inserted is the most time for an emulated machine to find, check and mount a drive.
	inserted = 60 * time.Second
)

// sticks tests thumb drives.
func sticks(r *room) {
	r.check("thumb drives are mounted when they are plugged in, and given a mark: vfat, exfat, ext4", r.marks)
	broker, err := subscribe()
	if err != nil {
		fmt.Printf("not ok - listen to the broker\n# %v\n", err)
		return
	}
	defer broker.stop()
	r.check("drives unplugged while recording, swapped, write-protected, full: reported in time; put back they get "+
		"all of it",
		func() error {
			return r.changes(broker)
		})
	r.check("drives unplugged while they are written to, again and again: dirty, but undamaged",
		func() error {
			return r.dirty(broker)
		})
}

// marks prepares two sets of drives: the unit's own and another room's.
func (r *room) marks() error {
	var stores strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&stores, "[[store]]\nname = \"on-%s\"\nkind = \"drive\"\nlabel = \"T%s\"\n", kind, strings.ToUpper(kind))
	}
	if err := steps(setting{parties: 1, codec: "wav", release: "never", stores: stores.String()}.write,
		r.start); err != nil {
		return err
	}
	for _, whose := range []string{"other", "own"} {
		if err := plug(whose, "rw"); err != nil {
			return err
		}
		for _, kind := range kinds {
			point, _ := mounted(kind)
			config := configFile
			if whose == "other" {
				var err error
				if config, err = otherRoom(); err != nil {
					return err
				}
			}
			if err := mark(point, "on-"+kind, config); err != nil {
				return err
			}
		}
		if err := yank(); err != nil {
			return err
		}
	}
	return nil
}

// changes makes one recording during which everything happens to the drives that can.
func (r *room) changes(b *broker) error {
	pid := mainPID()
	if err := steps(func() error { return plug("own", "rw") }, r.storesWell); err != nil {
		return err
	}
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	err = steps(
		grown,
		yank,
		r.warned("pulled out", "store-missing", soon),
		func() error { return plug("other", "rw") },
		r.warned("another room's", "store-foreign", soon),
		untouched,
		yank,
		func() error { return plug("own", "ro") },
		r.warned("write-protected", "store-readonly", soon),
		yank,
		func() error { return plug("own", "rw") },
		r.storesWell,
		grown,
		fill,
		r.warned("full", "store-full", appending+soon),
		unfill,
		r.storesWell,
	)
	if err != nil {
		return err
	}
	rec, err := c.end(patient)
	if err != nil {
		return err
	}
	if err := r.copied(b, rec.File, patience+time.Minute); err != nil { // and the same as the recording
		return err
	}
	return samePID(pid)
}

// dirty unplugs the drives three times while they are written to, and checks the copies.
func (r *room) dirty(b *broker) error {
	pid := mainPID()
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	for i := range 3 {
		pause(time.Duration(5+i) * time.Second)
		if err := steps(yank, func() error { return plug("own", "rw") }); err != nil {
			return err
		}
	}
	rec, err := c.end(patient)
	if err != nil {
		return err
	}
	if err := r.copied(b, rec.File, patience+time.Minute); err != nil {
		return err
	}
	found, _ := run("sh", "-c", "journalctl -q -t systemd-fsck | grep -c -i 'dirty\\|recover\\|journal\\|not "+
		"properly' || true")
	r.note("file system checks that found a drive dirty: %s", found)
	return errors.Join(samePID(pid), yank())
}

func samePID(pid int) error {
	if now := mainPID(); now != pid {
		return fmt.Errorf("the process is now %d and was %d", now, pid)
	}
	return nil
}

// warned checks that a warning is up for each drive in time.
func (r *room) warned(what, code string, limit time.Duration) func() error {
	return func() error {
		var slowest time.Duration
		for _, kind := range kinds {
			start := happened[kind]
			_, err := until(fmt.Sprintf("%s for the drive with %s, which is %s", code, kind, what), limit-time.Since(start),
				func() bool {
					return status().warnsOf(code, "on-"+kind)
				})
			if err != nil {
				return fmt.Errorf("%w; it says %+v", err, status().Warnings)
			}
			slowest = max(slowest, time.Since(start))
		}
		r.note("%s: %s is up for all after %v at most", what, code, slowest.Round(100*time.Millisecond))
		return nil
	}
}

// storesWell waits until no store has a warning.
func (r *room) storesWell() error {
	took, err := until("no warning of a store", time.Minute, func() bool {
		for _, w := range status().Warnings {
			if strings.HasPrefix(w.Code, "store-") {
				return false
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("%w; it says %+v", err, status().Warnings)
	}
	r.note("all stores are well after %v", took.Round(100*time.Millisecond))
	return nil
}

// copyOf is the path of the copy of a recording on a drive.
func copyOf(kind, file string) string {
	point, _ := mounted(kind)
	return filepath.Join(point, filepath.Base(file))
}

// grown checks that the copies of the latest recording grow.
func grown() error {
	file := recordings()[len(recordings())-1]
	for _, kind := range kinds {
		before := size(copyOf(kind, file))
		if _, err := until(fmt.Sprintf("the copy on the drive with %s grows beyond %d bytes", kind, before), patience,
			func() bool { return size(copyOf(kind, file)) > before }); err != nil {
			return err
		}
	}
	return nil
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// copied checks that the broker has received the event of a copy on each drive, and that the copy
// is the same.
func (r *room) copied(b *broker, file string, limit time.Duration) error {
	id := strings.TrimSuffix(file[strings.LastIndexByte(file, '_')+1:], ".tacet")
	start := time.Now()
	for _, kind := range kinds {
		_, err := until(fmt.Sprintf("a copy of %s on the drive with %s", id, kind), limit,
			func() bool { return b.heardCopy(id, "on-"+kind) })
		if err != nil {
			return fmt.Errorf("%w; it says %+v", err, status().Warnings)
		}
		if _, err := run("cmp", file, copyOf(kind, file)); err != nil {
			return err
		}
	}
	r.note("copied, read back, and equal on all: %v after the end", time.Since(start).Round(100*time.Millisecond))
	return nil
}

// untouched checks that another room's drives hold only their mark.
func untouched() error {
	for _, kind := range kinds {
		point, _ := mounted(kind)
		files, err := filepath.Glob(point + "/*.tacet*")
		if err != nil || len(files) > 0 {
			return fmt.Errorf("another room's drive was written to: %s %w", strings.Join(files, " "), err)
		}
	}
	return nil
}
