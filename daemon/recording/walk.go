package recording

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"

	"golang.org/x/mod/sumdb/note"
)

// A walk goes through a recording from the first byte, and stops at the first one that is not as it
// should be. It is what Verify, Recover and Open share.
//
// On its way it makes the tree anew and compares each note's text with it. It checks the first
// signature, which says which key the others are by; the last one is for the caller, with proved:
// it covers all earlier notes.
//
// It reads each byte once: what it hashes is what it looks into and whose signature it checks. What
// a file holds a moment later proves nothing.
type walk struct {
	scanner
	tree tree

	head     Head
	headRead bool
	stanzas  []string      // in key.age
	unit     note.Verifier // the unit's key that recording.json names
	own      note.Verifier // the recording's
	end      End
	happened happened
	samples  int64 // up to the last note
	short    int64 // samples in the segment that comes, where it says so

	noted mark // behind the last note whose text agrees
	good  mark // the same; with goodOnes, only where the signature is good

	signatures signatures

	into     *contents // nil for all but Open
	progress func(done, total int64)
}

// signatures says which of them a walk checks, beside the first. To check each takes ten times as
// long.
type signatures uint8

const (
	lastOne  signatures = iota // none: the last is checked with proved
	goodOnes                   // each; what stands behind the last good one is not proved
	eachOne                    // each; one that is wrong is damage
)

// A mark is a place right behind a note.
type mark struct {
	note     member
	segments int64
	covered  checkpoint // what the note says
	key      note.Verifier
	sig      [ed25519.SignatureSize]byte // over covered's text, by key, if it is good
	happened happened                    // up to there
	samples  int64                       // up to there
}

func (m *mark) reached() bool { return m.note.kind != noKind }

// happened is what NNNNNN.json told, as end.json keeps it.
type happened struct {
	gaps    []Gap
	leftOut int64
}

func (h *happened) add(gaps []Gap, leftOut int64) {
	list, more := listed(append(h.gaps[:len(h.gaps):len(h.gaps)], gaps...))
	h.gaps, h.leftOut = list, h.leftOut+more+leftOut
}

// run walks to the end of the file. It returns nil if the recording is complete, and otherwise
// errTorn, a *Damage, or an error of reading.
func (w *walk) run() error {
	for count := 0; ; count++ {
		m, err := w.member()
		if err != nil {
			return err
		}
		if err := w.take(&m); err != nil {
			return err
		}
		w.into.collect(&m, w.content)
		w.tree.add(leafHash(m.name, m.sum))
		if w.progress != nil && count%256 == 0 {
			w.progress(w.next, w.size)
		}
		if m.kind == kindEndNote {
			return w.scanner.end()
		}
	}
}

// take looks into the members that say something in clear.
func (w *walk) take(m *member) error {
	switch m.kind {
	case kindSegment, kindReadMe, kindConsent, kindEndAge:
		return nil
	case kindKey:
		w.stanzas = stanzasOf(w.content)
		return nil
	case kindHead:
		return w.takeHead(m, w.content)
	case kindHappening:
		h, err := parseHappening(w.content)
		if err != nil {
			return m.damage("it can't be read: %v", err)
		}
		w.happened.add(h.Gaps, h.LeftOut)
		w.short = h.Samples
		return nil
	case kindEndJSON:
		return w.takeEnd(m, w.content)
	default:
		return w.takeNote(m, w.content)
	}
}

func (w *walk) takeHead(m *member, text []byte) error {
	head, err := parseHead(text)
	if err != nil {
		return m.damage("it can't be read: %v", err)
	}
	w.head, w.headRead = head, true
	w.unit, w.own, err = head.verifiers()
	if err != nil {
		return m.damage("%v", err)
	}
	if head.Started.Unix() != w.headers.mtime {
		return m.damage("it says that the recording was started %v, the archive says otherwise", head.Started)
	}
	return nil
}

func (w *walk) takeEnd(m *member, text []byte) error {
	end, err := parseEnd(text)
	if err != nil {
		return m.damage("it can't be read: %v", err)
	}
	cut := w.noted.note.end() == m.at // no end.age between the last note and this
	switch {
	case cut && end.Reason != InterruptedBy:
		return m.damage("the reason is %q, but end.age is missing", end.Reason)
	case !cut && end.Reason == InterruptedBy:
		return m.damage("the reason is %q, but there is an end.age", end.Reason)
	case cut && end.Last != string(w.noted.covered.append(nil)):
		return m.damage("it names another last checkpoint than the one before it")
	}
	w.end = end
	return nil
}

// noteKey is the key that has to have signed a note.
func (w *walk) noteKey(n name) note.Verifier {
	if n.kind == kindHeadNote || n.kind == kindEndNote && w.end.Reason == InterruptedBy {
		return w.unit
	}
	return w.own
}

func (w *walk) takeNote(m *member, msg []byte) error {
	c := checkpoint{w.head.Origin(), w.tree.size, w.tree.root()}
	key := w.noteKey(m.name)
	text, sig, err := splitNote(msg, key)
	if err != nil {
		return m.damage("%v", err)
	}
	var space [256]byte
	if !bytes.Equal(text, c.append(space[:0])) {
		return m.damage("it doesn't agree with what stands before it")
	}
	good := true
	if m.kind == kindHeadNote || w.signatures != lastOne {
		good = key.Verify(text, sig[:])
	}
	if !good && (m.kind == kindHeadNote || w.signatures == eachOne) {
		return m.damage("%v", errSignature)
	}
	segments := int64(m.n)
	switch {
	case m.kind == kindEndNote:
		segments = w.noted.segments
	case m.kind == kindNote && w.short > 0:
		w.samples += w.short
	case m.kind == kindNote:
		w.samples += int64(w.head.Audio.Rate)
	}
	w.short = 0
	w.noted = mark{note: *m, segments: segments, covered: c, key: key, sig: sig, happened: w.happened, samples: w.samples}
	if good {
		w.good = w.noted
	}
	return nil
}

// proved checks the signature of the last note that agrees, as it was when its text was compared:
// with it, everything up to there is proved.
func (w *walk) proved() error {
	if !w.good.reached() {
		return errors.New("it has no recording.note")
	}
	if !w.good.key.Verify(w.good.covered.append(nil), w.good.sig[:]) {
		return w.good.note.damage("%v", errSignature)
	}
	return nil
}

// newWalk prepares a walk through the first size bytes of r.
func newWalk(r io.ReaderAt, size int64) *walk {
	return &walk{scanner: scanner{window: newWindow(r, size)}}
}
