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
	// sweepEvery is how often old copies are removed from a store.
	sweepEvery = 24 * time.Hour
	// sweepFor and maxExpired limit how long a visit verifies old copies, and how many it removes,
	// since recordings wait meanwhile. The next visit continues.
	sweepFor   = 5 * time.Second
	maxExpired = 64
)

// maxRecording limits the size of a recording, in bytes: twelve hours of two channels at 192 kHz
// have 33 GB.
const maxRecording = 40 << 30

// sweep removes copies that are older than Place.Keep (see old) and that another store holds too.
// It leaves a file that it can't verify, and everything while the clock is not set.
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
		if err != nil || !n.Type().IsRegular() || n.Name() <= f.sweepFrom ||
			!all[id].elsewhere(f.index) {
			continue
		}
		if f.old(from, n.Name(), started, all[id].ended, now) && f.ours(from, n.Name()) {
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
	if f.sweepFrom = to; to == "" {
		f.sweptAt = now
	}
	return nil
}

// ours reports whether a file is the complete copy of the recording it is named for, by its own
// signatures, and the only one. If there are two, one of them is foreign or holds more than the
// other, and a person was told to look. A file that can't be read now stays.
func (f *follower) ours(from Folder, name string) bool {
	for n := 2; n <= maxNames; n++ {
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

// expire removes those copies that another store still holds.
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

// expire enters into the ledger that a store no longer holds some recordings, and returns those
// whose copy it may remove.
//
// The entry comes before the removal: after it no other store relies on that copy. If an
// interruption comes between the two, the next sweep removes the copy. Only one store may do this
// at a time: two could rely on each other's copy. It uses no medium, so a store that hangs doesn't
// block others.
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
		if s.stopped.Load() {
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
