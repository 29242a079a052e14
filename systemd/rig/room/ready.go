package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// booted measures a cold boot, from the kernel's first instruction to a unit that is ready to
// record, and says what it is made of.
func booted(r *room) {
	r.check("a cold boot ends with a unit that is ready to record", func() error {
		if err := idle(); err != nil {
			return err
		}
		ready, err := readySince()
		if err != nil {
			return err
		}
		started, err := sinceBoot("ExecMainStartTimestampMonotonic")
		if err != nil {
			return err
		}
		held, err := sinceBoot("ActiveEnterTimestampMonotonic")
		if err != nil {
			return err
		}
		r.note("%.1f s from the kernel's start to ready: %.1f s until systemd starts tacetd, %.1f s until it holds its lines, "+
			"%.1f s until it has looked at card and disk", ready.Seconds(), started.Seconds(), (held - started).Seconds(),
			(ready - held).Seconds())
		for _, args := range [][]string{{"time"}, {"critical-chain", "--no-pager", "tacetd.service"}} {
			out, _ := run("systemd-analyze", args...)
			for line := range strings.Lines(out) {
				if line = strings.TrimRight(line, "\n "); line != "" {
					r.note("%s", line)
				}
			}
		}
		return nil
	})
}

// sinceBoot returns one of systemd's times of the service, since the kernel's start.
func sinceBoot(property string) (time.Duration, error) {
	out, err := run("systemctl", "show", "-p", property, "--value", "tacetd")
	if err != nil {
		return 0, err
	}
	us, err := strconv.ParseInt(out, 10, 64)
	return time.Duration(us) * time.Microsecond, err
}

// readySince returns when the unit says that it became idle, since the kernel's start. It says so to
// the second.
func readySince() (time.Duration, error) {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, err
	}
	up, _, _ := strings.Cut(string(text), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil {
		return 0, fmt.Errorf("read /proc/uptime: %w", err)
	}
	boot := time.Now().Add(-time.Duration(seconds * float64(time.Second)))
	state, err := run("mosquitto_sub", "-C", "1", "-W", "20", "-t", "tacet/rig/room-1/state")
	if err != nil {
		return 0, fmt.Errorf("read the published state: %w", err)
	}
	var published struct {
		Since time.Time `json:"since"`
	}
	if err := json.Unmarshal([]byte(state), &published); err != nil {
		return 0, fmt.Errorf("read the published state: %w", err)
	}
	return published.Since.Sub(boot), nil
}
