package mounts

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const golden = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
41 27 8:1 / /media/a\040\134b\011c\012d\043 rw,nosuid shared:7 master:1 - vfat /dev/sda1 rw,uid=990,errors=remount-ro
42 27 8:17 / /media/stick ro,nosuid - exfat /dev/sdb1 rw
43 27 8:33 /sub /media/bound rw - ext4 /dev/sdc1 ro
44 27 8:49 / /media/ext rw - ext4 /dev/sdd1 rw,errors=continue,emergency_ro
45 27 0:52 / /mnt/nas rw,relatime - cifs //nas/rec\040ordings rw,vers=3.1.1,cache=strict
46 27 0:53 / /x\09y\ rw - tmpfs none rw
`

func TestParse(t *testing.T) {
	table, err := Parse(strings.NewReader(golden))
	if err != nil {
		t.Fatal(err)
	}
	want := Table{
		{22, 27, "0:21", "/", "/proc", "proc", "proc", "rw,relatime,rw", false},
		{27, 1, "254:0", "/", "/", "ext4", "/dev/vda", "rw,relatime,rw,discard", false},
		{41, 27, "8:1", "/", "/media/a \\b\tc\nd#", "vfat", "/dev/sda1", "rw,nosuid,rw,uid=990,errors=remount-ro", false},
		{42, 27, "8:17", "/", "/media/stick", "exfat", "/dev/sdb1", "ro,nosuid,rw", true},
		{43, 27, "8:33", "/sub", "/media/bound", "ext4", "/dev/sdc1", "rw,ro", true},
		{44, 27, "8:49", "/", "/media/ext", "ext4", "/dev/sdd1", "rw,rw,errors=continue,emergency_ro", true},
		{45, 27, "0:52", "/", "/mnt/nas", "cifs", "//nas/rec ordings", "rw,relatime,rw,vers=3.1.1,cache=strict", false},
		{46, 27, "0:53", "/", `/x\09y\`, "tmpfs", "none", "rw,rw", false},
	}
	for i := range want {
		if i >= len(table) || !reflect.DeepEqual(table[i], want[i]) {
			t.Errorf("line %d is read as\n%+v, want\n%+v", i+1, table[i:min(i+1, len(table))], want[i])
		}
	}
	if len(table) != len(want) {
		t.Errorf("%d mounts, want %d", len(table), len(want))
	}
}

func TestParseRefuses(t *testing.T) {
	const line = "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
	for name, text := range map[string]string{
		"nothing in a line":   "\n",
		"no hyphen":           "27 1 254:0 / / rw shared:1 ext4 /dev/vda rw\n",
		"nothing after it":    "27 1 254:0 / / rw - ext4\n",
		"no number":           "a 1 254:0 / / rw - ext4 /dev/vda rw\n",
		"too many mounts":     strings.Repeat(line, maxMounts+1),
		"a line without end":  "27 1 254:0 / /" + strings.Repeat("x", maxLine) + " rw - ext4 /dev/vda rw\n",
		"the hyphen too soon": "27 1 254:0 / - rw ext4 /dev/vda rw\n",
	} {
		if table, err := Parse(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %d mounts and no error", name, len(table))
		}
	}
	if table, err := Parse(strings.NewReader(strings.Repeat(line, maxMounts))); err != nil || len(table) != maxMounts {
		t.Errorf("as many as may be: %d, %v", len(table), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(golden)
	f.Add(`1 1 0:0 \0 \777 rw - \ \1 ro`)
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Parse(strings.NewReader(text))
		if err == nil {
			_ = fmt.Sprint(table)
		}
	})
}
