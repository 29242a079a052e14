package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrNoHead says that a file has no valid recording.note: nothing of it can be proved, and
	// there is nothing to close.
	ErrNoHead = errors.New("no valid recording.note")

	// ErrOtherUnit says that a recording was begun under another unit key than the one that is to
	// close it.
	ErrOtherUnit = errors.New("begun by a unit with another key")
)

// Recovered is what Recover has made.
type Recovered struct {
	Head Head
	End  End

	// Intact: the file was complete; nothing was written.
	Intact bool

	// Completed: the file had its end.note, and lacked only the blocks behind it.
	Completed bool

	// Kept is how many of the file's bytes were kept, Cut how many were not.
	Kept, Cut int64

	// Beyond: behind what was kept there are notes with this recording's good signature. A power
	// cut doesn't do that, a failing disk or a person does: the old file is to be kept.
	Beyond bool

	Segments, Leaves int64
	Root             string // of the last note, in base64
}

// Recover closes a recording that was cut off: it writes to w what the first size bytes of r prove,
// and an end that says so, signed by the unit. boot is the unit's present boot.
//
// It keeps everything up to the last note that is valid, and so never cuts into what had been
// synced. It never writes into the old file. What it has written should be synced, and verified,
// before it takes the old one's place.
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
	if w.unit.Name() != unit.Name() || w.unit.KeyHash() != unit.KeyHash() {
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

// lastValid walks to the last note that is valid, its signature included, and says how the walk
// ended: nil, errTorn or a *Damage.
func lastValid(r io.ReaderAt, size int64) (w *walk, outcome, err error) {
	for _, which := range []signatures{lastOne, goodOnes} {
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
		err = w.proved()
		if err == nil || !errors.As(err, &damage) {
			return w, outcome, err
		}
		// The last note agrees, but its signature is wrong. The second time, look at each signature
		// for the last one that is good.
	}
	return w, nil, err
}

// copyTo copies the file up to its last good note, and returns an appender that goes on behind
// that. The copy is walked as it is made: what is written, and not what was there before, is what
// the unit will sign.
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

// copying is a file that is copied as it is read: from front to back, each byte once.
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

// beyond reports whether there are notes with the recording's good signature behind the last one
// that is kept, wherever they stand. Where there are too many to try, it says yes: in doubt the old
// file is kept.
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
		if signedHere(found, w.own, w.head.Origin()) {
			return true, nil
		}
		if tries++; tries > beyondTries {
			return true, nil
		}
		at++
	}
	return false, nil
}

// signedHere reports whether b begins with a good note of origin's.
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
