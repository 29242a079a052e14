package recording

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"tacet/daemon/recording/filekey"
)

// An Index is what is needed to take a part out of a recording: its evidence, where each member is,
// and, after Unlock, the file keys. It covers what is proved: all of the recording, or what stands
// before its last good note.
type Index struct {
	Evidence Evidence
	Proof    Proof

	r        io.ReaderAt
	members  map[string]foundMember
	list     []byte // leaves so far
	upTo     int    // length of list before the last note
	note     []byte // content of the last note
	full     bool   // more leaves than MaxLeaves
	identity *age.X25519Identity
}

// foundMember is where a member's content is, and what it must be.
type foundMember struct {
	at, size int64
	sum      [sha256.Size]byte
}

// ErrNoPart says that no second of a recording is proved, so that no part can be taken out.
var ErrNoPart = errors.New("not one second of it is proved")

// NewIndex checks the first size bytes of r as Open does, each note's signature included, and
// indexes what is proved. The report has no list of damages: Verify makes one.
func NewIndex(r io.ReaderAt, size int64, o Options) (*Index, *Report, error) {
	w := newWalk(r, size)
	w.signatures, w.progress = sigEvery, o.Progress
	x := &Index{r: r, members: map[string]foundMember{}}
	w.seen = x.take
	outcome := w.run()
	var damage *Damage
	if outcome != nil && outcome != errTorn && !errors.As(outcome, &damage) {
		return nil, nil, outcome
	}
	rep := &Report{Head: w.head, HeadRead: w.headRead}
	if !w.good.reached() {
		why, err := foreign(&w.window)
		switch {
		case err != nil:
			return nil, nil, err
		case why != "":
			rep.Why = why
		case damage != nil:
			rep.State, rep.Why = Damaged, damage.Error()
		default:
			rep.State, rep.Why = Unfinished, "it ends before recording.note: nothing of it is proved"
		}
		return nil, rep, ErrNoPart
	}
	w.fill(rep, outcome, &o)
	if damage != nil {
		rep.State, rep.Why = Damaged, damage.Error()
		rep.add(*damage)
	}
	return x, rep, x.finish(rep.End != nil)
}

// take indexes a member. content is the bytes that were hashed.
func (x *Index) take(m *member, content []byte) {
	switch m.kind {
	case kindHead:
		x.Evidence.Head = bytes.Clone(content)
	case kindHeadNote:
		x.Evidence.HeadNote = bytes.Clone(content)
		x.upTo = len(x.list)
	case kindEndJSON:
		x.Evidence.End = bytes.Clone(content)
	case kindNote, kindEndNote:
		x.note, x.upTo = bytes.Clone(content), len(x.list)
	}
	if len(x.list) > MaxLeaves {
		x.full = true
		return
	}
	l := leaf{m.name, m.sum}
	x.list = l.append(x.list)
	x.members[m.name.String()] = foundMember{m.content(), m.size, m.sum}
}

// finish makes the evidence of what was indexed, and proves it as whoever gets it will.
func (x *Index) finish(ended bool) error {
	if x.note == nil {
		return ErrNoPart
	}
	if x.full {
		return errors.New("it is too long to take a part out")
	}
	x.Evidence.Leaves, x.Evidence.Note = x.list[:x.upTo], x.note
	if !ended {
		x.Evidence.End = nil
	}
	p, err := x.Evidence.Prove()
	if err != nil {
		return err
	}
	if p.Segments == 0 {
		return ErrNoPart
	}
	x.Proof = *p
	return nil
}

// Read returns the content of a member, or nil if there is none. It returns ErrChanged if the
// content is not what was proved.
func (x *Index) Read(name string) ([]byte, error) {
	m, ok := x.members[name]
	if !ok {
		return nil, nil
	}
	content := make([]byte, m.size)
	if err := readFull(x.r, content, m.at); err != nil {
		return nil, err
	}
	if sha256.Sum256(content) != m.sum {
		return nil, fmt.Errorf("%s: %w", name, ErrChanged)
	}
	return content, nil
}

// Unlock opens key.age with one of the identities. It returns ErrIdentity if it is for none.
func (x *Index) Unlock(identities []age.Identity) error {
	sealed, err := x.Read(fixedNames[kindKey])
	if err != nil {
		return err
	}
	identity, origin, err := openKey(sealed, identities)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return ErrIdentity
	case err != nil:
		return fmt.Errorf("open key.age: %w", err)
	case origin != x.Proof.Head.Origin():
		return fmt.Errorf("key.age is that of %s, not of %s", origin, x.Proof.Head.Origin())
	}
	x.identity = identity
	return nil
}

// Segment returns the sealed segment n, counted from 1, and its file key. The index must be
// unlocked.
func (x *Index) Segment(n int64) (sealed, key []byte, err error) {
	member := SegmentName(n, "age")
	if sealed, err = x.Read(member); err != nil {
		return nil, nil, err
	}
	if sealed == nil || x.identity == nil {
		return nil, nil, fmt.Errorf("there is no segment %d, or no key for it", n)
	}
	if key, err = filekey.Unwrap(sealed, x.identity); err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", member, err)
	}
	return sealed, key, nil
}

// A Second is a segment, opened, and what seals the same sound again to the same bytes.
type Second struct {
	Plain  []byte
	Header []byte // of the age file
	Nonce  []byte // that follows it
	Key    []byte // the file key
}

// Open decrypts segment n, counted from 1. The index must be unlocked.
func (x *Index) Open(n int64) (*Second, error) {
	sealed, key, err := x.Segment(n)
	if err != nil {
		return nil, err
	}
	plain, err := unseal(sealed, x.identity)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", SegmentName(n, "age"), err)
	}
	if len(sealed) < filekey.HeaderSize+filekey.NonceSize {
		return nil, fmt.Errorf("open %s: it is too short", SegmentName(n, "age"))
	}
	rest := sealed[filekey.HeaderSize:]
	return &Second{plain, sealed[:filekey.HeaderSize], rest[:filekey.NonceSize], key}, nil
}
