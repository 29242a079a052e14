package recording

import (
	"bytes"
	"crypto/sha256"

	"golang.org/x/mod/sumdb/note"
)

// A survey reads a damaged recording to its end: it reports what is wrong where, and finds every
// segment that may be saved. Unlike a walk it continues after damage, and checks each note's
// signature.
//
// After an altered member the tree is unknown, and nothing more can be proved until a good note
// covers a power of two leaves: its root is then the whole state of the tree.
type survey struct {
	scanner
	head       Head
	headRead   bool
	stanzas    []string          // in key.age
	headSum    [sha256.Size]byte // of the recording.json that head was read from
	unitKey    note.Verifier     // nil if recording.json can't be read
	signingKey note.Verifier     // the recording's; nil likewise
	end        End

	tree          tree
	treeKnown     bool     // whether tree is what was signed
	sinceNote     []member // members after the last note, while the tree is known: four at most
	lastSegment   int64    // number of the last segment
	firstUnproved int64    // number of the first segment that can't be proved; 0 if there is none
	good          mark     // the last good note before the first damage
	damaged       bool     // whether anything that notes cover was damaged

	into    *contents // nil for Verify
	segment int       // index in into.segments of the segment since the last note, or -1
	rep     *Report
}

// newSurvey prepares a survey of a file.
func newSurvey(w window, rep *Report, into *contents) (*survey, error) {
	s := &survey{rep: rep, treeKnown: true, into: into, segment: -1}
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
	s.checkEnd()
	return nil
}

// read reads the member at s.next and advances. It returns nil if there is none.
func (s *survey) read() (*member, error) {
	m := &member{at: s.next}
	if s.headers == nil || s.size-m.at < blockSize {
		s.rep.add(*s.damage(m.at, "%d bytes that belong to no member", s.size-m.at))
		s.next = s.size
		return nil, nil
	}
	block, err := s.view(m.at, blockSize)
	if err != nil {
		return nil, err
	}
	if !s.isHeader(m, block) {
		if ok, err := s.isNearlyHeader(m, bytes.Clone(block)); err != nil {
			return nil, err
		} else if !ok {
			s.next, err = s.resync(m.at)
			return nil, err
		}
	}
	if s.next = min(m.end(), s.size); m.content()+m.size > s.size {
		s.rep.add(*m.damage("the file ends in the middle of it"))
		return nil, nil
	}
	padding, err := s.hash(m)
	if err == nil && !allZero(padding) {
		s.rep.add(*m.damage("the padding after it is not zero"))
	}
	return m, err
}

// place finds where a member belongs in the recording and in the tree.
func (s *survey) place(m *member) {
	candidate := s.into.collect(m, s.content)
	if m.rank() <= s.last.rank() {
		what := "it is out of order"
		if m.name == s.last {
			what = "it is there twice"
		}
		s.rep.add(*m.damage("%s", what))
		return // the tree goes on without it
	}
	if !s.last.precedes(m.name) {
		s.missing(m)
	}
	s.last, s.lastSegment = m.name, max(s.lastSegment, int64(m.n))
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
	if s.treeKnown {
		s.tree.add(leafHash(m.name, m.sum))
		s.sinceNote = append(s.sinceNote, *m)
	}
}

// adopt takes the head from the recording.json that goes into the tree, unless it is the one that
// was read before: only what is in the tree can be proved.
func (s *survey) adopt(m *member) {
	if m.sum == s.headSum {
		return
	}
	if err := s.takeHead(s.content); err != nil {
		s.rep.add(*m.damage("it can't be read: %v", err))
		s.loseTree(AtHead)
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
	s.unitKey, s.signingKey = unit, own
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
	s.loseTree(max(d.Second, d.Last))
}

// loseTree gives up the tree from a segment on: what was signed after it isn't known.
func (s *survey) loseTree(second int64) {
	s.treeKnown, s.damaged = false, true
	if s.firstUnproved == 0 {
		s.firstUnproved = second + 1
	}
}

// reportUnproved reports the segments that could not be proved, up to last.
func (s *survey) reportUnproved(last int64) {
	if s.firstUnproved > 0 && last >= s.firstUnproved {
		s.rep.add(Damage{Second: s.firstUnproved, Last: last, Offset: s.next, What: "not provable, because of the damage before"})
	}
	s.firstUnproved = 0
}

// checkEnd reports a missing end, and whatever follows end.note.
func (s *survey) checkEnd() {
	s.reportUnproved(s.lastSegment)
	if s.last.kind != kindEndNote {
		s.rep.add(*s.damage(s.size, "the recording has no end"))
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
