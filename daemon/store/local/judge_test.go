//go:build linux

package local

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
)

// uuid sets the UUID of the file system on a device, as udev does.
func (m *machine) uuid(device, uuid string) {
	m.t.Helper()
	name := "sd" + device
	for _, dir := range []string{"sys/class/block/" + name, "dev/disk/by-uuid"} {
		if err := os.MkdirAll(filepath.Join(m.dev.root, dir), 0o700); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(m.dev.root, "sys/class/block", name, "dev"), []byte(device+"\n"),
		0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink("../../"+name, filepath.Join(m.dev.root, "dev/disk/by-uuid", uuid)); err != nil {
		m.t.Fatal(err)
	}
}

// A drive with the store's mark is used only if the judge doesn't object. Another one beside it may
// be.
func TestDrivesAreJudged(t *testing.T) {
	m := newMachine(t)
	var dirs, ids []string
	for i, device := range []string{"8:1", "8:17", "8:33"} {
		m.plug(device, true)
		dir := m.mount(device, "exfat")
		dirs, ids = append(dirs, dir), append(ids, marked(t, dir, "room-3", "drive"))
		if i < 2 {
			m.uuid(device, fmt.Sprintf("1234-000%d", i))
		}
	}
	asked := map[string]string{}
	var good []string
	d := m.drive()
	d.Judge = func(mk mark.Mark, uuid, where string) *store.Trouble {
		asked[mk.ID] = uuid
		if slices.Contains(good, mk.ID) {
			return nil
		}
		return trouble(health.DriveNew, "%s is new", where)
	}
	refused(t, d, health.DriveNew, dirs[2], "is new")
	for i, want := range []string{"1234-0000", "1234-0001", ""} {
		if got, ok := asked[ids[i]]; got != want || !ok {
			t.Errorf("of drive %d the judge hears %q (%v), want %q", i, got, ok, want)
		}
		lies(t, dirs[i], mark.File)
	}
	good = ids[:1]
	if got := opened(t, d); !strings.Contains(got.ID(), ids[0]) {
		t.Errorf("it took %s", got.ID())
	}
	good = ids[1:]
	if got := opened(t, d); !strings.Contains(got.ID(), ids[2]) {
		t.Errorf("it took %s, and not the newest", got.ID())
	}
	clear(asked)
	marked(t, dirs[0], "room-4", "drive")
	opened(t, d)
	if _, ok := asked[ids[0]]; ok {
		t.Error("the judge is asked about another room's drive")
	}
}

// A drive that the system refused to mount is reported while it is plugged in.
func TestNotes(t *testing.T) {
	m := newMachine(t)
	dir := filepath.Join(m.dev.root, notesPath)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	note := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	note("sda1", "unmarked exfat\n")
	note(".sdb1", "unmarked exfat\n")
	refused(t, m.drive(), missing, "no drive")
	block := filepath.Join(m.dev.root, "sys/class/block")
	for _, name := range []string{"sda1", ".sdb1"} {
		if err := os.Mkdir(filepath.Join(block, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, m.drive(), foreign, "/dev/sda1 (exfat)", "no mark", "tacet drive init")
	note("sda1", "own-disk vfat\n")
	refused(t, m.drive(), foreign, "/dev/sda1 (vfat)", "runs from")
	for _, bad := range []string{"", "unmarked", "unmarked \x1b[2J", strings.Repeat("unmarked exfat\n", 1000),
		"other exfat"} {
		note("sda1", bad)
		refused(t, m.drive(), missing, "no drive")
	}
	note("sda1", "unmarked exfat\n")
	m.plug("8:17", true)
	marked(t, m.mount("8:17", "vfat"), "room-3", "drive")
	opened(t, m.drive())
}
