package host

import "strings"

// Model is the kind of board; "" if the kernel doesn't tell.
func (h Host) Model() string { return strings.Trim(h.read("proc/device-tree/model"), "\x00") }

// System is the distribution's name and version.
func (h Host) System() string {
	for line := range strings.Lines(h.read("etc/os-release")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return ""
}
