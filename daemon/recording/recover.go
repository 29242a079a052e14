package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrNoHead says that a file has no valid recording.note. Nothing of it can be proved, so there
	// is nothing to close.
	ErrNoHead = errors.New("no valid recording.note")

	// ErrOtherUnit says that a recording was started with another unit key than the one that is to
	// close it.
	ErrOtherUnit = errors.New("started by a unit with another key")
)

// Recovered is the result of Recover.
type Recovered struct {
	Head Head
	End  End

	// Intact: the file was complete, and nothing was written.
	Intact bool

	// Completed: the file had its end.note, and only the zero blocks after it were missing.
	Completed bool

	// Bytes of the file that were kept, and that were cut off.
	Kept, Cut int64

	// Beyond: there are notes with the recording's good signature after the bytes kept. A power cut
	// doesn't cause that; a failing disk or a person does. Keep the old file.
	Beyond bool

	Segments, Leaves int64
	Root             string // of the last note, in base64
}

// Recover closes a recording that was cut off. It writes to w the part of the first size bytes of r
// that is proved, and an end that says so, signed by the unit. boot is the unit's present boot.
//
// It keeps everything up to the last valid note, and so never cuts into what was synced. It never
// writes into the old file. Sync and verify what it wrote before replacing the old file.
func Recover(r io.ReaderAt, size int64, w io.Writer, unit note.Signer, boot string) (Recovered, error) {
	rec, err := recoverFile(r, size, w, unit, boot)
	if err != nil && rec.Head.ID != "" {
		return rec, fmt.Errorf("recover recording %s: %w", rec.Head.ID, err)
	}
	if err != nil {
		return rec, fmt.Errorf("recover a recording: %w", err)
	}
	return rec, nil
}

func recoverFile(r io.ReaderAt, size int64, out io.Writer, unit note.Signer, boot string) (Recovered, error) {
	w, outcome, err := lastValid(r, size)
	rec := Recovered{Head: w.head}
	if err != nil {
		return rec, err
	}
	if w.unitKey.Name() != unit.Name() || w.unitKey.KeyHash() != unit.KeyHash() {
		return rec, ErrOtherUnit
	}
	good := w.good
	rec.Segments, rec.Leaves, rec.Root = good.segments, good.covered.leaves, good.covered.root.String()
	if outcome == nil && good.note.kind == kindEndNote {
		rec.End, rec.Intact, rec.Kept = w.end, true, size
		return rec, nil
	}
	rec.Kept, rec.Cut = good.note.end(), size-good.note.end()
	if outcome != errTorn {
		if rec.Beyond, err = beyond(w); err != nil {
			return rec, err
		}
	}
	kept, err := w.copyTo(out)
	if err != nil {
		return rec, err
	}
	if good.note.kind == kindEndNote {
		rec.End, rec.Completed = w.end, true
		_, err := out.Write(endBlocks[:])
		return rec, err
	}
	rec.End = End{
		Reason:   InterruptedBy,
		Samples:  good.samples,
		Gaps:     good.happened.gaps,
		LeftOut:  good.happened.leftOut,
		Last:     string(good.covered.append(nil)),
		CutBytes: rec.Cut,
		Boot:     boot,
	}
	b := kept.batch()
	b.json(name{kind: kindEndJSON}, rec.End.written())
	covered, _ := b.note(name{kind: kindEndNote}, unit)
	if b.err != nil {
		return rec, b.err
	}
	b.close()
	rec.Leaves, rec.Root = covered.leaves, covered.root.String()
	_, err = out.Write(b.out)
	return rec, err
}

// lastValid walks to the last note that is valid, its signature included. outcome is how the walk
// ended: nil, errTorn or a *Damage.
func lastValid(r io.ReaderAt, size int64) (w *walk, outcome, err error) {
	for _, which := range []signatures{sigLast, sigLastGood} {
		w = newWalk(r, size)
		w.signatures = which
		outcome = w.run()
		var damage *Damage
		if outcome != nil && outcome != errTorn && !errors.As(outcome, &damage) {
			return w, nil, outcome
		}
		if !w.good.reached() {
			return w, nil, ErrNoHead
		}
		err = w.checkLast()
		if err == nil || !errors.As(err, &damage) {
			return w, outcome, err
		}
		// The text of the last note is right, but its signature is wrong: walk again for the last
		// note with a good signature.
	}
	return w, nil, err
}

// copyTo copies the file up to its last good note, and returns an appender that continues there. It
// walks the copy as it is made, so the unit signs what was written, not what was read before.
func (w *walk) copyTo(out io.Writer) (*appender, error) {
	from := &copying{r: w.r, to: out}
	copied := newWalk(from, w.good.note.end())
	err := copied.run()
	var damage *Damage
	switch {
	case from.failed != nil:
		return nil, from.failed
	case errors.As(err, &damage):
		return nil, fmt.Errorf("%w: %w", ErrChanged, err)
	case err != nil && err != errTorn:
		return nil, err
	}
	if copied.good.covered != w.good.covered {
		return nil, ErrChanged
	}
	return &appender{w.head.Origin(), copied.headers, copied.tree, copied.last}, nil
}

// copying is a file that is copied as it is read, from start to end, each byte once.
type copying struct {
	r      io.ReaderAt
	to     io.Writer
	failed error // to's
}

func (c *copying) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	if n > 0 {
		if _, c.failed = c.to.Write(p[:n]); c.failed != nil {
			return 0, c.failed
		}
	}
	return n, err
}

// beyondTries bounds the work on a file full of false notes.
const beyondTries = 10_000

// beyond reports whether notes with the recording's good signature follow the last good one, at any
// offset. If there are too many candidates to check it returns true: in doubt the old file is kept.
func beyond(w *walk) (bool, error) {
	first := append([]byte(w.head.Origin()), '\n')
	tries := 0
	for at := w.good.note.end(); w.size-at >= int64(len(first)); {
		b, err := w.rest(at, int64(len(first)))
		if err != nil {
			return false, err
		}
		i := bytes.Index(b, first)
		if i < 0 {
			at += int64(len(b) - len(first) + 1)
			continue
		}
		at += int64(i)
		found, err := w.view(at, min(maxNote, w.size-at))
		if err != nil {
			return false, err
		}
		if signedHere(found, w.signingKey, w.head.Origin()) {
			return true, nil
		}
		if tries++; tries > beyondTries {
			return true, nil
		}
		at++
	}
	return false, nil
}

// signedHere reports whether b starts with a good note of origin.
func signedHere(b []byte, key note.Verifier, origin string) bool {
	text := bytes.Index(b, []byte("\n\n"))
	if text < 0 {
		return false
	}
	line := bytes.IndexByte(b[text+2:], '\n')
	if line < 0 {
		return false
	}
	_, err := openNote(b[:text+2+line+1], key, origin)
	return err == nil
}
