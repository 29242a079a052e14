package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// mounted returns the mount point of the drive with a file system.
func mounted(kind string) (point string, ok bool) {
	data, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) > 2 && f[2] == kind && strings.HasPrefix(f[1], "/run/media/tacet/") {
			return f[1], true
		}
	}
	return "/nowhere", false
}

// happened is the time of the last event at each drive: it was unplugged, full, or mounted.
var happened = map[string]time.Time{}

// now sets happened for all drives.
func now() {
	for _, kind := range kinds {
		happened[kind] = time.Now()
	}
}

// plug plugs a set of drives in, and waits until they are mounted.
func plug(whose, how string) error {
	var lines strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&lines, "plug %s %s-%s.img %s\n", kind, whose, kind, how)
	}
	if err := please(lines.String()); err != nil {
		return err
	}
	for _, kind := range kinds {
		if _, err := until("the drive with "+kind+" is mounted", inserted,
			func() bool { _, ok := mounted(kind); return ok }); err != nil {
			log, _ := run("journalctl", "-q", "-n", "20", "--no-hostname", "-o", "short")
			return fmt.Errorf("%w\n%s", err, log)
		}
	}
	now()
	return nil
}

// yank unplugs them, and waits until they are unmounted.
func yank() error {
	var lines strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&lines, "yank %s\n", kind)
	}
	if err := please(lines.String()); err != nil {
		return err
	}
	now()
	for _, kind := range kinds {
		if _, err := until("the mount of the drive with "+kind+" is gone", inserted,
			func() bool { _, ok := mounted(kind); return !ok }); err != nil {
			return err
		}
	}
	return nil
}

// please asks machine.sh, outside the unit, to move drives.
func please(what string) error {
	const asked = "/share/please"
	if err := os.WriteFile(asked+".new", []byte(what), 0o600); err != nil {
		return err
	}
	if err := os.Rename(asked+".new", asked); err != nil {
		return err
	}
	_, err := until(what+" is done", patience, func() bool {
		_, err := os.Stat(asked)
		return errors.Is(err, syscall.ENOENT)
	})
	return err
}

// fill fills all drives at the same time.
func fill() error {
	failed := make(chan error, len(kinds))
	for _, kind := range kinds {
		point, _ := mounted(kind)
		go func() {
			out, err := run("sh", "-c", "cat /dev/zero >"+point+"/filler")
			if err == nil {
				failed <- fmt.Errorf("%s can't be filled: %s", point, out)
				return
			}
			// The last bytes, which large writes may leave.
			run("sh", "-c", "for i in $(seq 64); do echo | dd of="+point+
				"/filler oflag=append conv=notrunc bs=512 count=1 status=none || break; done")
			failed <- nil
		}()
	}
	var err error
	for range kinds {
		err = errors.Join(err, <-failed)
	}
	now()
	return err
}

func unfill() error {
	for _, kind := range kinds {
		point, _ := mounted(kind)
		if err := os.Remove(point + "/filler"); err != nil {
			return err
		}
	}
	return nil
}

// mark prepares a drive for a store, as the office does.
func mark(point, store, config string) error {
	_, err := run("tacet", "drive", "init", "-i", "/root/office.key", "-config", config, "-store", store, point)
	return err
}

// otherRoom writes the configuration of another room.
func otherRoom() (string, error) {
	const path = "/tmp/other.toml"
	data, err := os.ReadFile(configFile)
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(data, []byte(`"room-1"`), []byte(`"room-2"`), 1), 0o644)
	}
	return path, err
}
