package recording

import (
	"bytes"
	"crypto/sha256"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A survey reads a damaged recording from one end to the other: it says what is wrong where, and
// finds every segment that may be saved. Unlike a walk it goes on behind damage, and checks each
// note's signature.
//
// Behind a member that was altered the tree is not known any more, so what follows can't be proved,
// until a signed note comes whose number of leaves is a power of two: its root is all there is to
// know of the tree up to there.
type survey struct {
	scanner
	head     Head
	headRead bool
	stanzas  []string          // in key.age
	headSum  [sha256.Size]byte // of the recording.json that head was read from
	unit     note.Verifier     // nil if recording.json can't be read
	own      note.Verifier
	end      End

	begun   int64 // where the content of the last member began that was read
	tree    tree
	known   bool     // whether tree is what was signed
	since   []member // members behind the last note, while the tree is known: four at most
	highest int64    // the last segment's number
	doubts  int64    // the first segment that can't be proved; 0 if there is none
	good    mark     // the last note before the first damage
	broken  bool     // whether there was damage to what notes cover

	into    *contents // nil for Verify
	segment int       // index in into.segments of the one since the last note; -1 without one
	rep     *Report
}

// newSurvey prepares a survey of a file.
func newSurvey(w window, rep *Report, into *contents) (*survey, error) {
	s := &survey{rep: rep, known: true, into: into, segment: -1}
	s.window = w
	return s, s.readHead()
}

// run surveys the file and fills in the report.
func (s *survey) run() error {
	for s.next < s.size && s.last.kind != kindEndNote {
		m, err := s.read()
		if err != nil {
			return err
		}
		if m == nil {
			continue
		}
		s.place(m)
	}
	s.behind()
	return nil
}

// read reads the member at s.next, and moves on. It returns nil where there is none.
func (s *survey) read() (*member, error) {
	m := &member{at: s.next}
	if s.headers == nil || s.size-m.at < blockSize {
		s.rep.add(*s.damage(m.at, "%d bytes that are no member", s.size-m.at))
		s.next = s.size
		return nil, nil
	}
	block, err := s.view(m.at, blockSize)
	if err != nil {
		return nil, err
	}
	if !s.exact(m, block) {
		if ok, err := s.nearly(m, bytes.Clone(block)); err != nil {
			return nil, err
		} else if !ok {
			if s.next, err = s.lost(m.at); s.next < 0 {
				s.next = s.size
			}
			return nil, err
		}
	}
	s.begun = m.content()
	if s.next = min(m.end(), s.size); m.content()+m.size > s.size {
		s.rep.add(*m.damage("the file ends in the middle of it"))
		return nil, nil
	}
	padding, err := s.hash(m)
	if err == nil && !allZero(padding) {
		s.rep.add(*m.damage("the padding behind it is not zero"))
	}
	return m, err
}

// place finds a member's place in the recording and in the tree.
func (s *survey) place(m *member) {
	candidate := s.into.collect(m, s.content)
	if m.rank() <= s.last.rank() {
		what := "it stands out of its place"
		if m.name == s.last {
			what = "it stands twice"
		}
		s.rep.add(*m.damage("%s", what))
		return // the tree goes on without it
	}
	if !s.last.precedes(m.name) {
		s.missing(m)
	}
	s.last, s.highest = m.name, max(s.highest, int64(m.n))
	switch m.kind {
	case kindHeadNote, kindNote, kindEndNote:
		s.note(m)
		return
	case kindHead:
		s.adopt(m)
	case kindKey:
		s.stanzas = stanzasOf(s.content)
	case kindEndJSON:
		s.end, _ = parseEnd(s.content)
	case kindSegment:
		s.segment = candidate
	}
	if s.known {
		s.tree.add(leafHash(m.name, m.sum))
		s.since = append(s.since, *m)
	}
}

// adopt takes the head from the recording.json that goes into the tree, if it isn't that from which
// it was taken before: what is proved is what is in the tree.
func (s *survey) adopt(m *member) {
	if m.sum == s.headSum {
		return
	}
	if err := s.takeHead(s.content); err != nil {
		s.rep.add(*m.damage("it can't be read: %v", err))
		s.lose(AtHead)
	}
}

// takeHead reads recording.json.
func (s *survey) takeHead(text []byte) error {
	head, err := parseHead(text)
	if err != nil {
		return err
	}
	unit, own, err := head.verifiers()
	if err != nil {
		return err
	}
	headers, err := newHeaders(head.Started.Unix())
	if err != nil {
		return err
	}
	s.head, s.headRead, s.headSum, s.headers = head, true, sha256.Sum256(text), headers
	s.unit, s.own = unit, own
	return nil
}

// missing reports what should stand between the last member and m.
func (s *survey) missing(m *member) {
	lost := s.last.after()[0]
	d := Damage{Member: lost.String(), Second: lost.second(), Offset: m.at, What: "it is missing"}
	if lost.kind == kindSegment && m.n > lost.n || lost.n > 0 && m.n > lost.n+1 {
		d.Member, d.Last = "", int64(m.n)-1
	}
	s.rep.add(d)
	s.lose(max(d.Second, d.Last))
}

// lose gives the tree up: what was signed from here on isn't known.
func (s *survey) lose(second int64) {
	s.known, s.broken = false, true
	if s.doubts == 0 {
		s.doubts = second + 1
	}
}

// note checks a note, and with it what stands between it and the last one.
func (s *survey) note(m *member) {
	msg, key := s.content, s.own
	if m.kind == kindHeadNote || m.kind == kindEndNote && s.end.Reason == InterruptedBy {
		key = s.unit
	}
	said, noteErr := checkpoint{}, errNoteKey
	if key != nil {
		said, noteErr = openNote(msg, key, s.head.Origin())
	}
	leaf := leafHash(m.name, m.sum)
	if s.known {
		mine := checkpoint{s.head.Origin(), s.tree.size, s.tree.root()}
		switch {
		case noteErr == nil && said == mine:
			s.prove(m, said)
		case noteErr == nil && s.withReadMe(said):
			s.prove(m, said)
		case noteErr == nil:
			s.blame(m, said.leaves-mine.leaves)
			s.lose(s.highest)
		default:
			whole := restore(msg, key, &mine)
			if whole == nil {
				s.rep.add(*m.damage("%v", noteErr))
				s.lose(s.highest)
				break
			}
			// What was found is what was signed. The note's text alone is wrong, and what it was is
			// known.
			s.rep.add(*m.damage("its text was altered"))
			s.prove(m, mine)
			s.broken = true
			leaf = leafHash(m.name, sha256.Sum256(whole))
		}
	} else if noteErr != nil {
		s.rep.add(*m.damage("%v", noteErr))
	}
	if !s.known && noteErr == nil && s.rep.HeadProved && s.tree.resume(said.leaves, said.root) {
		s.known = true
		s.endDoubts(int64(m.n))
	}
	if s.known {
		s.tree.add(leaf)
	}
	s.since, s.segment = s.since[:0], -1
}

// prove counts what stands before a note as proved.
func (s *survey) prove(m *member, said checkpoint) {
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
	if !s.broken {
		s.good = mark{note: *m, segments: int64(m.n), covered: said}
	}
}

// withReadMe tries whether the head is as it was signed but for READ-ME.txt, which is known: then
// nothing else is lost.
func (s *survey) withReadMe(said checkpoint) bool {
	if s.last.kind != kindHeadNote || len(s.since) != 4 {
		return false
	}
	var t tree
	for i, m := range s.since {
		if i == 0 {
			m.sum = sha256.Sum256(readMe(&s.head))
		}
		t.add(leafHash(m.name, m.sum))
	}
	if t.size != said.leaves || t.root() != said.root {
		return false
	}
	s.rep.add(*s.since[0].damage("its content was altered"))
	s.tree = t
	return true
}

// restore returns the note over mine that has msg's signature, nil if that is not what was signed.
func restore(msg []byte, key note.Verifier, mine *checkpoint) []byte {
	if key == nil {
		return nil
	}
	i := bytes.LastIndex(msg, []byte("\n"+signaturePrefix))
	if i < 0 {
		return nil
	}
	whole := append(append(mine.append(nil), '\n'), msg[i+1:]...)
	if _, err := openNote(whole, key, mine.origin); err != nil {
		return nil
	}
	return whole
}

// blame reports that the members before a good note are not what it covers. more is how many leaves
// it has beyond those that were found.
func (s *survey) blame(m *member, more int64) {
	var names []string
	for _, b := range s.since {
		names = append(names, b.name.String())
	}
	d := m.damage("")
	d.Member = strings.Join(names, " or ")
	if len(s.since) > 0 {
		d.Offset = s.since[0].at
	}
	switch {
	case more > 0:
		d.What = "a member is missing here"
	case more < 0:
		d.What = "there is a member too many here"
	default:
		d.What = "its content was altered"
	}
	s.rep.add(*d)
}

// endDoubts reports the segments that could not be proved, up to last.
func (s *survey) endDoubts(last int64) {
	if s.doubts > 0 && last >= s.doubts {
		s.rep.add(Damage{Second: s.doubts, Last: last, Offset: s.next, What: "not provable, after the damage before"})
	}
	s.doubts = 0
}

// behind looks at what stands behind the last member.
func (s *survey) behind() {
	s.endDoubts(s.highest)
	if s.last.kind != kindEndNote {
		d := s.damage(s.size, "the recording has no end")
		s.rep.add(*d)
		return
	}
	switch err := s.scanner.end().(type) {
	case nil:
	case *Damage:
		s.rep.add(*err)
	default:
		s.rep.add(*s.damage(s.next, "the two zero blocks at the end are missing"))
	}
}
