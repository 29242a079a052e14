//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

const (
	// sweepEvery is how often a place is looked over for copies that have been there long enough.
	sweepEvery = 24 * time.Hour
	// sweepFor is how long a visit goes on proving old copies, and maxExpired how many it removes:
	// recordings wait meanwhile. The next visit continues after the last of them.
	sweepFor   = 5 * time.Second
	maxExpired = 64
)

// maxRecording bounds what may be a recording, in bytes: twelve hours of the most that a microphone
// gives (two channels at 192 kHz) are 33 GB.
const maxRecording = 40 << 30

// sweep removes copies that are older than the place keeps them and that another store holds. What
// is not proved to be the copy is left alone, and so is everything while the clock is not set. For
// how old a copy is, see old.
func (f *follower) sweep(from Folder) error {
	now := time.Now()
	if f.place.Keep <= 0 || !f.set.ClockSet() || !f.sweptAt.IsZero() && now.Sub(f.sweptAt) < sweepEvery {
		return nil
	}
	all, err := f.set.history()
	if err != nil {
		return err
	}
	names, err := from.FS().ReadDir(".")
	if err != nil && !errors.Is(err, durable.ErrTooMany) {
		return fmt.Errorf("list the copies: %w", err)
	}
	var old []string
	to := ""
	for _, n := range names {
		f.busy()
		started, _, id, err := recording.ParseName(n.Name())
		if err != nil || !n.Type().IsRegular() || n.Name() <= f.sweptTo ||
			!all[id].elsewhere(f.index) {
			continue
		}
		if f.old(from, n.Name(), started, all[id].there, now) && f.ours(from, n.Name()) {
			old = append(old, n.Name())
		}
		if len(old) == maxExpired || time.Since(now) >= sweepFor {
			to = n.Name()
			break
		}
	}
	if err := f.expire(from, old); err != nil {
		return err
	}
	if f.sweptTo = to; to == "" {
		f.sweptAt = now
	}
	return nil
}

// ours reports whether a file is the copy of the recording that it is named for: whole, by its own
// signatures, and with nothing beside it. Where there are two, one of them is somebody's, or holds
// more than the other, and a person was told to look. What can't be read now stays, and keeps no
// new copy from coming.
func (f *follower) ours(from Folder, name string) bool {
	for n := 2; n <= maxBeside; n++ {
		if _, err := from.FS().Stat(Beside(name, n)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	file, err := from.FS().Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() > maxRecording {
		return false
	}
	report, err := recording.Verify(file, info.Size(), recording.Options{Progress: func(_, _ int64) { f.busy() }})
	return err == nil && report.State.Complete() && report.Head.FileName() == name
}

// expire removes copies, those that another store still holds.
func (f *follower) expire(from Folder, names []string) error {
	if len(names) == 0 {
		return nil
	}
	names, err := f.set.expire(f, names)
	if err != nil {
		return err
	}
	for _, n := range names {
		f.busy()
		if err := from.FS().Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the old copy %s: %w", n, err)
		}
		f.set.Log.Info("removed an old copy", "file", n, "store", f.place.Name)
	}
	if err := from.FS().SyncDir("."); err != nil {
		return fmt.Errorf("remove old copies: %w", err)
	}
	return nil
}

// expire writes down that a store does not hold some recordings any more, and returns those whose
// copy it may remove then.
//
// The entry comes before the removal: from then on no other store relies on that copy. What an
// interruption leaves between the two is a copy that the ledger says is gone; the next sweep
// removes it. One store at a time: two of them could rely on each other's copy. No place is worked
// on meanwhile, so one that hangs keeps no other from it.
func (s *Set) expire(f *follower, names []string) (gone []string, err error) {
	s.expiring.Lock()
	defer s.expiring.Unlock()
	all, err := s.history()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		_, _, id, err := recording.ParseName(name)
		if err != nil || !all[id].elsewhere(f.index) {
			continue
		}
		if s.over.Load() {
			return nil, context.Canceled
		}
		if all[id].holds[f.index] {
			if err := s.Ledger.Expired(id, f.place.Name); err != nil {
				return nil, &logError{err}
			}
		}
		gone = append(gone, name)
	}
	return gone, nil
}
