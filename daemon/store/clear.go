//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// maxHead limits the size of a file that is only the head of a recording, in bytes. A head has
// about 10 KB.
const maxHead = 256 << 10

// clear removes what was copied of discarded recordings, which hold no sound: a stick must not tell
// who withdrew at once, and when. It runs once for each medium, and again after each discarded
// recording.
//
// The ledger says which recordings were discarded. So it doesn't matter how long the store was
// away, or whether the unit restarted. If the process dies between the removal from the spool and
// the ledger's entry, the head stays at the store.
//
// A store that removes nothing still gets its copies; each visit tries again.
func (v *folderVisit) clear() {
	discarded := v.set.discarded.Load()
	if v.cleared == discarded || v.tried == discarded {
		return
	}
	v.tried = discarded
	if err := v.removeDropped(v.to); err == nil {
		v.cleared = discarded
	} else if v.loggedAt != discarded {
		v.loggedAt = discarded
		v.set.Log.Warn("removing discarded recordings", "store", v.place.Name, "err", err)
	}
}

func (f *follower) removeDropped(from Folder) error {
	all, err := f.set.history()
	if err != nil {
		return err
	}
	dropped := map[string]bool{}
	for id, p := range all {
		if p.dropped {
			dropped[id] = true
		}
	}
	if len(dropped) == 0 {
		return nil
	}
	names, err := from.FS().ReadDir(".")
	if err != nil && !errors.Is(err, durable.ErrTooMany) {
		return fmt.Errorf("list the copies: %w", err)
	}
	var failed error
	for _, n := range names {
		f.busy()
		of := copyOf(n.Name())
		_, _, id, err := recording.ParseName(of)
		if err != nil || !dropped[id] || !n.Type().IsRegular() {
			continue
		}
		headOnly, err := isHeadOnly(from, n.Name(), of)
		if err == nil && headOnly {
			if err = from.FS().Remove(n.Name()); err == nil {
				f.set.Log.Info("removed a discarded recording", "recording", id, "store", f.place.Name)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && failed == nil {
			failed = err
		}
	}
	// Sync even if nothing was removed: an earlier removal may have failed only here.
	return errors.Join(failed, from.FS().SyncDir("."))
}

// copyOf returns the recording's name for the name of a copy, which may have a number or be
// temporary.
func copyOf(name string) string {
	stem := strings.TrimSuffix(strings.TrimSuffix(name, durable.TempSuffix), recording.Extension)
	if i := len(stem) - 2; i > 0 && stem[i] == '.' && '2' <= stem[i+1] && stem[i+1] <= '0'+maxNames {
		stem = stem[:i]
	}
	return stem + recording.Extension
}

// isHeadOnly reports whether a file holds no more than the head of the recording it is named for.
// After a power cut that may be nothing or zeros. Any other file is not the unit's to remove.
func isHeadOnly(from Folder, name, of string) (bool, error) {
	file, err := from.FS().Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() > maxHead {
		return false, err
	}
	report, err := recording.Verify(file, info.Size(), recording.Options{})
	switch {
	case err != nil:
		return false, err
	case report.State == recording.Foreign:
		return blank(file, info.Size())
	}
	return report.Segments == 0 && (!report.HeadRead || report.Head.FileName() == of), nil
}

// blank reports whether a file holds only zeros.
func blank(file durable.File, size int64) (bool, error) {
	data := make([]byte, size)
	if _, err := file.ReadAt(data, 0); err != nil && size > 0 {
		return false, err
	}
	return len(strings.Trim(string(data), "\x00")) == 0, nil
}
