package recording

import (
	"bytes"
	"crypto/sha256"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// This file is what a survey concludes from a note.

// note checks a note, and with it the members since the one before.
func (s *survey) note(m *member) {
	msg, key := s.content, s.signingKey
	if m.kind == kindHeadNote || m.kind == kindEndNote && s.end.Reason == InterruptedBy {
		key = s.unitKey
	}
	signed, noteErr := checkpoint{}, errNoteKey
	if key != nil {
		signed, noteErr = openNote(msg, key, s.head.Origin())
	}
	leaf := leafHash(m.name, m.sum)
	if s.treeKnown {
		computed := checkpoint{s.head.Origin(), s.tree.size, s.tree.root()}
		switch {
		case noteErr == nil && (signed == computed || s.matchesWithReadMe(signed)):
			s.markProved(m, signed)
		case noteErr == nil:
			s.reportAltered(m, signed.leaves-computed.leaves)
			s.loseTree(s.lastSegment)
		default:
			restored := restoreNote(msg, key, &computed)
			if restored == nil {
				s.rep.add(*m.damage("%v", noteErr))
				s.loseTree(s.lastSegment)
				break
			}
			// Only the note's text is wrong: the signature fits what was found, so the original
			// text is known.
			s.rep.add(*m.damage("its text was altered"))
			s.markProved(m, computed)
			s.damaged = true
			leaf = leafHash(m.name, sha256.Sum256(restored))
		}
	} else if noteErr != nil {
		s.rep.add(*m.damage("%v", noteErr))
	}
	if !s.treeKnown && noteErr == nil && s.rep.HeadProved && s.tree.resume(signed.leaves, signed.root) {
		s.treeKnown = true
		s.reportUnproved(int64(m.n))
	}
	if s.treeKnown {
		s.tree.add(leaf)
	}
	s.sinceNote, s.segment = s.sinceNote[:0], -1
}

// markProved counts the members before note m as proved.
func (s *survey) markProved(m *member, covered checkpoint) {
	if s.segment >= 0 {
		s.into.segments[s.segment].proved = true
	}
	switch m.kind {
	case kindHeadNote:
		s.rep.HeadProved, s.rep.Stanzas = true, s.stanzas
	case kindEndNote:
		s.rep.End = &s.end
		return
	}
	if !s.damaged {
		s.good = mark{note: *m, segments: int64(m.n), covered: covered}
	}
}

// matchesWithReadMe reports whether the head is what was signed once READ-ME.txt, whose text is
// known, is put right. Then the rest of the head is proved.
func (s *survey) matchesWithReadMe(signed checkpoint) bool {
	if s.last.kind != kindHeadNote || len(s.sinceNote) != 4 {
		return false
	}
	var t tree
	for i, m := range s.sinceNote {
		if i == 0 {
			m.sum = sha256.Sum256(readMe(&s.head))
		}
		t.add(leafHash(m.name, m.sum))
	}
	if t.size != signed.leaves || t.root() != signed.root {
		return false
	}
	s.rep.add(*s.sinceNote[0].damage("its content was altered"))
	s.tree = t
	return true
}

// restoreNote returns a note with the text of computed and the signature of msg, or nil if the
// signature doesn't fit that text.
func restoreNote(msg []byte, key note.Verifier, computed *checkpoint) []byte {
	if key == nil {
		return nil
	}
	i := bytes.LastIndex(msg, []byte("\n"+signaturePrefix))
	if i < 0 {
		return nil
	}
	restored := append(append(computed.append(nil), '\n'), msg[i+1:]...)
	if _, err := openNote(restored, key, computed.origin); err != nil {
		return nil
	}
	return restored
}

// reportAltered reports that the members since the last note are not what the good note m covers.
// more is how many leaves m covers beyond those found.
func (s *survey) reportAltered(m *member, more int64) {
	var names []string
	for _, b := range s.sinceNote {
		names = append(names, b.name.String())
	}
	d := m.damage("")
	d.Member = strings.Join(names, " or ")
	if len(s.sinceNote) > 0 {
		d.Offset = s.sinceNote[0].at
	}
	switch {
	case more > 0:
		d.What = "a member is missing here"
	case more < 0:
		d.What = "there is one member too many here"
	default:
		d.What = "its content was altered"
	}
	s.rep.add(*d)
}
