package recording

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Sealer makes the bytes of one recording, in the order in which they are appended to its file:
// Begin, Segment for each second, End. It does no I/O.
//
// It makes the recording's signing key and forgets it at the end. After that nobody, not even the
// unit, can add to the recording or change it.
//
// A call that fails changes nothing: the next one continues after the last that succeeded. A Sealer
// is for one goroutine.
type Sealer struct {
	head       Head
	key        Key
	unit       note.Signer
	signingKey *signingKey

	file     appender
	gaps     []Gap      // so far, at most maxListed
	leftOut  int64      // gaps beyond those
	covered  checkpoint // of the last note
	headNote []byte     // content of recording.note
	note     []byte     // content of the last note
}

// NewSealer prepares a recording. It sets h.Format and h.SigningKey and truncates h.Started to
// milliseconds; the caller sets the rest of h.
func NewSealer(h Head, k Key, unit note.Signer) (*Sealer, error) {
	s, err := newSealer(h, k, unit)
	if err != nil {
		return nil, fmt.Errorf("start recording %s: %w", h.ID, err)
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
		return nil, errors.New("no key to seal to")
	}
	signing, vkey, err := newSigningKey(h.Origin())
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
	return &Sealer{head: h, key: k, unit: unit, signingKey: signing, file: file}, nil
}

// trimTime converts t to UTC milliseconds, which is what the format keeps.
func trimTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Begin returns the start of the file, up to recording.note. acts are those that led to the
// recording.
func (s *Sealer) Begin(acts []Act) ([]byte, error) {
	consent, err := sealActs(acts, s.key.Recipient)
	if err != nil {
		return nil, fmt.Errorf("start recording %s: consent: %w", s.head.ID, err)
	}
	b := s.file.batch()
	b.member(name{kind: kindReadMe}, readMe(&s.head))
	b.json(name{kind: kindHead}, &s.head)
	b.member(name{kind: kindKey}, s.key.Age)
	b.member(name{kind: kindConsent}, consent)
	covered, msg := b.note(name{kind: kindHeadNote}, s.unit)
	if b.err != nil {
		return nil, fmt.Errorf("start recording %s: %w", s.head.ID, b.err)
	}
	s.file, s.covered, s.note, s.headNote = b.appender, covered, msg, msg
	return b.out, nil
}

// Segment returns the next second: data, sealed, and its note. data may be empty: a last segment
// may hold nothing but the end mark. The caller owns data and wipes it. h is what happened in the
// segment, or nil.
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

// next makes segment n and its note. It doesn't change the Sealer.
func (s *Sealer) next(n int32, data []byte, h *Happening) (*batch, checkpoint, []byte, error) {
	if n > MaxSegments {
		return nil, checkpoint{}, nil, fmt.Errorf("a recording can have at most %d", MaxSegments)
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
	covered, msg := b.note(name{kindNote, n}, s.signingKey)
	return b, covered, msg, b.err
}

// trimmed returns h with lists no longer than maxListed.
func (h *Happening) trimmed() *Happening {
	gaps, more := listed(h.Gaps)
	steps, more2 := listed(h.ClockSteps)
	rates, more3 := listed(h.Rates)
	return &Happening{gaps, steps, rates, h.LeftOut + more + more2 + more3, h.Samples}
}

// End returns the rest of the file, and forgets the signing key. acts are those that led to the
// end. The caller sets e.Reason and e.Samples; without e.Gaps, the gaps of the segments are
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
		return nil, errors.New("a recording that its sealer ends is not interrupted")
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
	covered, msg := b.note(name{kind: kindEndNote}, s.signingKey)
	if b.err != nil {
		return nil, b.err
	}
	b.close()
	s.file, s.covered, s.note = b.appender, covered, msg
	s.signingKey.forget()
	return b.out, nil
}

// Head returns the content of recording.json.
func (s *Sealer) Head() Head { return s.head }

// HeadNote returns the content of recording.note; the ledger keeps its SHA-256.
func (s *Sealer) HeadNote() []byte { return slices.Clone(s.headNote) }

// Checkpoint returns the content of the last note.
func (s *Sealer) Checkpoint() []byte { return slices.Clone(s.note) }

// Leaves returns the number of members that the last note covers.
func (s *Sealer) Leaves() int64 { return s.covered.leaves }

// Root returns the root in the last note, in base64.
func (s *Sealer) Root() string { return s.covered.root.String() }

// Format keeps the keys out of anything printed with fmt.
func (s Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sealer of "+s.head.ID) }
