package hw

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// chipTimeout is how long a start waits for a chip: at boot its driver may still be loading.
	chipTimeout = 10 * time.Second
	// udevTimeout is how long it waits for the udev rule to give the other chips to the group.
	udevTimeout = 2 * time.Second
	// pollInterval is how often it checks while it waits, which is at the start only.
	pollInterval = 200 * time.Millisecond
)

// devices is the machine's folder of GPIO chips.
type devices struct {
	list func() []string          // paths of chips
	open func(path string) error  // whether a chip may be opened
	who  func(path string) string // what gives the right to open it
}

func machine() devices {
	return devices{
		list: func() []string {
			paths, _ := filepath.Glob("/dev/gpiochip*") // it fails only for a bad pattern
			return paths
		},
		open: func(path string) error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return f.Close()
		},
		who: whoMay,
	}
}

// wait waits until some chip and every named one can be opened, and a little longer for chips that
// are refused. It returns the remaining refusals.
func (d devices) wait(ctx context.Context, named []string) (refused, err error) {
	start := time.Now()
	again := time.NewTicker(pollInterval)
	defer again.Stop()
	for {
		usable, missing, refused := d.look(named)
		waited := time.Since(start)
		if usable > 0 && len(missing) == 0 && (refused == nil || waited >= udevTimeout) {
			return refused, nil
		}
		if waited >= chipTimeout {
			return nil, d.absent(missing, refused)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a GPIO chip: %w", ctx.Err())
		case <-again.C:
		}
	}
}

// look counts the usable chips, and returns the missing ones among those named, and the refusals.
func (d devices) look(named []string) (usable int, missing []string, refused error) {
	var refusals []error
	missing = slices.Clone(named)
	for _, path := range d.list() {
		if err := d.open(path); err != nil {
			if errors.Is(err, fs.ErrPermission) {
				err = fmt.Errorf("%w: %s", err, d.who(path))
			}
			refusals = append(refusals, err)
			continue
		}
		usable++
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == filepath.Base(path) })
	}
	return usable, missing, errors.Join(refusals...)
}

// absent says why there is nothing to open.
func (d devices) absent(missing []string, refused error) error {
	switch {
	case refused != nil:
		return refused
	case len(missing) > 0 && len(d.list()) > 0:
		return fmt.Errorf("no %s appeared in /dev within %v; found %s",
			strings.Join(missing, ", "), chipTimeout, strings.Join(d.list(), ", "))
	}
	return fmt.Errorf("no GPIO chip appeared in /dev within %v: this machine has none, or its driver is not loaded",
		chipTimeout)
}

// whoMay says what would give this process the right to open a chip.
func whoMay(path string) string {
	const rule = `a udev rule must give it to a group: SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"`
	info, err := os.Stat(path)
	if err != nil {
		return rule
	}
	gid, ok := groupOf(info)
	if !ok || gid == 0 || info.Mode().Perm()&0o060 != 0o060 {
		return rule
	}
	group := strconv.Itoa(gid)
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf("it belongs to the group %s: add user %d to the group (SupplementaryGroups=%s in the unit "+
		"file)", group,
		os.Geteuid(), group)
}
