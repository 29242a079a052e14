package recording

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"

	"golang.org/x/mod/sumdb/note"
)

// A walk reads a recording from the start to the first byte that is wrong. Verify, Recover and Open
// share it.
//
// It rebuilds the tree and compares each note's text with it. It checks the first signature, which
// tells the key of all others. The last one covers all before it; the caller checks it with
// checkLast.
//
// It reads each byte once: the bytes it hashes are the bytes it parses and whose signature it
// checks. What the file holds a moment later proves nothing.
type walk struct {
	scanner
	tree tree

	head       Head
	headRead   bool
	stanzas    []string      // in key.age
	unitKey    note.Verifier // the unit's, as recording.json names it
	signingKey note.Verifier // the recording's
	end        End
	happened   happened
	samples    int64 // up to the last note
	short      int64 // samples in the next segment, if its NNNNNN.json says so

	matched mark // after the last note whose text is right
	good    mark // likewise; with sigLastGood, whose signature is good too

	signatures signatures

	into     *contents                       // nil for all but Open
	seen     func(m *member, content []byte) // nil for all but NewIndex; gets each member that is right
	progress func(done, total int64)
}

// signatures says which signatures a walk checks besides the first. Checking all takes ten times as
// long.
type signatures uint8

const (
	sigLast     signatures = iota // checkLast checks the last one
	sigLastGood                   // each; what follows the last good one is not proved
	sigEvery                      // each; a wrong one is damage
)

// A mark is the position right after a note.
type mark struct {
	note     member
	segments int64
	covered  checkpoint // what the note says
	key      note.Verifier
	sig      [ed25519.SignatureSize]byte // by key, over covered's text
	happened happened                    // up to here
	samples  int64                       // up to here
}

func (m *mark) reached() bool { return m.note.kind != noKind }

// happened sums up the NNNNNN.json members as end.json does.
type happened struct {
	gaps    []Gap
	leftOut int64
}

func (h *happened) add(gaps []Gap, leftOut int64) {
	list, more := listed(append(h.gaps[:len(h.gaps):len(h.gaps)], gaps...))
	h.gaps, h.leftOut = list, h.leftOut+more+leftOut
}

// run walks to the end of the file. It returns nil if the recording is complete, otherwise errTorn,
// a *Damage, or a read error.
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
		if w.seen != nil {
			w.seen(&m, w.content)
		}
		w.tree.add(leafHash(m.name, m.sum))
		if w.progress != nil && count%256 == 0 {
			w.progress(w.next, w.size)
		}
		if m.kind == kindEndNote {
			return w.scanner.end()
		}
	}
}

// take parses the members that are in clear.
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
	w.unitKey, w.signingKey, err = head.verifiers()
	if err != nil {
		return m.damage("%v", err)
	}
	if head.Started.Unix() != w.headers.mtime {
		return m.damage("it says that the recording started %v, the archive says otherwise", head.Started)
	}
	return nil
}

func (w *walk) takeEnd(m *member, text []byte) error {
	end, err := parseEnd(text)
	if err != nil {
		return m.damage("it can't be read: %v", err)
	}
	cut := w.matched.note.end() == m.at // no end.age between the last note and this
	switch {
	case cut && end.Reason != InterruptedBy:
		return m.damage("the reason is %q, but end.age is missing", end.Reason)
	case !cut && end.Reason == InterruptedBy:
		return m.damage("the reason is %q, but there is an end.age", end.Reason)
	case cut && end.Last != string(w.matched.covered.append(nil)):
		return m.damage("it names a last checkpoint other than the one before it")
	}
	w.end = end
	return nil
}

// noteKey returns the key that must have signed note n.
func (w *walk) noteKey(n name) note.Verifier {
	if n.kind == kindHeadNote || n.kind == kindEndNote && w.end.Reason == InterruptedBy {
		return w.unitKey
	}
	return w.signingKey
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
		return m.damage("it doesn't match what comes before it")
	}
	good := true
	if m.kind == kindHeadNote || w.signatures != sigLast {
		good = key.Verify(text, sig[:])
	}
	if !good && (m.kind == kindHeadNote || w.signatures == sigEvery) {
		return m.damage("%v", errSignature)
	}
	segments := int64(m.n)
	switch {
	case m.kind == kindEndNote:
		segments = w.matched.segments
	case m.kind == kindNote && w.short > 0:
		w.samples += w.short
	case m.kind == kindNote:
		w.samples += int64(w.head.Audio.Rate)
	}
	w.short = 0
	w.matched = mark{
		note: *m, segments: segments, covered: c, key: key, sig: sig, happened: w.happened, samples: w.samples,
	}
	if good {
		w.good = w.matched
	}
	return nil
}

// checkLast checks the signature of the last good note, over the text that was compared. If it is
// good, everything up to there is proved.
func (w *walk) checkLast() error {
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
