//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/recording"
)

const (
	damagedSuffix = ".damaged"
	// maxDamaged limits the .damaged files. The unit never removes any.
	maxDamaged = 16
)

// Recovered reports what Recover did with an unfinished file.
type Recovered struct {
	Name string
	ID   string
	// Recovered says how much was kept and cut off. Intact: the file was complete, but perhaps not
	// synced.
	recording.Recovered
	// Removed: the file was removed, since no microphone had been opened for it yet.
	Removed bool
	// Aside is the name of a copy of the damaged file, or "" if a power cut explains the damage.
	Aside string
	// Err is why the file could not be recovered; it was left as it was.
	Err error
	// Waits: Recover did not try this time, since an earlier try failed with Err.
	Waits bool
	// wrote: Recover may have written to the disk for this file.
	wrote bool
}

// Code returns the warning to raise, or "".
func (r Recovered) Code() health.Code {
	switch {
	case r.Err != nil:
		return health.RecordingUnfinished
	case r.Aside != "":
		return health.RecordingDamaged
	case r.Removed, r.Intact, r.Completed:
		return ""
	}
	return health.RecordingInterrupted
}

// Recover finishes every recording that is not live and not known to be finished: after a start,
// all those open when the power failed; later, those whose File failed and was closed. A recording
// that was cut short gets an end that says so, signed by the unit. boot is the unit's present boot.
//
// The valid part is written to a new file, which is synced, verified, and given the old one's name.
// So an interruption loses nothing, and the next start tries again. The error is for the folder. A
// file that can't be recovered doesn't stop the others: it is reported each time, tried again at
// growing intervals, and written again only if a reason was seen and is gone.
func (s *Spool) Recover(unit note.Signer, boot string) ([]Recovered, error) {
	names, err := s.fs.ReadDir(".")
	if err != nil {
		return nil, s.fault("list", err)
	}
	var found []Recovered
	for _, n := range names {
		name := n.Name()
		if n.Type().IsRegular() && isLeftover(name) {
			_ = s.fs.Remove(name) // if this fails the next start tries again
		}
	}
	for _, n := range names {
		name := n.Name()
		id, ours := idOf(name)
		if !ours || !n.Type().IsRegular() || s.writing(name) != nil {
			continue
		}
		r := Recovered{Name: name, ID: id}
		info, err := s.fs.Stat(name)
		if err == nil && durable.Frozen(info) {
			delete(s.failed, name)
			continue
		}
		if r.Waits, r.Err = s.waiting(name); !r.Waits {
			if err != nil {
				r.Err = s.fault("look at "+name+" in", err)
			} else if err := s.attempt(&r, unit, boot); err != nil {
				r.Err = s.fault("recover "+name+" in", err)
			}
			s.recordTry(name, r.wrote, r.Err)
		}
		found = append(found, r)
	}
	s.forget(names)
	return found, nil
}

// attempt recovers a recording. If that failed before, it first checks that a retry makes sense.
func (s *Spool) attempt(r *Recovered, unit note.Signer, boot string) error {
	if err := s.checkRetry(*r, unit, boot); err != nil {
		return err
	}
	return s.recover(r, unit, boot)
}

// recover makes a finished file from an unfinished one. It never writes into the old file.
func (s *Spool) recover(r *Recovered, unit note.Signer, boot string) error {
	old, err := s.fs.Open(r.Name)
	if err != nil {
		return err
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return err
	}
	temp := r.Name + durable.TempSuffix
	whole, err := s.fs.Create(temp)
	if err != nil {
		return err
	}
	r.wrote = true
	if r.Recovered, err = recording.Recover(old, info.Size(), whole, unit, boot); err == nil && r.Intact {
		// All of it can be read, but a sync may have failed just before the process ended.
		_, err = io.Copy(whole, io.NewSectionReader(old, 0, info.Size()))
	}
	if err == nil {
		err = s.settle(whole, temp)
	}
	if err == nil && r.Beyond {
		r.Aside, err = s.keepAside(r.Name, old, info.Size())
	}
	headless := errors.Is(err, recording.ErrNoHead)
	if err = durable.Replace(s.fs, whole, err, temp, r.Name); headless {
		return s.headless(r, old, info.Size())
	}
	return err
}

// settle verifies the new file, marks it as finished, and syncs it.
func (s *Spool) settle(whole durable.File, temp string) error {
	info, err := whole.Stat()
	if err != nil {
		return err
	}
	report, err := recording.Verify(whole, info.Size(), recording.Options{})
	if err != nil {
		return err
	}
	if !report.State.Complete() {
		return fmt.Errorf("the recovered file is %s: %s", report.State, report.Why)
	}
	_ = s.fs.Freeze(temp) // if this fails, each start recovers the file again
	return whole.Sync()
}

// headless handles a file of which nothing can be proved. The head is on disk before a microphone
// is opened. So if no segment follows, nothing was recorded, and the file is removed. If one does,
// the disk lost the head, and the bytes are kept.
func (s *Spool) headless(r *Recovered, old durable.File, size int64) error {
	segments, err := recording.HasSegment(old, size)
	if err != nil {
		return err
	}
	if segments {
		if r.Aside, err = s.keepAside(r.Name, old, size); err != nil {
			return err
		}
	} else {
		r.Removed = true
	}
	return errors.Join(s.fs.Remove(r.Name), s.fs.SyncDir("."))
}

// keepAside copies a file's bytes to NAME.damaged, and returns that name.
func (s *Spool) keepAside(name string, old durable.File, size int64) (string, error) {
	aside := name + damagedSuffix
	if _, err := s.fs.Stat(aside); err == nil { // made by an interrupted start
		return aside, s.fs.SyncDir(".")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if _, err := s.mayKeepAside(name); err != nil {
		return "", err
	}
	temp := aside + durable.TempSuffix
	to, err := s.fs.Create(temp)
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(to, io.NewSectionReader(old, 0, size)); err == nil {
		err = to.Sync()
	}
	return aside, durable.Replace(s.fs, to, err, temp, aside)
}
