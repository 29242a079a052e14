package hw_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tacet/hw"
	"tacet/systemd/needs"
)

// A dev is a /dev whose chips appear later. nil is a chip that may be opened.
type dev struct {
	began time.Time
	at    map[string]time.Duration // when a chip appears
	may   map[string]time.Duration // when it may be opened, if that is later
}

func (d dev) list() (paths []string) {
	for _, name := range []string{"gpiochip0", "gpiochip1"} {
		if at, ok := d.at[name]; ok && time.Since(d.began) >= at {
			paths = append(paths, "/dev/"+name)
		}
	}
	return paths
}

func (d dev) open(path string) error {
	if time.Since(d.began) < d.may[filepath.Base(path)] {
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	}
	return nil
}

func TestStartWaitsForTheChip(t *testing.T) {
	const never = time.Hour
	type times = map[string]time.Duration
	for _, c := range []struct {
		what    string
		dev     dev
		named   []string
		took    time.Duration
		refused string
		err     string
	}{
		{what: "there", dev: dev{at: times{"gpiochip0": 0}}},
		{what: "comes up", dev: dev{at: times{"gpiochip0": 3 * time.Second}}, took: 3 * time.Second},
		{what: "never", took: 10 * time.Second,
			err: "no GPIO chip appeared in /dev within 10s: this machine has none, or its driver is not loaded"},
		{what: "the named one comes up", dev: dev{at: times{"gpiochip0": 0, "gpiochip1": time.Second}},
			named: []string{"gpiochip1"}, took: time.Second},
		{what: "the named one never", dev: dev{at: times{"gpiochip0": 0}}, named: []string{"gpiochip1"},
			took: 10 * time.Second,
			err:  "no gpiochip1 appeared in /dev within 10s; found /dev/gpiochip0"},
		{what: "the rule comes late", dev: dev{at: times{"gpiochip0": 0}, may: times{"gpiochip0": time.Second}},
			took: time.Second},
		{what: "no rule", dev: dev{at: times{"gpiochip0": 0}, may: times{"gpiochip0": never}}, took: 10 * time.Second,
			err: "open /dev/gpiochip0: permission denied: ask the rule"},
		{what: "the other is not for us", dev: dev{at: times{"gpiochip0": 0, "gpiochip1": 0}, may: times{"gpiochip1": never}},
			took:    2 * time.Second,
			refused: "open /dev/gpiochip1: permission denied: ask the rule"},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.dev.began = time.Now()
				refused, err := hw.WaitForChips(t.Context(), c.dev.list, c.dev.open, c.named...)
				if took := time.Since(c.dev.began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if text(err) != c.err || text(refused) != c.refused {
					t.Errorf("refused %q, error %q; want %q, %q", text(refused), text(err), c.refused, c.err)
				}
			})
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), fs.ErrPermission.Error(), "permission denied")
}

func TestWaitForTheChipEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d := dev{began: time.Now()}
		if _, err := hw.WaitForChips(ctx, d.list, d.open); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(d.began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestPermissionErrorSaysWhatGivesTheRight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpiochip0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := hw.WhoMay(path); !strings.Contains(got, `udev rule`) || !strings.Contains(got, `GROUP="gpio"`) {
		t.Errorf("a chip of root's alone: %s", got)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	const gid = 54321
	needs.Kernel(t, "to give a file to a foreign group", os.Chown(path, -1, gid))
	want := fmt.Sprintf("it belongs to the group %d: add user %d to the group", gid, os.Geteuid())
	if got := hw.WhoMay(path); !strings.HasPrefix(got, want) {
		t.Errorf("a group's chip: %s, want %s…", got, want)
	}
}
