//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// sweepEvery is how often a place is looked over for copies that have been there long enough.
const sweepEvery = 24 * time.Hour

// sweep removes copies that are older than the place keeps them and that another store holds. Their age is told by their
// names, so a clock that is not set removes nothing.
func (f *follower) sweep(from Folder) error {
	now := time.Now()
	if f.place.Keep <= 0 || !f.set.ClockSet() || !f.sweptAt.IsZero() && now.Sub(f.sweptAt) < sweepEvery {
		return nil
	}
	held, _, err := f.set.history()
	if err != nil {
		return err
	}
	names, err := from.FS().ReadDir(".")
	if err != nil && !errors.Is(err, durable.ErrTooMany) {
		return fmt.Errorf("list the copies: %w", err)
	}
	removed := false
	for _, n := range names {
		f.busy()
		started, _, id, err := recording.ParseName(n.Name())
		if err != nil || !n.Type().IsRegular() || now.Sub(started) < f.place.Keep || !elsewhere(held[id], f.index) {
			continue
		}
		if err := f.expire(from, n.Name(), id); err != nil {
			return err
		}
		removed = true
	}
	if removed {
		if err := from.FS().SyncDir("."); err != nil {
			return fmt.Errorf("remove old copies: %w", err)
		}
	}
	f.sweptAt = now
	return nil
}

// elsewhere reports whether this store holds a recording, and another one too.
func elsewhere(held []bool, here int) bool {
	for i, h := range held {
		if h && i != here {
			return held[here]
		}
	}
	return false
}

func (f *follower) expire(from Folder, name, id string) error {
	if err := from.FS().Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old copy %s: %w", name, err)
	}
	f.set.Log.Info("removed an old copy", "recording", id, "store", f.place.Name)
	if err := f.set.Ledger.Expired(id, f.place.Name); err != nil {
		return &logError{err}
	}
	return nil
}
