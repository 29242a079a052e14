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
	// comeUp is how long a start waits for a chip: at boot its driver may still be loading.
	comeUp = 10 * time.Second
	// permit is how long it waits for the udev rule to give the other chips to the group.
	permit = 2 * time.Second
	// look is how often it looks while it waits. This is at start only.
	look = 200 * time.Millisecond
)

// devices is the machine's folder of GPIO chips.
type devices struct {
	list func() []string         // paths of chips
	open func(path string) error // whether one may be opened
	who  func(path string) string
}

func machine() devices {
	return devices{
		list: func() []string {
			paths, _ := filepath.Glob("/dev/gpiochip*") // it fails for a bad pattern only
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

// wait returns when a chip may be opened, and each named one, and those that are refused a moment
// longer. It returns the refusals that remain.
func (d devices) wait(ctx context.Context, named []string) (refused, err error) {
	began := time.Now()
	again := time.NewTicker(look)
	defer again.Stop()
	for {
		usable, missing, refused := d.look(named)
		waited := time.Since(began)
		if usable > 0 && len(missing) == 0 && (refused == nil || waited >= permit) {
			return refused, nil
		}
		if waited >= comeUp {
			return nil, d.absent(missing, refused)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a GPIO chip: %w", ctx.Err())
		case <-again.C:
		}
	}
}

// look counts the chips that can be used and tells which of the named ones can't, and what is
// refused.
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

// absent is why there is nothing to open.
func (d devices) absent(missing []string, refused error) error {
	switch {
	case refused != nil:
		return refused
	case len(missing) > 0 && len(d.list()) > 0:
		return fmt.Errorf("no %s appeared in /dev within %v; there are %s",
			strings.Join(missing, ", "), comeUp, strings.Join(d.list(), ", "))
	}
	return fmt.Errorf("no GPIO chip appeared in /dev within %v: this machine has none, or its driver is not loaded",
		comeUp)
}

// whoMay says what gives this process the right to open a chip.
func whoMay(path string) string {
	const rule = `a udev rule has to give it to a group: SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"`
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
	return fmt.Sprintf("it is for the group %s: add user %d to it (SupplementaryGroups=%s in the unit file)", group,
		os.Geteuid(), group)
}
