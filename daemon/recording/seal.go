package recording

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Sealer makes the bytes of one recording, in the order in which they are to be appended to its
// file: Begin, Segment for each second, End. It does no I/O.
//
// It makes the recording's signing key and forgets it at the end; after that nobody can add to the
// recording or change it, the unit included.
//
// A call that fails changes nothing: the next one goes on from where the last good one ended. A
// Sealer is for one goroutine.
type Sealer struct {
	head Head
	key  Key
	unit note.Signer
	own  *ownKey

	file     appender
	gaps     []Gap      // so far, no more than fit into end.json
	leftOut  int64      // gaps for which there was no room
	covered  checkpoint // what the last note says
	headNote []byte     // content of recording.note
	note     []byte     // content of the last note
}

// NewSealer prepares a recording. It fills in h.Format and h.SigningKey and trims h.Started to what
// the format keeps; the rest of h is the caller's.
func NewSealer(h Head, k Key, unit note.Signer) (*Sealer, error) {
	s, err := newSealer(h, k, unit)
	if err != nil {
		return nil, fmt.Errorf("begin recording %s: %w", h.ID, err)
	}
	return s, nil
}

func newSealer(h Head, k Key, unit note.Signer) (*Sealer, error) {
	h.Format = Format
	h.Started = trimTime(h.Started)
	h.Parties, h.Recipients = slices.Clone(h.Parties), slices.Clone(h.Recipients)
	if err := h.check(); err != nil {
		return nil, err
	}
	if k.Recipient == nil || len(k.Age) == 0 {
		return nil, errors.New("no key to seal it with")
	}
	own, vkey, err := newOwnKey(h.Origin())
	if err != nil {
		return nil, err
	}
	h.SigningKey = vkey
	verifier, _, err := h.verifiers()
	if err != nil {
		return nil, err
	}
	if verifier.Name() != unit.Name() || verifier.KeyHash() != unit.KeyHash() {
		return nil, errors.New("unit_key is not the key that signs")
	}
	headers, err := newHeaders(h.Started.Unix())
	if err != nil {
		return nil, err
	}
	file := appender{origin: h.Origin(), headers: headers}
	return &Sealer{head: h, key: k, unit: unit, own: own, file: file}, nil
}

// trimTime cuts a time to what the format keeps of it.
func trimTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Begin returns the file's beginning, up to recording.note. acts are those that led to the
// recording.
func (s *Sealer) Begin(acts []Act) ([]byte, error) {
	consent, err := sealActs(acts, s.key.Recipient)
	if err != nil {
		return nil, fmt.Errorf("begin recording %s: consent: %w", s.head.ID, err)
	}
	b := s.file.batch()
	b.member(name{kind: kindReadMe}, readMe(&s.head))
	b.json(name{kind: kindHead}, &s.head)
	b.member(name{kind: kindKey}, s.key.Age)
	b.member(name{kind: kindConsent}, consent)
	covered, msg := b.note(name{kind: kindHeadNote}, s.unit)
	if b.err != nil {
		return nil, fmt.Errorf("begin recording %s: %w", s.head.ID, b.err)
	}
	s.file, s.covered, s.note, s.headNote = b.appender, covered, msg, msg
	return b.out, nil
}

// Segment returns the next second: data, sealed, and the note behind it. data may be empty: a last
// segment can hold nothing but the end. It is the caller's, who wipes it. h is what happened in it,
// nil for nothing.
func (s *Sealer) Segment(data []byte, h *Happening) ([]byte, error) {
	n := s.file.last.n + 1
	out, err := s.segment(n, data, h)
	if err != nil {
		return nil, fmt.Errorf("seal segment %d of %s: %w", n, s.head.ID, err)
	}
	return out, nil
}

func (s *Sealer) segment(n int32, data []byte, h *Happening) ([]byte, error) {
	b, covered, msg, err := s.next(n, data, h)
	if err != nil {
		return nil, err
	}
	s.file, s.covered, s.note = b.appender, covered, msg
	if h != nil {
		list, more := listed(append(s.gaps, h.Gaps...))
		s.gaps, s.leftOut = list, s.leftOut+more
	}
	return b.out, nil
}

// next makes segment n, which stands behind all that was sealed, and leaves the recording where it
// stands.
func (s *Sealer) next(n int32, data []byte, h *Happening) (*batch, checkpoint, []byte, error) {
	if n > MaxSegments {
		return nil, checkpoint{}, nil, errors.New("a recording can't have more")
	}
	sealed, err := seal(data, s.key.Recipient)
	if err != nil {
		return nil, checkpoint{}, nil, err
	}
	b := s.file.batch()
	if h != nil && len(h.Gaps)+len(h.ClockSteps)+len(h.Rates)+int(h.Samples) > 0 {
		b.json(name{kindHappening, n}, h.trimmed())
	}
	b.member(name{kindSegment, n}, sealed)
	covered, msg := b.note(name{kindNote, n}, s.own)
	return b, covered, msg, b.err
}

// trimmed is h with no more entries than a member has room for.
func (h *Happening) trimmed() *Happening {
	gaps, more := listed(h.Gaps)
	steps, more2 := listed(h.ClockSteps)
	rates, more3 := listed(h.Rates)
	return &Happening{gaps, steps, rates, h.LeftOut + more + more2 + more3, h.Samples}
}

// End returns the rest of the file, and forgets the signing key. acts are those that led to the
// end. Of e, Reason and Samples are the caller's; where it gives no gaps, those of the segments are
// written.
func (s *Sealer) End(e End, acts []Act) ([]byte, error) {
	out, err := s.end(e, acts)
	if err != nil {
		return nil, fmt.Errorf("end recording %s: %w", s.head.ID, err)
	}
	return out, nil
}

func (s *Sealer) end(e End, acts []Act) ([]byte, error) {
	if e.Gaps == nil {
		e.Gaps, e.LeftOut = s.gaps, s.leftOut
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.Reason == InterruptedBy {
		return nil, errors.New("who can still end it was not interrupted")
	}
	var more int64
	e.Gaps, more = listed(e.Gaps)
	e.LeftOut += more
	closing, err := sealActs(acts, s.key.Recipient)
	if err != nil {
		return nil, fmt.Errorf("acts: %w", err)
	}
	b := s.file.batch()
	b.member(name{kind: kindEndAge}, closing)
	b.json(name{kind: kindEndJSON}, e.written())
	covered, msg := b.note(name{kind: kindEndNote}, s.own)
	if b.err != nil {
		return nil, b.err
	}
	b.close()
	s.file, s.covered, s.note = b.appender, covered, msg
	s.own.forget()
	return b.out, nil
}

// Head returns recording.json as it is written.
func (s *Sealer) Head() Head { return s.head }

// HeadNote returns the content of recording.note, whose SHA-256 the ledger keeps.
func (s *Sealer) HeadNote() []byte { return slices.Clone(s.headNote) }

// Checkpoint returns the content of the last note.
func (s *Sealer) Checkpoint() []byte { return slices.Clone(s.note) }

// Leaves returns how many members the last note covers.
func (s *Sealer) Leaves() int64 { return s.covered.leaves }

// Root returns their root as the note has it, in base64.
func (s *Sealer) Root() string { return s.covered.root.String() }

// Format keeps the keys out of whatever fmt is asked to print.
func (s Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sealer of "+s.head.ID) }
