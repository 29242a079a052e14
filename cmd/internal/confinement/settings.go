package confinement

import (
	"slices"
	"strings"
)

// confines are the beginnings of the settings of a unit that decide what its processes may do and
// reach. The others say how it is started and watched.
var confines = []string{
	"AmbientCapabilities", "AppArmorProfile", "Bind", "CapabilityBoundingSet", "Device", "Environment", "ExecPaths",
	"Group", "IPAddress", "IPIngress", "IPEgress", "Inaccessible", "KeyringMode", "Limit", "LockPersonality", "Memory",
	"MountAPIVFS", "NetworkNamespacePath", "NoExecPaths", "NoNewPrivileges", "Private", "ProcSubset", "Protect",
	"ReadOnly", "ReadWrite", "RemoveIPC", "Restrict", "SELinuxContext", "SocketBind", "StateDirectory",
	"SupplementaryGroups", "SystemCall", "TemporaryFileSystem", "UMask", "User",
}

// Settings returns those settings of a service, as NAME=VALUE, in the order of its unit file and
// drop-ins, which is what "systemctl cat" prints.
func Settings(unit string) (settings []string) {
	section, pending := "", ""
	for line := range strings.Lines(unit) {
		line = strings.TrimSpace(line)
		if line != "" && strings.ContainsRune("#;", rune(line[0])) {
			continue // also in the middle of a continued line
		}
		if rest, more := strings.CutSuffix(line, `\`); more {
			pending += rest + " "
			continue
		}
		line, pending = pending+line, ""
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); ok && section == "[Service]" &&
			slices.ContainsFunc(confines, func(start string) bool { return strings.HasPrefix(name, start) }) {
			settings = append(settings, name+"="+strings.TrimSpace(value))
		}
	}
	return settings
}

// Last returns the last value of a setting, or "".
func Last(settings []string, name string) (value string) {
	for _, s := range settings {
		if v, ok := strings.CutPrefix(s, name+"="); ok {
			value = v
		}
	}
	return value
}
