//go:build linux

package local

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// udevDevice is what udev knows of a block device when it is plugged in.
type udevDevice struct {
	action, subsystem string
	parents           []string          // their subsystems, from the nearest
	env               map[string]string // its properties so far
}

// One match or assignment of a rule, as in ENV{ID_BUS}!="ata".
var udevToken = regexp.MustCompile(`^([A-Z]+)(?:\{([^}]*)\})?(==|!=|\+=|=)"([^"]*)"$`)

// apply goes through rules as udev does, for the keys that ours use, and returns what it assigns.
func (d udevDevice) apply(t *testing.T, rules string) (assigned []string) {
	t.Helper()
	skip := "" // the label that it goes to
	for line := range strings.Lines(rules) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		matches := true
		var tokens [][]string
		for _, text := range regexp.MustCompile(`,\s*`).Split(line, -1) {
			m := udevToken.FindStringSubmatch(text)
			if m == nil {
				t.Fatalf("this test does not understand %s", text)
			}
			if m[1] == "LABEL" && m[4] == skip {
				skip = ""
			}
			tokens = append(tokens, m)
			if m[3] == "==" || m[3] == "!=" {
				matches = matches && d.matches(t, m)
			}
		}
		for _, m := range tokens {
			switch {
			case skip != "" || !matches || m[3] == "==" || m[3] == "!=" || m[1] == "LABEL":
			case m[1] == "GOTO":
				skip = m[4]
			default:
				assigned = append(assigned, m[0])
			}
		}
	}
	if skip != "" {
		t.Fatalf("there is no label %s", skip)
	}
	return assigned
}

// matches reports whether one match holds. For the keys in the plural one device of the whole chain
// is enough, also with "!=".
func (d udevDevice) matches(t *testing.T, m []string) bool {
	t.Helper()
	is := func(value string) bool {
		equal := slices.ContainsFunc(strings.Split(m[4], "|"), func(pattern string) bool {
			ok, err := path.Match(pattern, value)
			return ok && err == nil
		})
		return equal == (m[3] == "==")
	}
	switch m[1] {
	case "ACTION":
		return is(d.action)
	case "SUBSYSTEM":
		return is(d.subsystem)
	case "SUBSYSTEMS":
		return slices.ContainsFunc(append([]string{d.subsystem}, d.parents...), is)
	case "ENV":
		return is(d.env[m[2]])
	}
	t.Fatalf("this test does not understand %s", m[0])
	return false
}

// The rule has every drive on USB inspected, whatever udev calls its bus: for a disk or SSD behind
// an adapter that is "ata". It has no other disk inspected.
func TestRuleOfDrives(t *testing.T) {
	data, err := os.ReadFile("../../../systemd/61-tacet-drive.rules")
	if err != nil {
		t.Fatal(err)
	}
	usb := []string{"block", "scsi", "scsi", "usb", "usb", "pci"}
	sata := []string{"block", "scsi", "scsi", "ata_port", "pci"}
	for name, c := range map[string]struct {
		parents   []string
		env       string // besides ID_FS_USAGE=filesystem
		action    string // "": add
		subsystem string // "": block
		inspected bool
	}{
		"a stick":                     {parents: usb, env: "ID_BUS=usb ID_FS_TYPE=vfat", inspected: true},
		"a disk behind an adapter":    {parents: usb, env: "ID_BUS=ata ID_FS_TYPE=ext4", inspected: true},
		"an SSD behind an adapter":    {parents: usb, env: "ID_BUS=ata ID_ATA=1 ID_FS_TYPE=exfat", inspected: true},
		"an adapter that says SCSI":   {parents: usb, env: "ID_BUS=scsi ID_FS_TYPE=vfat", inspected: true},
		"without any bus":             {parents: usb, env: "ID_FS_TYPE=vfat", inspected: true},
		"a disk inside":               {parents: sata, env: "ID_BUS=ata ID_FS_TYPE=ext4"},
		"a disk inside that says USB": {parents: sata, env: "ID_BUS=usb ID_FS_TYPE=ext4"},
		"an SD card":                  {parents: []string{"block", "mmc", "mmc_host", "platform"}, env: "ID_FS_TYPE=vfat"},
		"another file system":         {parents: usb, env: "ID_BUS=ata ID_FS_TYPE=ntfs"},
		"no file system":              {parents: usb, env: "ID_BUS=ata ID_FS_USAGE=raid ID_FS_TYPE=ext4"},
		"a change":                    {parents: usb, env: "ID_BUS=ata ID_FS_TYPE=ext4", action: "change"},
		"unplugged":                   {parents: usb, env: "ID_BUS=ata ID_FS_TYPE=ext4", action: "remove"},
		"no block device":             {parents: usb, env: "ID_FS_TYPE=ext4", subsystem: "tty"},
	} {
		t.Run(name, func(t *testing.T) {
			d := udevDevice{action: "add", subsystem: "block", parents: c.parents,
				env: map[string]string{"ID_FS_USAGE": "filesystem"}}
			if c.action != "" {
				d.action = c.action
			}
			if c.subsystem != "" {
				d.subsystem = c.subsystem
			}
			for _, pair := range strings.Fields(c.env) {
				key, value, _ := strings.Cut(pair, "=")
				d.env[key] = value
			}
			var want []string
			if c.inspected {
				want = []string{`TAG+="systemd"`, `ENV{SYSTEMD_WANTS}+="tacet-drive@%k.service"`}
			}
			if got := d.apply(t, string(data)); !slices.Equal(got, want) {
				t.Errorf("udev does %q, want %q", got, want)
			}
		})
	}
}
