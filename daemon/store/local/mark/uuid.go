package mark

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxLinks limits how many file systems are searched.
const maxLinks = 1000

// UUIDOf returns the UUID of the file system on a device, "major:minor", as udev has read it, or ""
// if it is unknown. root is / except in tests. It reads nothing from the device.
func UUIDOf(root, device string) string {
	folder := filepath.Join(root, "/dev/disk/by-uuid")
	links, err := os.ReadDir(folder)
	if err != nil {
		return ""
	}
	for _, link := range links[:min(len(links), maxLinks)] {
		node, err := os.Readlink(filepath.Join(folder, link.Name()))
		if err != nil {
			continue
		}
		number, err := os.ReadFile(filepath.Join(root, "/sys/class/block", filepath.Base(node), "dev"))
		if err == nil && strings.TrimSpace(string(number)) == device {
			return unescape(link.Name())
		}
	}
	return ""
}

// unescape undoes udev's escapes of characters in names: \x20 is a space.
func unescape(name string) string {
	var out strings.Builder
	for {
		at := strings.Index(name, `\x`)
		if at < 0 || at+4 > len(name) {
			break
		}
		n, err := strconv.ParseUint(name[at+2:at+4], 16, 8)
		if err != nil {
			break
		}
		out.WriteString(name[:at])
		out.WriteByte(byte(n))
		name = name[at+4:]
	}
	out.WriteString(name)
	return out.String()
}
