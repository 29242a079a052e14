package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// This file checks a part of a recording: FORMAT.md, "Proving a part".

// MaxLeaves limits the text of a recording's leaves, in bytes. Twelve hours take at most 10 MB.
const MaxLeaves = 16 << 20

// Evidence is what a part of a recording has to show: the names and hashes of all members, and what
// signs them.
type Evidence struct {
	Leaves   []byte // a line "SHA256  NAME" for each member before Note, in order
	Head     []byte // content of recording.json
	HeadNote []byte // content of recording.note
	End      []byte // content of end.json; nil if the recording has no end
	Note     []byte // content of end.note or, without an end, of the note after the last segment
}

// A Proof is what evidence proves.
type Proof struct {
	Head     Head
	End      *End  // nil if the recording has no end, or none that is proved
	Segments int64 // up to the note
	sums     map[string][sha256.Size]byte
}

// Sum returns the SHA-256 of a member's content.
func (p *Proof) Sum(name string) (sum [sha256.Size]byte, ok bool) {
	sum, ok = p.sums[name]
	return sum, ok
}

// Samples returns the recording's length: without an end a second for each segment.
func (p *Proof) Samples() int64 {
	if p.End != nil {
		return p.End.Samples
	}
	return p.Segments * int64(p.Head.Audio.Rate)
}

// Lines parses the text of leaves, without proving anything. It accepts only what a recording's
// leaves may be: each line in one spelling, names in an order that FORMAT.md allows, up to the
// closing note. It returns the closing note's name.
func (p *Proof) Lines(text []byte) (note string, err error) {
	_, last, err := p.lines(text)
	return last.String(), err
}

// A leaf is a member in the tree.
type leaf struct {
	name
	sum [sha256.Size]byte
}

func (p *Proof) lines(text []byte) (list []leaf, closing name, err error) {
	if len(text) > MaxLeaves {
		return nil, closing, fmt.Errorf("%d bytes, more than the limit of %d", len(text), MaxLeaves)
	}
	p.sums = make(map[string][sha256.Size]byte, len(text)/70)
	var last name
	for line := range bytes.Lines(text) {
		l, ok := parseLeaf(line)
		if !ok || !last.precedes(l.name) {
			return nil, closing, fmt.Errorf("line %d is not the hash of %s", len(list)+1, last.expected())
		}
		list, last = append(list, l), l.name
		p.sums[l.String()] = l.sum
		p.Segments = max(p.Segments, int64(l.n))
	}
	switch last.kind {
	case kindEndJSON:
		return list, name{kind: kindEndNote}, nil
	case kindSegment:
		return list, name{kindNote, last.n}, nil
	}
	return nil, closing, errors.New("it ends with neither a segment nor end.json")
}

// parseLeaf parses a line as sha256sum writes it. It accepts one spelling.
func parseLeaf(line []byte) (l leaf, ok bool) {
	const digits = 2 * sha256.Size
	if len(line) < digits+4 || string(line[digits:digits+2]) != "  " || line[len(line)-1] != '\n' ||
		bytes.ContainsAny(line[:digits], "ABCDEF") {
		return l, false
	}
	if _, err := hex.Decode(l.sum[:], line[:digits]); err != nil {
		return l, false
	}
	l.name, ok = parseName(line[digits+2 : len(line)-1])
	return l, ok
}

// append writes the line of a leaf.
func (l *leaf) append(dst []byte) []byte {
	dst = hex.AppendEncode(dst, l.sum[:])
	dst = append(dst, "  "...)
	return append(l.name.append(dst), '\n')
}

// Prove checks evidence: that the unit signed the start of the tree, and the recording's key, or
// after a power cut the unit, all of it; and that the head and the end are the tree's. An error
// says what is wrong, and begins with a member's name.
func (e *Evidence) Prove() (*Proof, error) {
	p := &Proof{}
	list, closing, err := p.lines(e.Leaves)
	if err != nil {
		return nil, fmt.Errorf("leaves: %w", err)
	}
	if p.Head, err = parseHead(e.Head); err != nil {
		return nil, fmt.Errorf("recording.json: it can't be read: %w", err)
	}
	unit, own, err := p.Head.verifiers()
	if err != nil {
		return nil, fmt.Errorf("recording.json: %w", err)
	}
	for _, m := range []struct {
		name    string
		content []byte
	}{{"recording.json", e.Head}, {"recording.note", e.HeadNote}, {"end.json", e.End}} {
		if sum, there := p.sums[m.name]; there != (m.content != nil) || there && sum != sha256.Sum256(m.content) {
			return nil, fmt.Errorf("%s: it is not the one that is in leaves", m.name)
		}
	}
	var t tree
	var before checkpoint // of the last note that is a leaf
	for _, l := range list {
		switch l.kind {
		case kindHeadNote, kindNote:
			before = checkpoint{p.Head.Origin(), t.size, t.root()}
			if l.kind == kindHeadNote {
				if err := openExactly(e.HeadNote, unit, &before); err != nil {
					return nil, fmt.Errorf("recording.note: %w", err)
				}
			}
		}
		t.add(leafHash(l.name, l.sum))
	}
	signer := own
	if e.End != nil {
		if signer, err = p.takeEnd(e.End, &before, unit, own); err != nil {
			return nil, fmt.Errorf("end.json: %w", err)
		}
	}
	if err := openExactly(e.Note, signer, &checkpoint{p.Head.Origin(), t.size, t.root()}); err != nil {
		return nil, fmt.Errorf("%v: %w", closing, err)
	}
	return p, nil
}

// openExactly checks that a note is the signed checkpoint want.
func openExactly(msg []byte, key note.Verifier, want *checkpoint) error {
	c, err := openNote(msg, key, want.origin)
	if err == nil && c != *want {
		err = errors.New("it doesn't match the hashes in leaves")
	}
	return err
}

// takeEnd reads end.json, and returns the key that must have signed end.note.
func (p *Proof) takeEnd(text []byte, before *checkpoint, unit, own note.Verifier) (note.Verifier, error) {
	end, err := parseEnd(text)
	if err != nil {
		return nil, fmt.Errorf("it can't be read: %w", err)
	}
	_, acts := p.sums[fixedNames[kindEndAge]]
	switch {
	case !acts && end.Reason != InterruptedBy:
		return nil, fmt.Errorf("the reason is %q, but end.age is missing", end.Reason)
	case acts && end.Reason == InterruptedBy:
		return nil, fmt.Errorf("the reason is %q, but there is an end.age", end.Reason)
	case !acts && end.Last != string(before.append(nil)):
		return nil, errors.New("it names a last checkpoint other than the one before it")
	}
	p.End = &end
	if end.Reason == InterruptedBy {
		return unit, nil
	}
	return own, nil
}

// SegmentName returns the name of a segment's member: NNNNNN and an ending, age, json or note.
func SegmentName(n int64, ending string) string {
	return fmt.Sprintf("%06d.%s", n, ending)
}
