// Package mounts reads what is mounted on this machine, and reports changes.
//
//	w, err := mounts.Watch(ctx)
//	changed := w.Subscribe()
//	for range changed {
//		table, err := mounts.Read()
//		…
//	}
//
// It reads the mount table of the process's own namespace, /proc/self/mountinfo: a service confined
// by systemd sees what it can reach.
//
// The watcher sleeps in one system call. The kernel wakes it when the table changes: something was
// mounted, unmounted or remounted. A drive pulled out while it is mounted doesn't change the table,
// but its device node goes, and that wakes the watcher too. It costs nothing while nothing happens.
// It doesn't notice that the kernel makes a file system read-only after an error.
package mounts

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Mount is a line of the mount table.
type Mount struct {
	ID, Parent int // Parent is the mount that Point lies on
	// Device of the file system, "major:minor" as in /sys/dev/block. The major number is 0 if it
	// has no single device.
	Device   string
	Root     string // the mounted folder of the file system: "/", except for bind mounts and btrfs
	Point    string // where it is mounted
	FSType   string // "vfat", "ext4", "nfs4", …
	Source   string // "/dev/sda1", "server:/share", …
	Options  string // of the mount and of the file system, comma-separated
	ReadOnly bool   // either of them is read-only, or the file system has shut down
}

// String names the mount for a person.
func (m Mount) String() string { return fmt.Sprintf("%s (%s, %s)", m.Point, m.Source, m.FSType) }

const (
	maxMounts = 8192
	maxLine   = 64 << 10
)

// Table is the mount table, in the kernel's order.
type Table []Mount

// Parse parses a table of at most 8,192 mounts.
func Parse(r io.Reader) (Table, error) {
	var table Table
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(table) == maxMounts {
			return nil, fmt.Errorf("read the mount table: more than %d mounts", maxMounts)
		}
		m, err := parseLine(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("read the mount table: line %d: %w", len(table)+1, err)
		}
		table = append(table, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	return table, nil
}

// parseLine parses a line as proc(5) describes it:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//
// with any number of fields between the options and the hyphen.
func parseLine(line string) (Mount, error) {
	field := strings.Split(line, " ")
	hyphen := -1
	if len(field) > 6 {
		if hyphen = slices.Index(field[6:], "-"); hyphen >= 0 {
			hyphen += 6
		}
	}
	if hyphen < 0 || len(field) < hyphen+4 {
		return Mount{}, fmt.Errorf("%.100q is not a line of a mount table", line)
	}
	id, err1 := strconv.Atoi(field[0])
	parent, err2 := strconv.Atoi(field[1])
	if err1 != nil || err2 != nil {
		return Mount{}, fmt.Errorf("%.100q doesn't start with two numbers", line)
	}
	options := field[5] + "," + field[hyphen+3]
	return Mount{
		ID: id, Parent: parent, Device: field[2],
		Root: unescape(field[3]), Point: unescape(field[4]),
		FSType: unescape(field[hyphen+1]), Source: unescape(field[hyphen+2]),
		Options: options, ReadOnly: readOnly(options),
	}, nil
}

// readOnly looks for the kernel's option and for ext4's own: after an error ext4 may still say "rw"
// but write nothing.
func readOnly(options string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == "ro" || option == "emergency_ro" || option == "shutdown" {
			return true
		}
	}
	return false
}

// unescape undoes the kernel's escapes, \ooo, of spaces, tabs, newlines, backslashes and hashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if octal, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(octal))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
