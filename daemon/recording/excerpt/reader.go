package excerpt

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
)

// Limits of members, in bytes.
const (
	MaxText = 64 << 10
	MaxNote = 1 << 10
)

// A Reader reads an archive that shows a part of a recording: the members that are as in the
// recording, and their evidence. Errors are *bundle.Fault, or say that reading failed.
type Reader struct {
	*bundle.Reader
	Evidence recording.Evidence
	Closing  string // name of the last note

	lines recording.Proof // of unproved lines: names and hashes
}

// Fault is a fault that concerns no one place of an archive.
func Fault(err error) error { return &bundle.Fault{Offset: -1, What: err.Error()} }

// Leaves reads leaves. It returns the number of segments that they name.
func (r *Reader) Leaves() (segments int64, err error) {
	m, err := r.Next("leaves", recording.MaxLeaves)
	if err != nil {
		return 0, err
	}
	r.Evidence.Leaves = m.Content
	if r.Closing, err = r.lines.Lines(m.Content); err != nil {
		return 0, m.Fault("%v", err)
	}
	return r.lines.Segments, nil
}

// Head reads recording.json and recording.note.
func (r *Reader) Head() (err error) {
	if r.Evidence.Head, err = r.listed("recording.json"); err != nil {
		return err
	}
	r.Evidence.HeadNote, err = r.listed("recording.note")
	return err
}

// Happened reads the NNNNNN.json of segment n, if leaves names one.
func (r *Reader) Happened(n int64) error {
	name := recording.SegmentName(n, "json")
	if _, ok := r.lines.Sum(name); !ok {
		return nil
	}
	_, err := r.listed(name)
	return err
}

// End reads end.json, if there is one, and the closing note.
func (r *Reader) End() (err error) {
	if r.Closing == "end.note" {
		if r.Evidence.End, err = r.listed("end.json"); err != nil {
			return err
		}
	}
	m, err := r.Next(r.Closing, MaxNote)
	if err != nil {
		return err
	}
	r.Evidence.Note = m.Content
	return nil
}

// listed reads a small member that must have the hash in leaves.
func (r *Reader) listed(name string) ([]byte, error) {
	m, err := r.Next(name, MaxText)
	if err != nil {
		return nil, err
	}
	return m.Content, r.Matches(m)
}

// Matches checks that a member has the hash in leaves.
func (r *Reader) Matches(m *bundle.Member) error {
	sum, err := r.Sum(m.Name)
	if err == nil && sum != sha256.Sum256(m.Content) {
		err = errors.New("it is not the recording's: its hash is another one than in leaves")
	}
	if err != nil {
		return m.Fault("%v", err)
	}
	return nil
}

// Sum returns the hash that leaves has for a member.
func (r *Reader) Sum(name string) (sum [sha256.Size]byte, err error) {
	sum, ok := r.lines.Sum(name)
	if !ok {
		return sum, errors.New("the recording has no such member")
	}
	return sum, nil
}

// Prove proves what was read, once the archive has ended. id is the recording that the archive
// says it is of, and claim the member that says so.
func (r *Reader) Prove(id, claim string) (*recording.Proof, error) {
	if err := r.Reader.End(); err != nil {
		return nil, err
	}
	p, err := r.Evidence.Prove()
	switch {
	case err != nil:
		return nil, Fault(err)
	case p.Head.ID != id:
		return nil, Fault(fmt.Errorf("%s: it names another recording than recording.json", claim))
	case p.Head.Started.Unix() != r.Time():
		return nil, Fault(fmt.Errorf("recording.json: it says that the recording started %v, the archive says otherwise",
			p.Head.Started))
	}
	return p, nil
}
