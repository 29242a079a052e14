package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// The scenes of versions that fail, and of the unit that goes back to the one before.

// crashes is a version that ends at once.
func crashes(r *room) {
	r.check("a version that ends again and again: the unit goes back to the one before, and says so", func() error {
		return steps(
			func() error { return upgrade(r, 2) },
			func() error { return wentBack(r, 1, 2) },
		)
	})
}

// wentBack waits until one version runs because another has failed.
func wentBack(r *room, runs, failed int) error {
	return steps(
		func() error {
			_, err := until("the unit has gone back", trialTime, func() bool { _, err := os.Stat(dropIn); return err == nil })
			return err
		},
		func() error { return untilRuns(runs, time.Minute) },
		func() error { return saysFailed(runs, failed) },
		func() error {
			if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", mainPID())); exe != previous {
				return fmt.Errorf("it runs %s", exe)
			}
			if out, err := run("dpkg", "--audit"); err != nil || out != "" || installedVersion() != version(failed) {
				return fmt.Errorf("dpkg says of %s: %s %w", installedVersion(), out, err)
			}
			return nil
		},
		func() error { _, err := r.record(2*time.Second, patient); return err },
	)
}

// saysFailed waits until MQTT says that a version has failed, and which.
func saysFailed(runs, failed int) error {
	if err := published("update-failed", func(s map[string]any) bool {
		alerts, _ := s["alerts"].(string)
		return s["version"] == version(runs) && s["version_waiting"] == "" && strings.Contains(alerts, "update-failed")
	}); err != nil {
		return err
	}
	out, err := run("mosquitto_sub", "-C", "1", "-W", "5", "-t", "tacet/rig/room-1/alert/update-failed")
	if err != nil || !strings.Contains(out, version(failed)) {
		return fmt.Errorf("the alert does not name %s: %s %w", version(failed), out, err)
	}
	return nil
}

// starts counts how often a version that fails was started, in all boots.
func starts(n int) int {
	out, _ := run("sh", "-c", "journalctl -u tacetd -q -o cat | grep -cF 'the rig: "+version(n)+" is started' || true")
	var count int
	fmt.Sscan(out, &count)
	return count
}

func rebootedAfterAFailure(r *room) {
	r.check("after a reboot the version that has failed is not started again", func() error {
		const file = "/var/lib/tacet-update/state.json"
		return steps(
			keepTime,
			func() error { return untilRuns(1, time.Minute) },
			func() error {
				data, err := os.ReadFile(file)
				r.note("%s", strings.Join(strings.Fields(string(data)), " "))
				return err
			},
			func() error { return neverStarted(2) },
			func() error { return saysFailed(1, 2) },
		)
	})
}

// neverStarted checks that a version was not started in this boot, nor is while the unit rests.
func neverStarted(n int) error {
	out, err := run("sh", "-c", "journalctl -b -u tacetd -q -o cat | grep -cF 'the rig: "+version(n)+" is started' || true")
	if err != nil || out != "0" {
		return fmt.Errorf("it was started %s times since the machine was: %w", out, err)
	}
	before := starts(n)
	pause(30 * time.Second) // longer than the rest
	if after := starts(n); after != before {
		return fmt.Errorf("it was started %d times more", after-before)
	}
	return nil
}

// refusesTheConfig is a version that can't use the configuration. The power is cut while the unit
// goes back.
func refusesTheConfig(r *room) {
	if err := steps(
		func() error { return upgrade(r, 3) },
		func() error {
			_, err := until("the unit goes back", trialTime, func() bool {
				data, _ := os.ReadFile(dropIn)
				return strings.Contains(string(data), version(3))
			})
			return err
		},
	); err != nil {
		fmt.Printf("not ok - install a version that can't use the configuration\n# %v\n", err)
		r.explain(time.Now().Add(-time.Minute))
		return
	}
	waitForTheCut()
}

func returnedAfterACut(r *room) {
	r.check("a version that can't use the configuration, and a power cut while the unit goes back: it goes back, says "+
		"so, and never starts that version again", func() error {
		return steps(
			keepTime,
			func() error { return wentBack(r, 1, 3) },
			func() error { return neverStarted(3) },
		)
	})
}
