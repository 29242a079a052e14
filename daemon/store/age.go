//go:build unix

package store

import (
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// A recording's name alone doesn't tell its age: after a start without a network the unit's clock
// can be at 1970. What is known is
//
//   - the time in the name, if the recording's head says that the clock was set then;
//   - that it had ended when its copy was entered in the ledger, if the clock was set by then.

// Since is the time since which a recording has waited: its start by its name or, if that is
// unknown, when it was found. The zero value means that none waits.
type Since struct {
	at    time.Time
	named bool
}

// IsZero reports whether nothing waits.
func (s Since) IsZero() bool { return s.at.IsZero() }

// Age returns how long it has waited, at least. wall is the time by the unit's clock, which counts
// only if the name did.
func (s Since) Age(wall time.Time) time.Duration {
	if s.named {
		return max(0, wall.Sub(s.at))
	}
	return time.Since(s.at)
}

// Shown returns the time for people, by the unit's present clock.
func (s Since) Shown(wall time.Time) time.Time { return wall.Add(-s.Age(wall)).Round(time.Second) }

// old reports whether a copy is known to be older than Place.Keep. ended is some time after the
// recording's end, or zero if none is known.
func (f *follower) old(from Folder, name string, started, ended, now time.Time) bool {
	if !ended.IsZero() && now.Sub(ended) >= f.place.Keep {
		return true
	}
	if now.Sub(started) < f.place.Keep {
		return false
	}
	file, err := from.FS().Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	return clockSynced(file, name)
}

// clockSynced reports whether the head of a recording in the spool says that the clock was set at
// its start. If it can't be read, it returns false.
func (s *Set) clockSynced(name string) bool {
	file, err := s.Spool.Read(name)
	if err != nil {
		return false
	}
	defer file.Close()
	return clockSynced(file, name)
}

// clockSynced reads only the head of a recording, and checks its signature.
func clockSynced(file durable.File, name string) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	size := recording.HeadSize(file, info.Size())
	report, err := recording.Verify(file, min(size, maxHead), recording.Options{})
	return err == nil && report.HeadProved && report.Head.FileName() == name && report.Head.Clock == "synced"
}
