//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/recording"
)

const (
	damagedSuffix = ".damaged"
	// maxDamaged bounds the old bytes that are kept aside. None of them is ever removed by the
	// unit.
	maxDamaged = 16
)

// Recovered is what became of a file that was not finished.
type Recovered struct {
	Name string
	ID   string
	// Recovered is what was kept and what was cut. Intact: it had its end, and only was not known
	// to be on the disk.
	recording.Recovered
	// Removed: no microphone had been opened for it yet, and it is gone.
	Removed bool
	// Aside is the file that holds its old bytes, where more than a power cut had happened to them.
	Aside string
	// Err: it could not be recovered, and lies there as it was.
	Err error
	// Waits: it has not been tried now, since an earlier try failed, with Err.
	Waits bool
	// wrote: something of it may have been written.
	wrote bool
}

// Code is the warning that goes with it; empty where there is none.
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

// Recover finishes every recording that is not being written and that is not known to be finished
// and on the disk: after a start, all that were open when the power went; and one whose File
// failed, after that was closed. A recording that is cut short gets an end that says so, signed by
// the unit; boot is the unit's present boot.
//
// The valid part goes to a new file, which is synced, verified, and takes the old one's name; so an
// interruption at any point loses nothing, and the next start does the same again. The error is for
// the folder; a file that can't be recovered keeps none of the others from it: it is told each
// time, tried again at first after seconds and then ever more rarely, and written again only where
// the reason may have gone.
func (s *Spool) Recover(unit note.Signer, boot string) ([]Recovered, error) {
	names, err := s.fs.ReadDir(".")
	if err != nil {
		return nil, s.fault("list", err)
	}
	var found []Recovered
	for _, n := range names {
		name := n.Name()
		if n.Type().IsRegular() && isLeftover(name) {
			_ = s.fs.Remove(name) // a try: what is left is left to the next start
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
		if r.Err, r.Waits = s.waits(name); !r.Waits {
			if err != nil {
				r.Err = s.fault("look at "+name+" in", err)
			} else if err := s.attempt(&r, unit, boot); err != nil {
				r.Err = s.fault("recover "+name+" in", err)
			}
			s.tried(name, r.wrote, r.Err)
		}
		found = append(found, r)
	}
	s.forget(names)
	return found, nil
}

// attempt recovers a recording; one that it could not recover before, only when there is a point in
// it.
func (s *Spool) attempt(r *Recovered, unit note.Signer, boot string) error {
	if err := s.rehearse(*r, unit, boot); err != nil {
		return err
	}
	return s.recover(r, unit, boot)
}

// recover makes a finished file of one that is not. It never writes into the old one.
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
		// It reads well, but a sync may have failed just before the process ended.
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

// settle proves the file that was made, marks it as finished, and syncs it.
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
		return fmt.Errorf("what was recovered is %s: %s", report.State, report.Why)
	}
	_ = s.fs.Freeze(temp) // where that can't be, each start does all this again
	return whole.Sync()
}

// headless deals with a file of which nothing can be proved. The head is on disk before a
// microphone is opened: where no segment follows, none was, and the file goes. Where one does, the
// disk has lost the head: the bytes are kept.
func (s *Spool) headless(r *Recovered, old durable.File, size int64) error {
	segments, err := hasSegments(old, size)
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

// hasSegments looks for the header of a segment anywhere in a file.
func hasSegments(r io.ReaderAt, size int64) (bool, error) {
	buf := make([]byte, 128*block)
	for at := int64(0); at < size; at += int64(len(buf)) {
		n, err := r.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return false, err
		}
		for part := buf[:n]; len(part) >= block; part = part[block:] {
			name, _, ok := header(part)
			if number, segment := strings.CutSuffix(name, ".age"); ok && segment && strings.Trim(number, "0123456789") == "" {
				return true, nil
			}
		}
	}
	return false, nil
}

// keepAside copies a file's bytes to NAME.damaged, and returns that name.
func (s *Spool) keepAside(name string, old durable.File, size int64) (string, error) {
	aside := name + damagedSuffix
	if _, err := s.fs.Stat(aside); err == nil { // by a start that was interrupted
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
