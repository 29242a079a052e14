package recording

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
)

// A member of a recording, and its position.
type member struct {
	name
	at   int64 // offset of its header
	size int64 // of its content
	sum  [sha256.Size]byte
}

// content is the offset of the member's content.
func (m *member) content() int64 { return m.at + blockSize }

// end is the offset of the next member.
func (m *member) end() int64 { return m.content() + padded(m.size) }

// errTorn says that the file ends in the middle of a recording. What there is of it is right.
var errTorn = errors.New("the file ends here")

// A scanner reads the members of a recording in order. It accepts only what a Sealer or Recover
// writes: no other order, and no other encoding of a header.
type scanner struct {
	window
	headers *headers // nil before the first member
	next    int64    // offset of the next header
	last    name     // of the last member

	// content is that of the last member unless it is a segment: the very bytes that were hashed,
	// valid until the next member is read.
	content []byte
}

// member reads the next member and hashes its content. It returns errTorn at the end of an
// unfinished file, and a *Damage where the file is wrong.
func (s *scanner) member() (member, error) {
	m := member{at: s.next}
	rest := s.window.size - m.at
	if rest < blockSize {
		return m, s.tornHeader(rest)
	}
	block, err := s.view(m.at, blockSize)
	if err != nil {
		return m, err
	}
	if err := s.header(&m, block); err != nil {
		return m, err
	}
	if m.content()+m.size > s.window.size {
		return m, errTorn
	}
	padding, err := s.hash(&m)
	if err != nil {
		return m, err
	}
	if !allZero(padding) {
		return m, m.damage("the padding after it is not zero")
	}
	if m.end() > s.window.size {
		return m, errTorn
	}
	s.next, s.last = m.end(), m.name
	return m, nil
}

// hash hashes a member's content and keeps it unless it is a segment. It returns the padding after
// the content, as far as the file goes.
func (s *scanner) hash(m *member) (padding []byte, err error) {
	contentEnd, end := m.content()+m.size, min(m.end(), s.window.size)
	if m.kind == kindSegment {
		s.content = nil
		if m.sum, err = s.sum(m.content(), m.size); err != nil {
			return nil, err
		}
		return s.view(contentEnd, end-contentEnd)
	}
	all, err := s.view(m.content(), end-m.content())
	if err != nil {
		return nil, err
	}
	s.content = all[:m.size]
	m.sum = sha256.Sum256(s.content)
	return all[m.size:], nil
}

// header parses a header. It must equal, byte for byte, the one that a recorder would write for a
// member that may stand here.
func (s *scanner) header(m *member, block []byte) error {
	var ok, known bool
	m.name, known = headerName(block)
	m.size, ok = octal(block[sizeAt:mtimeAt])
	if s.headers == nil {
		mtime, timeOK := octal(block[mtimeAt:sumAt])
		if !timeOK {
			return m.damageAt("its header has no time")
		}
		var err error
		if s.headers, err = newHeaders(mtime); err != nil {
			return m.damageAt("its header has no time")
		}
	}
	switch {
	case allZero(block):
		return s.damage(m.at, "zeros instead of %s", s.last.expected())
	case !known:
		return s.damage(m.at, "no valid name in the header of %s", s.last.expected())
	case !s.last.precedes(m.name):
		return s.damage(m.at, "%v instead of %s", m.name, s.last.expected())
	case !ok || m.size > m.kind.limit() || m.size == 0:
		return m.damage("the size in its header is not possible")
	}
	var want [blockSize]byte
	s.headers.put(&want, m.name, m.size)
	if !bytes.Equal(block, want[:]) {
		return m.damage("its header differs in the %s", firstDifference(block, want[:]))
	}
	return nil
}

// tornHeader checks the last bytes of a file if they are less than a header.
func (s *scanner) tornHeader(rest int64) error {
	part, err := s.view(s.next, rest)
	if err != nil {
		return err
	}
	if s.headers == nil || len(part) == 0 {
		return errTorn
	}
	for _, n := range s.last.after() {
		var want [blockSize]byte
		var size int64
		if rest > mtimeAt {
			size, _ = octal(part[sizeAt:mtimeAt])
		}
		s.headers.put(&want, n, size)
		upTo := min(rest, sizeAt)
		if rest > mtimeAt {
			upTo = rest
		}
		if bytes.Equal(part[:upTo], want[:upTo]) {
			return errTorn
		}
	}
	return s.damage(s.next, "%d bytes that are not the start of %s", rest, s.last.expected())
}

// end checks what follows end.note.
func (s *scanner) end() error {
	rest := s.window.size - s.next
	part, err := s.view(s.next, min(rest, int64(len(endBlocks))))
	if err != nil {
		return err
	}
	if !allZero(part) {
		return s.damage(s.next, "something other than the two zero blocks after end.note")
	}
	if rest < int64(len(endBlocks)) {
		return errTorn
	}
	if rest > int64(len(endBlocks)) {
		return s.damage(s.next+int64(len(endBlocks)), "%d bytes after the end", rest-int64(len(endBlocks)))
	}
	return nil
}

// damage returns damage at off, outside any member.
func (s *scanner) damage(off int64, format string, args ...any) *Damage {
	return &Damage{Second: secondAfter(s.last), Offset: off, What: fmt.Sprintf(format, args...)}
}

// secondAfter is the second to which damage after member n belongs.
func secondAfter(n name) int64 {
	if n.kind == kindNote || n.kind == kindHeadNote {
		return int64(n.n) + 1
	}
	return n.second()
}

// second is the second to which a member belongs.
func (n name) second() int64 {
	if n.kind >= kindEndAge {
		return AtEnd
	}
	return int64(n.n)
}

// damage returns damage to the member.
func (m *member) damage(format string, args ...any) *Damage {
	return &Damage{Member: m.name.String(), Second: m.second(), Offset: m.at, What: fmt.Sprintf(format, args...)}
}

// damageAt returns damage where no member is known yet.
func (m *member) damageAt(what string) *Damage { return &Damage{Offset: m.at, What: what} }

// firstDifference names the first header field in which a differs from b. The checksum differs with
// any other field, so it counts only if no other one does. b was made with a's size.
func firstDifference(a, b []byte) string {
	field := ""
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		if field = fieldOf(i); field != "checksum" {
			return field
		}
	}
	return "size or the checksum"
}
