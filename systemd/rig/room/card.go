package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The scenes of a unit that has set itself up from a card: see card.sh.

// provisioned checks what the first start has left, on the unit and on the card.
func provisioned(r *room) {
	r.check("what the first start leaves: the packages, the config, a firmware that keeps the light off, the unit's key on "+
		"the card, no secret there, and nothing of itself", func() error {
		return steps(
			keepTime,
			idle,
			installedAll,
			privateConfig,
			cardText,
			keyOnCard,
			noSecrets,
			leftNothing,
			func() error {
				return stays("dark, microphone closed", time.Second, func() bool { return !r.lit() && !micOpen() })
			},
		)
	})
}

func installedAll() error {
	out, err := run("dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n")
	if err != nil {
		return err
	}
	lines := strings.Split(out, "\n")
	for _, names := range [][]string{{"tacet"}, {"libasound2", "libasound2t64"}, {"libasound2-data"}} {
		if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(lines, name+" installed") }) {
			return fmt.Errorf("%s is not installed", names[0])
		}
	}
	if out, err = run("dpkg", "--audit"); err != nil || out != "" {
		return fmt.Errorf("dpkg complains: %s %w", out, err)
	}
	if out, err = run("systemctl", "is-enabled", "tacetd"); err != nil {
		return fmt.Errorf("tacetd does not start at the next boot: %s %w", out, err)
	}
	_, err = os.Stat("/etc/rig/imaged")
	return err // Imager's own commands have run too
}

// privateConfig checks that only root and the service can read the config and the keys.
func privateConfig() error {
	files, err := filepath.Glob("/etc/tacet/*")
	if err != nil || len(files) < 4 {
		return fmt.Errorf("/etc/tacet holds only %s: %w", strings.Join(files, " "), err)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; info.Mode() != 0o640 || owner != 0 {
			return fmt.Errorf("%s is %v, and user %d's", name, info.Mode(), owner)
		}
	}
	_, err = run("tacet", "check", configFile)
	return err
}

// cardText checks the files of the firmware: what Imager wrote is there, and Tacet's once.
func cardText() error {
	for _, f := range []struct {
		name, text string
		count      int
	}{
		{bootPartition + "/config.txt", "enable_uart=1\n", 1},
		{bootPartition + "/config.txt", "gpio=27=op,dl\n", 1},
		{bootPartition + "/cmdline.txt", "rootwait", 1},
		{bootPartition + "/cmdline.txt", "cgroup_enable=memory", 1},
		{bootPartition + "/cmdline.txt", "systemd.", 0},
		{"/proc/cmdline", "cgroup_enable=memory", 1},
	} {
		data, err := os.ReadFile(f.name)
		if err != nil {
			return err
		}
		if n := strings.Count(string(data), f.text); n != f.count {
			return fmt.Errorf("%s has %q %d times, not %d: %s", f.name, f.text, n, f.count, data)
		}
	}
	return nil
}

func keyOnCard() error {
	left, err := os.ReadFile(bootPartition + "/rig_room-1.vkey")
	if err != nil {
		return err
	}
	key, err := run("tacetd", "status", "-key")
	if err == nil && strings.TrimSpace(string(left)) != key {
		return fmt.Errorf("the card has the key %q, but the unit's is %q", left, key)
	}
	return err
}

// noSecrets searches the card's files for the contents of the unit's secret ones.
func noSecrets() error {
	secret, err := os.ReadFile("/etc/tacet/mqtt_password")
	if err != nil {
		return err
	}
	secret = bytes.TrimSpace(secret)
	if len(secret) < 8 {
		return errors.New("the password is too short to be one")
	}
	return filepath.WalkDir(bootPartition, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, secret) {
			return fmt.Errorf("%s holds a secret", path)
		}
		return err
	})
}

func leftNothing() error {
	for _, name := range []string{bootPartition + "/tacet", "/usr/local/lib/tacet/firstboot",
		"/etc/systemd/system/tacet-firstboot.service", "/etc/systemd/system/multi-user.target.wants/tacet-firstboot.service",
		"/etc/tacet/.check.toml"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is still there: %w", name, err)
		}
	}
	data, err := os.ReadFile(bootPartition + "/tacet-firstboot.log")
	if err == nil && !strings.Contains(string(data), " done: ") {
		err = fmt.Errorf("the log does not end well: %s", data)
	}
	return err
}

// brief is a unit's first recording.
func brief(r *room) {
	r.check("a press records, and another ends it: whole", func() error {
		_, err := r.record(3*time.Second, patient)
		return err
	})
}

// ownStick uses the room's thumb drive, which carries the mark that tacet provision made.
func ownStick(r *room) {
	kinds = []string{"vfat"}
	broker, err := subscribe()
	if err != nil {
		fmt.Printf("not ok - listen to the broker\n# %v\n", err)
		return
	}
	defer broker.stop()
	r.check("the drive that was marked in the office: pulled out while recording, and put back, it gets all of it",
		func() error { return r.pulledOut(broker) })
}

func (r *room) pulledOut(b *broker) error {
	pid := mainPID()
	if err := steps(func() error { return plug("own", "rw") }, r.storesWell); err != nil {
		return err
	}
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	if err := steps(
		grown,
		yank,
		r.warned("pulled out", "store-missing", soon),
		func() error { return plug("own", "rw") },
		r.storesWell,
		grown,
	); err != nil {
		return err
	}
	rec, err := c.end(patient)
	if err != nil {
		return err
	}
	return steps(
		func() error { return r.copied(b, rec.File, patience+time.Minute) },
		func() error { return samePID(pid) },
		func() error { _, err := run("sync"); return err },
		yank,
	)
}
