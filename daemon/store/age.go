//go:build unix

package store

import (
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// How old a recording is, nobody can tell by its name alone: that says what the unit's clock said,
// and after a start without a network that can be 1970. What is known is
//
//   - what the name says, if the recording's head says that the clock was set then;
//   - that it had ended when its copy was noted in the ledger, if the clock was set by then.

// Since is since when a recording has waited: since it began, as its name says; or, where that is
// not known, since it came here. The zero value is that of none.
type Since struct {
	at    time.Time
	named bool
}

// IsZero reports whether nothing waits.
func (s Since) IsZero() bool { return s.at.IsZero() }

// Age is how long that is, at least. wall is the time by the unit's clock, which counts only for
// what it named.
func (s Since) Age(wall time.Time) time.Duration {
	if s.named {
		return max(0, wall.Sub(s.at))
	}
	return time.Since(s.at)
}

// Shown is the time for people, by the unit's clock as it stands now.
func (s Since) Shown(wall time.Time) time.Time { return wall.Add(-s.Age(wall)).Round(time.Second) }

// old reports whether a copy is known to be older than its place keeps it. There is a time at which
// the recording had ended; zero where none is known.
func (f *follower) old(from Folder, name string, started, there, now time.Time) bool {
	if !there.IsZero() && now.Sub(there) >= f.place.Keep {
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

// clockSynced reports whether the head of a recording in the spool says that the clock was set when
// it began. What can't be read says nothing.
func (s *Set) clockSynced(name string) bool {
	file, err := s.Spool.Read(name)
	if err != nil {
		return false
	}
	defer file.Close()
	return clockSynced(file, name)
}

// clockSynced reads no more of a recording than its head, which it proves by the head's own
// signature.
func clockSynced(file durable.File, name string) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	size := headSize(&original{file: file, name: name}, info.Size())
	report, err := recording.Verify(file, min(size, maxBeginning), recording.Options{})
	return err == nil && report.HeadProved && report.Head.FileName() == name && report.Head.Clock == "synced"
}
