package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// memory reports whether samples can reach swap: as the running daemon says, or by how much memory
// systemd lets the service lock. What this process may lock says nothing about the service.
func (d *doctor) memory(ctx context.Context) {
	if d.running != "" {
		d.runningMemory()
		return
	}
	limit, err := within(ctx, diskTimeout, d.lockLimit)
	switch {
	case err != nil:
		d.report(untried, "memory", "can't tell whether the service may lock it: %v", err)
	case limit != "infinity":
		d.failed("memory", fix{"set LimitMEMLOCK=infinity in its unit file, as the package does",
			"sudo systemctl edit tacetd"}, "the service may lock only %s bytes of it, so what is said in the room may reach "+
			"swap", limit)
	default:
		d.report(ok, "memory", "the service may lock all of it (LimitMEMLOCK=infinity), so none of it reaches swap")
	}
}

// runningMemory reports what the running daemon says of its memory.
func (d *doctor) runningMemory() {
	i := slices.IndexFunc(d.warnings, func(w warning) bool { return w.Code == "memory-unlocked" })
	switch {
	case d.reported == "":
		d.report(untried, "memory", "%s doesn't say whether it is locked", d.running)
	case i >= 0:
		d.failed("memory", fix{"set LimitMEMLOCK=infinity in the unit file", "sudo systemctl edit tacetd"}, "%s",
			d.warnings[i].Message)
	default:
		d.report(ok, "memory", "%s has locked it, so none of it reaches swap", d.running)
	}
}

// lockLimit returns how much memory systemd lets the service lock: "infinity", or a number of
// bytes.
func lockLimit(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "-p", "LoadState", "-p", "LimitMEMLOCK",
		serviceName).Output()
	if err != nil {
		return "", fmt.Errorf("ask systemctl: %w", err)
	}
	properties := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		properties[name] = value
	}
	if properties["LoadState"] != "loaded" || properties["LimitMEMLOCK"] == "" {
		return "", fmt.Errorf("systemd has no service %s", serviceName)
	}
	return properties["LimitMEMLOCK"], nil
}
