package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Verify reads the first size bytes of r and reports what they are, and how much of them is proved.
// It needs no identity, because it doesn't decrypt. It holds at most one member in memory.
//
// It reads each byte once. If something is wrong it reads the file again to say what, and forgets
// what seemed proved before. So whatever it reports as proved was hashed as it was read, even if
// the file changes meanwhile.
//
// An error means that reading r failed. What is wrong with the file is in the Report.
func Verify(r io.ReaderAt, size int64, o Options) (*Report, error) {
	return inspect(r, size, nil, &o)
}

// inspect is Verify; it also collects what Open needs.
func inspect(r io.ReaderAt, size int64, into *contents, o *Options) (*Report, error) {
	w := newWalk(r, size)
	w.into, w.progress = into, o.Progress
	if into != nil {
		w.signatures = sigEvery // a second is given out only if its own note is good
	}
	outcome := w.run()
	var damage *Damage
	if outcome != nil && outcome != errTorn && !errors.As(outcome, &damage) {
		return nil, outcome
	}
	rep := &Report{Head: w.head, HeadRead: w.headRead}
	if !w.good.reached() {
		// Not even recording.note: is it a recording at all?
		if why, err := foreign(&w.window); err != nil {
			return nil, err
		} else if why != "" {
			rep.Why = why
			return rep, nil
		}
		if damage == nil {
			rep.State, rep.Why = Unfinished, "it ends before recording.note: nothing of it is proved"
			return rep, nil
		}
		return diagnose(w, rep, damage, o)
	}
	if damage == nil {
		if err := w.checkLast(); err != nil && !errors.As(err, &damage) {
			return nil, err
		}
	}
	if damage != nil {
		return diagnose(w, rep, damage, o)
	}
	into.proved(w.good.segments)
	w.fill(rep, outcome, o)
	return rep, nil
}

// fill completes the report on an undamaged file. outcome is how the walk ended.
func (w *walk) fill(rep *Report, outcome error, o *Options) {
	rep.HeadProved, rep.Vouched, rep.Stanzas = true, o.vouches(w.head.UnitKey), w.stanzas
	rep.Segments, rep.Bytes = w.good.segments, w.good.note.end()
	ended := w.good.note.kind == kindEndNote
	if ended {
		rep.End = &w.end
	}
	switch {
	case outcome == errTorn && ended:
		rep.State, rep.Why = Unfinished, "the two zero blocks at its end are missing: everything before is proved"
	case outcome == errTorn && rep.Segments == 0:
		rep.State, rep.Why = Unfinished, "its head is proved, but no second of it, and it has no end"
	case outcome == errTorn:
		rep.State, rep.Why = Unfinished, fmt.Sprintf("it is proved up to second %d, and has no end", rep.Segments)
	case w.end.Reason == InterruptedBy:
		rep.State, rep.Bytes = Interrupted, w.size
	default:
		rep.State, rep.Bytes = Whole, w.size
	}
}

// foreign says why a file is not a recording at all. It returns "" for a recording or the start of
// one, however damaged.
func foreign(w *window) (why string, err error) {
	if w.size == 0 {
		return "it is empty", nil
	}
	start, err := w.view(0, min(w.size, windowSize))
	if err != nil {
		return "", err
	}
	heads := 0
	for _, name := range []string{"recording.json\x00", "key.age\x00", "recording.note\x00"} {
		at := bytes.Index(start, []byte(name))
		if at < 0 {
			continue
		}
		heads++
		content := start[min(at+blockSize, len(start)):]
		if name == "recording.json\x00" && startsWith(content, `{"format":"tacet/`) {
			return "", nil
		}
	}
	if heads > 1 {
		return "", nil
	}
	// The file may end before recording.json.
	if startsWith(start, "READ-ME.txt\x00") {
		if len(start) < blockSize {
			return "", nil
		}
		size, _ := octal(start[sizeAt:mtimeAt])
		if w.size < blockSize+padded(size)+int64(len("recording.json\x00")) {
			return "", nil
		}
	}
	return "it doesn't start as a recording does", nil
}

// startsWith reports whether b and s agree as far as the shorter one goes.
func startsWith(b []byte, s string) bool {
	return string(b[:min(len(b), len(s))]) == s[:min(len(b), len(s))]
}

// diagnose surveys a recording in which a walk found damage.
func diagnose(w *walk, rep *Report, first *Damage, o *Options) (*Report, error) {
	into := w.into
	if into != nil {
		*into = contents{}
	}
	s, err := newSurvey(w.window, rep, into)
	if err != nil {
		return nil, err
	}
	if err := s.run(); err != nil {
		return nil, err
	}
	if len(rep.Damages) == 0 {
		rep.add(*first)
	}
	rep.State, rep.Why = Damaged, rep.Damages[0].Error()
	rep.Head, rep.HeadRead = s.head, s.headRead
	rep.Vouched = rep.HeadProved && o.vouches(s.head.UnitKey)
	if s.good.reached() {
		rep.Segments, rep.Bytes = s.good.segments, s.good.note.end()
	}
	return rep, nil
}
