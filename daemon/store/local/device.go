//go:build linux

package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tacet/daemon/store/local/mark"
	"tacet/daemon/store/local/mounts"
)

// devices looks up block devices in /sys and /dev/disk.
type devices struct {
	root string // "" means /; tests set it
}

// there reports whether the device of a mounted file system is still plugged in. For a network
// share, or if unknown, it returns true.
func (d devices) there(m mounts.Mount) bool {
	path := filepath.Join("/sys/dev/block", m.Device)
	if strings.HasPrefix(m.Device, "0:") {
		// As btrfs has it. The service's /dev holds no drives, so look where the kernel lists them.
		if filepath.Dir(m.Source) != "/dev" {
			return true
		}
		path = filepath.Join("/sys/class/block", filepath.Base(m.Source))
	}
	if _, err := os.Lstat(d.at(path)); !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	_, err := os.Lstat(d.at(filepath.Dir(path))) // without the folder nothing is known
	return err != nil
}

// plugged reports whether a device is removable.
func (d devices) plugged(m mounts.Mount) bool {
	path, err := filepath.EvalSymlinks(d.at(filepath.Join("/sys/dev/block", m.Device)))
	if err != nil {
		return false
	}
	if strings.Contains(path, "/usb") {
		return true
	}
	for _, disk := range []string{path, filepath.Dir(path)} { // a partition is in its disk's folder
		if text, err := os.ReadFile(filepath.Join(disk, "removable")); err == nil {
			return strings.TrimSpace(string(text)) == "1"
		}
	}
	return false
}

// labelled returns the device whose file system has this label, and its node, or "" if there is
// none.
func (d devices) labelled(label string) (device, node string) {
	if label == "" {
		return "", ""
	}
	// As udev writes it; config allows no other character that udev would change.
	node, err := os.Readlink(d.at(filepath.Join("/dev/disk/by-label", strings.ReplaceAll(label, " ", `\x20`))))
	if err != nil {
		return "", ""
	}
	name := filepath.Base(node)
	number, err := os.ReadFile(d.at(filepath.Join("/sys/class/block", name, "dev")))
	if err != nil {
		return "", ""
	}
	return strings.TrimSpace(string(number)), "/dev/" + name
}

// uuid returns the UUID of a mounted file system, or "" if it is unknown.
func (d devices) uuid(m mounts.Mount) string {
	root := d.root
	if root == "" {
		root = "/"
	}
	return mark.UUIDOf(root, m.Device)
}

func (d devices) at(path string) string {
	if d.root == "" {
		return path
	}
	return filepath.Join(d.root, path)
}
