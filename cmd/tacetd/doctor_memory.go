package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// memory says whether what is said in the room can reach swap: by the running daemon's own word, or
// by what systemd would let the service lock. What this process may lock, started from a shell,
// says nothing of that.
func (d *doctor) memory(ctx context.Context) {
	if d.running != "" {
		switch unlocked := slices.IndexFunc(d.warned, func(w warning) bool { return w.Code == "memory-unlocked" }); {
		case d.said == "":
			d.say(untried, "memory", "%s doesn't say whether it is locked", d.running)
		case unlocked >= 0:
			d.say(failed, "memory", "%s", d.warned[unlocked].Message)
		default:
			d.say(ok, "memory", "%s has locked it, and nothing of it reaches swap", d.running)
		}
		return
	}
	limit := ""
	if _, err := within(ctx, diskTime, func(ctx context.Context) (_ string, err error) {
		limit, err = d.lockLimit(ctx)
		return "", err
	}); err != nil {
		d.say(untried, "memory", "whether the service may lock it: %v", err)
		return
	}
	if limit != "infinity" {
		d.say(failed, "memory", "the service may lock only %s bytes of it, so what is said in the room may reach swap: set LimitMEMLOCK=infinity in its unit file", limit)
		return
	}
	d.say(ok, "memory", "the service may lock all of it (LimitMEMLOCK=infinity), so nothing of it reaches swap")
}

// lockLimit is what systemd lets the service lock: infinity, or a number of bytes.
func lockLimit(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "-p", "LoadState", "-p", "LimitMEMLOCK",
		serviceName).Output()
	if err != nil {
		return "", fmt.Errorf("ask systemctl: %w", err)
	}
	says := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		says[name] = value
	}
	if says["LoadState"] != "loaded" || says["LimitMEMLOCK"] == "" {
		return "", fmt.Errorf("systemd has no service %s", serviceName)
	}
	return says["LimitMEMLOCK"], nil
}
