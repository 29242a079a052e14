package trial

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tacet/daemon/update"
)

// unit is a service in fake time: each step looks every five seconds.
type unit struct {
	Seen
	j *Judge
}

// newUnit has version 1 running and proven, and version 2 installed.
func newUnit() *unit {
	return &unit{
		Seen: Seen{
			At: time.Hour, Boot: "a", Active: "active", PID: 100, Watched: true, Reported: true, Version: "1",
			Blocking: []string{},
		},
		j: &Judge{Trial: &update.Trial{Version: "2"}, Proven: "1"},
	}
}

// look looks for some time, until there is a verdict other than Wait. The watchdog is fed meanwhile.
func (u *unit) look(length time.Duration) Verdict {
	for end := u.At + length; ; u.At += lookEvery {
		if u.PID != 0 && u.Reported {
			u.Fed = u.At
		}
		if v := u.j.Look(u.Seen); v != Wait || u.At >= end {
			return v
		}
	}
}

// starts is version 2 in a new process.
func (u *unit) starts() {
	u.Active, u.PID, u.Restarts, u.Installed, u.Version = "active", u.PID+1, u.Restarts+1, true, "2"
	u.Reported = true
}

// dies is the process that ends by itself; systemd will start it again.
func (u *unit) dies() {
	u.Active, u.PID, u.Installed, u.Reported, u.Exit, u.ExitAt = "activating", 0, false, false, 1, u.At
}

// reboots is the machine that starts again.
func (u *unit) reboots(boot string) {
	trial := *u.j.Trial
	u.Boot, u.At, u.Fed, u.Restarts = boot, 10*time.Second, 0, 0
	u.j = &Judge{Trial: &trial, Proven: u.j.Proven}
}

func (u *unit) gives(t *testing.T, what string, got, want Verdict) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: the verdict is %d, want %d (%s)", what, got, want, u.j.Why)
	}
}

func TestKeepsAVersionThatWorks(t *testing.T) {
	u := newUnit()
	u.gives(t, "while the one before runs", u.look(time.Hour), Wait)
	u.starts()
	u.gives(t, "before two minutes are over", u.look(wellTime-lookEvery), Wait)
	u.gives(t, "after two minutes", u.look(2*lookEvery), Keep)
}

// A process that no longer feeds the watchdog may hang: it isn't kept, however long it is there.
func TestTheWatchdogMustBeFed(t *testing.T) {
	u := newUnit()
	u.starts()
	u.look(time.Minute)
	for range 100 {
		u.At += lookEvery
		u.gives(t, "without food", u.j.Look(u.Seen), Wait)
	}
}

func TestWithoutAWatchdogTheProcessCounts(t *testing.T) {
	u := newUnit()
	u.starts()
	u.Watched = false
	u.gives(t, "after two minutes", u.look(wellTime+lookEvery), Keep)
}

func TestAConfigurationThatItCantUse(t *testing.T) {
	u := newUnit()
	u.look(time.Minute)
	u.dies()
	u.Active, u.Exit = "failed", 78
	u.gives(t, "exit code 78", u.look(0), Failed)
	if !strings.Contains(u.j.Why, "configuration") {
		t.Errorf("it has failed because %s", u.j.Why)
	}
}

// The version before could not use the configuration either: the new one is no worse.
func TestNoWorseThanBefore(t *testing.T) {
	u := newUnit()
	u.dies()
	u.Active, u.Exit, u.ExitAt = "failed", 78, u.At-time.Hour
	u.gives(t, "a unit that has failed for an hour", u.look(0), Later)
	u.starts()
	u.look(0)
	u.dies()
	u.Active, u.Exit = "failed", 78
	u.gives(t, "the new version, too", u.look(0), Later)
}

func TestACrashLoop(t *testing.T) {
	u := newUnit()
	u.look(time.Minute)
	u.dies()
	for n := range mostDeaths {
		u.gives(t, "between two starts", u.look(lookEvery), Wait)
		u.starts()
		if v := u.look(lookEvery); n+1 < mostDeaths {
			u.gives(t, "started again", v, Wait)
		} else {
			u.gives(t, "started too often", v, Failed)
		}
		u.dies()
	}
}

// Each death starts the two minutes again.
func TestTwoMinutesInOneProcess(t *testing.T) {
	u := newUnit()
	u.starts()
	u.look(wellTime - lookEvery)
	u.dies()
	u.look(lookEvery)
	u.starts()
	u.gives(t, "in a second process", u.look(wellTime-lookEvery), Wait)
	u.gives(t, "after two minutes of it", u.look(2*lookEvery), Keep)

	u = newUnit()
	u.starts()
	u.look(wellTime - lookEvery)
	u.starts() // between two looks
	u.gives(t, "in another process", u.look(wellTime-lookEvery), Wait)
}

func TestABlockingWarning(t *testing.T) {
	for what, c := range map[string]struct {
		before, after []string
		want          Verdict
	}{
		"a new one":        {[]string{}, []string{"mic-missing"}, Failed},
		"one of before":    {[]string{"mic-missing"}, []string{"mic-missing"}, Keep},
		"another":          {[]string{"mic-missing"}, []string{"spool-full"}, Failed},
		"what it has less": {[]string{"mic-missing", "spool-full"}, []string{"spool-full"}, Keep},
	} {
		u := newUnit()
		u.Blocking = c.before
		u.look(time.Minute)
		u.starts()
		u.Blocking = c.after
		u.gives(t, what, u.look(trialTime+lookEvery), c.want)
	}
}

// Somebody cleans, and plugs the microphone in again.
func TestAWarningThatGoes(t *testing.T) {
	u := newUnit()
	u.look(time.Minute)
	u.starts()
	u.Blocking = []string{"mic-missing"}
	u.gives(t, "unplugged", u.look(trialTime-time.Minute), Wait)
	u.Blocking = []string{}
	u.gives(t, "plugged in again", u.look(wellTime+lookEvery), Keep)
}

// Nothing ends a recording.
func TestARecordingIsWaitedFor(t *testing.T) {
	u := newUnit()
	u.look(time.Minute)
	u.starts()
	u.Blocking, u.Recording = []string{"light-fault"}, true
	u.gives(t, "while it records", u.look(2*trialTime), Wait)
	u.Recording = false
	u.gives(t, "afterwards", u.look(lookEvery), Failed)
}

func TestAVersionThatNeverReports(t *testing.T) {
	u := newUnit()
	u.starts()
	u.Active, u.Reported = "activating", false
	u.gives(t, "it hangs while it starts", u.look(trialTime+lookEvery), Failed)
}

// What counts as the version before is the proven one, not one that was on trial.
func TestTheProvenVersionIsTheMeasure(t *testing.T) {
	u := newUnit()
	u.look(0)
	u.Version, u.Blocking = "1.5", []string{"mic-missing"}
	u.look(time.Minute)
	if !slices.Equal(u.j.Before, []string{}) {
		t.Errorf("it measures by %q", u.j.Before)
	}
}

func TestAStoppedService(t *testing.T) {
	u := newUnit()
	u.starts()
	u.look(time.Minute)
	u.dies()
	u.Active = "inactive"
	u.gives(t, "stopped by somebody", u.look(trialTime), Later)
	u.starts()
	u.gives(t, "started again", u.look(wellTime+lookEvery), Keep)
}

// A version that takes the machine down with it is not tried for ever.
func TestPowerCuts(t *testing.T) {
	u := newUnit()
	u.starts()
	u.look(time.Minute)
	for _, boot := range []string{"b", "c"} {
		u.reboots(boot)
		u.gives(t, "after a power cut", u.look(time.Minute), Wait)
	}
	u.reboots("d")
	u.gives(t, "after the third", u.look(time.Minute), Failed)

	u = newUnit() // installed, and cut before it was started: that is no sign against it
	u.look(time.Minute)
	for _, boot := range []string{"b", "c", "d", "e"} {
		u.reboots(boot)
		u.look(time.Minute)
	}
	u.starts()
	u.gives(t, "started at last", u.look(wellTime+lookEvery), Keep)
}

// The first look after a power cut may come after the new version has failed.
func TestFailedBeforeTheFirstLook(t *testing.T) {
	u := newUnit()
	u.reboots("b")
	u.At, u.ExitAt = 10*time.Second, 9*time.Second
	u.Active, u.PID, u.Reported, u.Exit = "failed", 0, false, 78
	u.gives(t, "failed a second ago", u.look(0), Failed)
}
