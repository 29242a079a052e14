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

// maxBeginning bounds a file that is nothing but the beginning of a recording, in bytes: a head has
// some 10 KB.
const maxBeginning = 256 << 10

// clear removes what was copied of recordings that came to nothing: a stick must not tell who
// thought better of it, and when. It is done once for each medium that comes, and again when there
// is one more of them.
//
// Which they are, the ledger says. So it makes no difference how long the place was away, and
// whether the unit was started anew meanwhile. A process that dies between the removal from the
// spool and the ledger's entry leaves the beginning there.
//
// A place that lets nothing be removed still gets its copies; each visit tries again.
func (v *filling) clear() {
	drops := v.set.drops.Load()
	if v.cleared == drops || v.tried == drops {
		return
	}
	v.tried = drops
	if err := v.clearOf(v.to); err == nil {
		v.cleared = drops
	} else if v.blamed != drops {
		v.blamed = drops
		v.set.Log.Warn("removing recordings that came to nothing", "store", v.place.Name, "err", err)
	}
}

func (f *follower) clearOf(from Folder) error {
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
		begins, err := beginning(from, n.Name(), of)
		if err == nil && begins {
			if err = from.FS().Remove(n.Name()); err == nil {
				f.set.Log.Info("removed the beginning of a recording", "recording", id, "store", f.place.Name)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && failed == nil {
			failed = err
		}
	}
	// Also where there was none: a removal before may have failed only here.
	return errors.Join(failed, from.FS().SyncDir("."))
}

// copyOf is the recording's own name in that of a copy: one beside others, or one that is being
// made anew.
func copyOf(name string) string {
	stem := strings.TrimSuffix(strings.TrimSuffix(name, durable.TempSuffix), recording.Extension)
	if i := len(stem) - 2; i > 0 && stem[i] == '.' && '2' <= stem[i+1] && stem[i+1] <= '0'+maxBeside {
		stem = stem[:i]
	}
	return stem + recording.Extension
}

// beginning reports whether a file is nothing but the beginning of a recording, as far as it came
// to the medium: of the one that it is named for, without a second of sound. Nothing at all, or
// zeros, is what a power cut leaves of one. All else is somebody's.
func beginning(from Folder, name, of string) (bool, error) {
	file, err := from.FS().Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() > maxBeginning {
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

// blank reports whether a file holds nothing but zeros.
func blank(file durable.File, size int64) (bool, error) {
	data := make([]byte, size)
	if _, err := file.ReadAt(data, 0); err != nil && size > 0 {
		return false, err
	}
	return len(strings.Trim(string(data), "\x00")) == 0, nil
}
