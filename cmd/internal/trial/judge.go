// Package trial decides whether a unit keeps a new version of the program.
//
//	j := trial.Judge{Trial: &t}
//	verdict := j.Look(seen)   // every few seconds
//
// A version is kept once systemd's watchdog has been fed for two minutes in a row, in one process,
// with no warning that keeps the unit from recording, unless the version before had that one too.
// It has failed if it can't use the configuration, if it ends again and again, or if ten minutes
// pass without two such minutes. [Runner] looks, and carries out what was decided.
package trial

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tacet/daemon/update"
)

const (
	// wellTime is how long a version must work before it is kept.
	wellTime = 2 * time.Minute
	// trialTime is how long it has for that. A person who cleans may unplug the microphone.
	trialTime = 10 * time.Minute
	// mostDeaths is how often it may end by itself in one boot of the machine.
	mostDeaths = 3
	// mostStarts is how many boots of the machine may end before it is kept.
	mostStarts = 3
	// longAgo is the age of a failure that came before the new version was installed.
	longAgo = time.Minute
	// exitConfig is tacetd's exit code for a configuration that it can't use.
	exitConfig = 78
)

// Seen is what a look at the unit shows.
type Seen struct {
	At   time.Duration // since the machine started
	Boot string        // the machine's

	Active   string        // the service's state, as systemd calls it
	Exit     int           // the exit code of its last process, if that has ended
	ExitAt   time.Duration // when that was
	Restarts int           // by systemd, since somebody started the service
	PID      int           // of its process; 0: there is none
	Fed      time.Duration // when the watchdog was fed last
	Watched  bool          // there is a watchdog

	Installed bool     // the process runs the program that is installed now
	Reported  bool     // status.json is this process's; the rest comes from there
	Version   string   // that runs
	Recording bool     // somebody is being recorded
	Blocking  []string // codes of the warnings that keep it from recording
}

// Verdict is what to do about a version on trial.
type Verdict int

// The verdicts.
const (
	Wait   Verdict = iota // look again soon
	Later                 // look again when the service is started
	Keep                  // it has proved itself
	Failed                // go back to the version before
)

// Judge judges one version. It is pure: it has no clock, and touches nothing.
type Judge struct {
	*update.Trial        // survives a power cut; the caller stores it when it has changed
	Proven        string // the version that was kept last; empty: none
	Why           string // why it has failed, or would now

	begun    bool          // it was started in this boot of the machine
	beganAt  time.Duration // or when somebody started it again
	restarts int           // by systemd, at the last look
	deaths   int           // since begun
	pid      int           // of the process that is well
	since    time.Duration // since when
}

// Look judges by what was seen.
func (j *Judge) Look(s Seen) Verdict {
	if !j.begun && !j.begins(s) {
		if s.Active == "inactive" || s.Active == "failed" {
			return Later
		}
		return Wait
	}
	if s.Restarts > j.restarts {
		j.deaths += s.Restarts - j.restarts
	}
	j.restarts = s.Restarts
	switch {
	case s.Active == "inactive": // somebody stopped it
		j.begun = false
		return Later
	case s.Active == "failed" && j.BeforeFailed: // no worse than before
		return Later
	case s.Active == "failed" && s.Exit == exitConfig:
		return j.failed("it can't use this configuration (exit code 78)")
	case s.Active == "failed":
		return j.failed(fmt.Sprintf("it does not start (exit code %d)", s.Exit))
	case j.deaths >= mostDeaths:
		return j.failed(fmt.Sprintf("it ends by itself, with exit code %d", s.Exit))
	case j.Starts >= mostStarts:
		return j.failed("the machine was restarted each time before it had worked for two minutes")
	}
	if j.well(s) {
		if j.pid != s.PID {
			j.pid, j.since = s.PID, s.At
		}
		if j.fed(s)-j.since >= wellTime {
			return Keep
		}
		return Wait
	}
	j.pid = 0
	if s.At-j.beganAt >= trialTime && !s.Recording {
		return j.failed(j.Why)
	}
	return Wait
}

// fed returns until when the watchdog was fed. Without a watchdog the process counts as well.
func (j *Judge) fed(s Seen) time.Duration {
	if !s.Watched {
		return s.At
	}
	return s.Fed
}

// begins reports whether the version has been started. Until then it notes how the version before
// does.
func (j *Judge) begins(s Seen) bool {
	switch {
	case s.Active == "inactive" || s.Active == "deactivating":
		return false
	case s.PID != 0 && !s.Installed:
		if j.BeforeFailed = false; s.Reported && (j.Proven == "" || s.Version == j.Proven) {
			j.Before = s.Blocking
		}
		return false
	case s.Active == "failed" && j.Boot == "" && s.At-s.ExitAt > longAgo:
		j.BeforeFailed = true
		return false
	case s.Active == "failed" && j.BeforeFailed && j.Boot == "":
		return false
	}
	if j.Boot != "" && j.Boot != s.Boot {
		j.Starts++
	}
	j.begun, j.Boot, j.beganAt, j.restarts = true, s.Boot, s.At, s.Restarts
	j.deaths, j.pid = 0, 0
	j.Why = "it does not report that it is ready"
	return true
}

// well reports whether the version works, as well as the one before.
func (j *Judge) well(s Seen) bool {
	if s.Active != "active" || s.PID == 0 || !s.Installed || !s.Reported {
		j.Why = "it does not report that it is ready"
		return false
	}
	var worse []string
	for _, code := range s.Blocking {
		if !slices.Contains(j.Before, code) {
			worse = append(worse, code)
		}
	}
	if len(worse) > 0 {
		j.Why = "it can't record: " + strings.Join(worse, ", ")
	}
	return len(worse) == 0
}

func (j *Judge) failed(why string) Verdict {
	j.Why = why
	return Failed
}
