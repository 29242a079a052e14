//go:build unix

package store

import (
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// How old a recording is, nobody can tell by its name alone: that says what the unit's clock said, and after a start without a
// network that can be 1970. What is known is
//
//   - what the name says, if the recording's head says that the clock was set then;
//   - that it had ended when its copy was noted in the ledger, if the clock was set by then.

// old reports whether a copy is known to be older than its place keeps it. There is a time at which the recording had ended; zero
// where none is known.
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

// clockSynced reports whether the head of a recording in the spool says that the clock was set when it began. What can't be
// read says nothing.
func (s *Set) clockSynced(name string) bool {
	file, err := s.Spool.Read(name)
	if err != nil {
		return false
	}
	defer file.Close()
	return clockSynced(file, name)
}

// clockSynced reads no more of a recording than its head, which it proves by the head's own signature.
func clockSynced(file durable.File, name string) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	size := headSize(&original{file: file, name: name}, info.Size())
	report, err := recording.Verify(file, min(size, maxBeginning), recording.Options{})
	return err == nil && report.HeadProved && report.Head.FileName() == name && report.Head.Clock == "synced"
}
