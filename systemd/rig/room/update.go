package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The scenes of new versions. See update.sh for what each version does.

const (
	program  = "/usr/bin/tacetd"
	previous = "/usr/lib/tacet/previous/tacetd"
	proven   = "/var/lib/tacet-update/proven"
	dropIn   = "/etc/systemd/system/tacetd.service.d/50-update.conf"
	// trialTime is more than a version needs to be kept: two minutes of work, on a busy machine.
	trialTime = 5 * time.Minute
	// atRest is more than the rest before a version is started, which update.sh has shortened.
	atRest = 90 * time.Second
)

// version is the tree's own, which the unit was installed with, and then that with "+1" and so on.
func version(n int) string {
	base, _, _ := strings.Cut(installedVersion(), "+")
	if n == 0 {
		return base
	}
	return fmt.Sprintf("%s+%d", base, n)
}

func installedVersion() string {
	out, _ := run("dpkg-query", "-W", "-f=${Version}", "tacet")
	return out
}

// provenVersion is the one that was kept last.
func provenVersion() string {
	data, _ := os.ReadFile(proven)
	_, v, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	return v
}

func untilKept(n int) error {
	took, err := until("version "+version(n)+" is kept", trialTime, func() bool { return provenVersion() == version(n) })
	if err != nil {
		log, _ := run("journalctl", "-u", "tacet-update", "-q", "-n", "20", "-o", "cat")
		return fmt.Errorf("%w; proven is %q, %+v\n%s", err, provenVersion(), status(), log)
	}
	fmt.Printf("# %s is kept after another %v\n", version(n), took.Round(time.Second))
	return nil
}

// untilRuns waits for a version to run.
func untilRuns(n int, limit time.Duration) error {
	_, err := until("version "+version(n)+" runs, and is idle", limit, func() bool {
		s := status()
		return s.Version == version(n) && s.Phase == "idle" && s.PID == mainPID()
	})
	if err != nil {
		err = fmt.Errorf("%w: it says %+v", err, status())
	}
	return err
}

func sum(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// published waits for something in the unit's state on MQTT.
func published(what string, is func(state map[string]any) bool) error {
	var out string
	_, err := until(what+", on MQTT", patience, func() bool {
		out, _ = run("mosquitto_sub", "-C", "1", "-W", "5", "-t", "tacet/rig/room-1/state")
		var state map[string]any
		return json.Unmarshal([]byte(out), &state) == nil && is(state)
	})
	if err != nil {
		err = fmt.Errorf("%w: it is %s", err, out)
	}
	return err
}

// firstKept is the unit as it was installed.
func firstKept(r *room) {
	r.check("the version that was installed first is kept, and there is none to go back to", func() error {
		return steps(
			setting{parties: 1, codec: "wav"}.write,
			r.start,
			func() error { return untilKept(0) },
			func() error {
				if _, err := os.Stat(previous); err == nil {
					return errors.New("there is a version before the first")
				}
				return published("no version waits", func(s map[string]any) bool {
					return s["version"] == version(0) && s["version_waiting"] == ""
				})
			},
			subscribeToFolder,
		)
	})
}

// subscribeToFolder makes the unit take updates from the office's folder, as systemd/README.md
// says. The folder is served over HTTP.
func subscribeToFolder() error {
	_, err := run("sh", "-ec", `
		rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
		install -D -m 644 /share/apt/tacet.gpg /etc/apt/keyrings/tacet.gpg
		sed 's|^URIs:.*|URIs: http://127.0.0.1:8000/|' /share/apt/tacet.sources >/etc/apt/sources.list.d/tacet.sources
		install -m 644 /share/apt/52tacet-upgrades /etc/apt/apt.conf.d/
		systemd-run -q --unit=office --property=Restart=always python3 -m http.server 8000 --bind 127.0.0.1 -d /share/apt
		sync`)
	return err
}

// office serves the folder again after a restart of the unit; the second version comes over file:.
func office() error {
	_, err := run("sh", "-ec", `sed -i 's|^URIs:.*|URIs: file:/share/apt|' /etc/apt/sources.list.d/tacet.sources`)
	return err
}

// upgrade is what apt-daily-upgrade.timer does each day. needrestart restarts every service that
// uses replaced files, if it may.
func upgrade(r *room, n int) error {
	start := time.Now()
	if _, err := run("apt-get", "-q", "update"); err != nil {
		return err
	}
	out, err := run("env", "NEEDRESTART_MODE=a", "unattended-upgrade", "-v")
	if err != nil {
		return err
	}
	base, _, _ := strings.Cut(installedVersion(), "+")
	if want := fmt.Sprintf("%s+%d", base, n); installedVersion() != want {
		return fmt.Errorf("%s is installed, not %s: %s", installedVersion(), want, out)
	}
	r.note("unattended-upgrade took %v", time.Since(start).Round(time.Second))
	return nil
}

func installedWhileTalking(r *room) {
	r.check("a version installed while somebody talks: the recording is unharmed, so is the next one, by the same "+
		"process, and the new version is announced", func() error { return r.installWhileTalking() })
	r.check("the new version starts once the unit has been at rest", func() error {
		return steps(func() error { return untilRuns(1, atRest) }, func() error {
			if provenVersion() != version(0) {
				return fmt.Errorf("%q is kept already", provenVersion())
			}
			return nil
		})
	})
}

func (r *room) installWhileTalking() error {
	if installedVersion() != version(0) { // this check is repeated
		return errors.New("the version is installed already: the check can't be repeated")
	}
	pid, before := mainPID(), sum(program)
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	if err := upgrade(r, 1); err != nil {
		return err
	}
	if err := stays("recording, and the light on", 10*time.Second, func() bool { return r.lit() && micOpen() }); err != nil {
		return err
	}
	if err := published("the new version waits", func(s map[string]any) bool {
		return s["version"] == version(0) && s["version_waiting"] == version(1)
	}); err != nil {
		return err
	}
	if _, err := c.end(patient); err != nil {
		return err
	}
	c.stop()
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if !strings.HasSuffix(exe, "(deleted)") {
		return fmt.Errorf("process %d runs %s, which was replaced", pid, exe)
	}
	if _, err := r.record(2*time.Second, patient); err != nil { // its key is made by the replaced program
		return err
	}
	if sum(previous) != before {
		return errors.New("the copy of the version before is not that version")
	}
	return samePID(pid)
}

// waitForTheCut lets the power be cut.
func waitForTheCut() {
	fmt.Println("cut")
	pause(time.Hour)
}

func keptAfterACut(r *room) {
	r.check("a power cut during the trial: the new version goes on, and is kept", func() error {
		return steps(
			keepTime,
			func() error { return untilRuns(1, time.Minute) },
			func() error { return untilKept(1) },
			office,
			func() error { _, err := r.record(2*time.Second, patient); return err },
		)
	})
}

func theNextVersion(r *room) {
	r.check("the next version is tried like any other, and kept", func() error {
		return steps(
			func() error { return upgrade(r, 4) },
			func() error {
				return published("it waits", func(s map[string]any) bool { return s["version_waiting"] == version(4) })
			},
			func() error { return untilRuns(4, atRest) },
			func() error { return untilKept(4) },
			func() error {
				if left, _ := filepath.Glob(dropIn); len(left) > 0 {
					return fmt.Errorf("%s is still there", dropIn)
				}
				return published("nothing has failed", func(s map[string]any) bool {
					alerts, _ := s["alerts"].(string)
					return s["version"] == version(4) && !strings.Contains(alerts, "update-failed")
				})
			},
			func() error { _, err := r.record(2*time.Second, patient); return err },
		)
	})
}
