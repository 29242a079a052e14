package recording

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
)

// A member of a recording, and where it stands.
type member struct {
	name
	at   int64 // where its header begins
	size int64 // of its content
	sum  [sha256.Size]byte
}

// content is where the member's content begins.
func (m *member) content() int64 { return m.at + blockSize }

// end is where the next member begins.
func (m *member) end() int64 { return m.content() + padded(m.size) }

// errTorn says that the file ends where a recording goes on: what there is of it is as it should
// be.
var errTorn = errors.New("the file ends here")

// A scanner reads the members of a recording, one behind the other, and takes nothing that a Sealer
// or Recover would not have written: neither another order, nor another spelling of a header.
type scanner struct {
	window
	headers *headers // nil before the first member
	next    int64    // where the next header begins
	last    name     // of the last member

	// content is that of the last member, unless it is a segment: the very bytes that were hashed.
	// It is good until the next one.
	content []byte
}

// member reads the next member and hashes its content. It returns errTorn at the end of an
// unfinished file, and a *Damage where the file is not as it should be.
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
		return m, m.damage("the padding behind it is not zero")
	}
	if m.end() > s.window.size {
		return m, errTorn
	}
	s.next, s.last = m.end(), m.name
	return m, nil
}

// hash hashes a member's content, keeps it if it is no segment, and returns the padding behind it,
// as far as the file has it.
func (s *scanner) hash(m *member) (padding []byte, err error) {
	behind, end := m.content()+m.size, min(m.end(), s.window.size)
	if m.kind == kindSegment {
		s.content = nil
		if m.sum, err = s.sum(m.content(), m.size); err != nil {
			return nil, err
		}
		return s.view(behind, end-behind)
	}
	all, err := s.view(m.content(), end-m.content())
	if err != nil {
		return nil, err
	}
	s.content = all[:m.size]
	m.sum = sha256.Sum256(s.content)
	return all[m.size:], nil
}

// header reads a header: it has to be, byte for byte, the one that we would write for a member that
// may stand here.
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
		return s.damage(m.at, "zeros where %s should stand", s.last.expected())
	case !known:
		return s.damage(m.at, "no member's name in the header where %s should stand", s.last.expected())
	case !s.last.precedes(m.name):
		return s.damage(m.at, "%v stands where %s should", m.name, s.last.expected())
	case !ok || m.size > m.kind.limit() || m.size == 0:
		return m.damage("the size in its header is none that it can have")
	}
	var want [blockSize]byte
	s.headers.put(&want, m.name, m.size)
	if !bytes.Equal(block, want[:]) {
		return m.damage("its header differs in the %s", firstDifference(block, want[:]))
	}
	return nil
}

// tornHeader looks at the last bytes of a file that are less than a header.
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
	return s.damage(s.next, "%d bytes that are not the beginning of %s", rest, s.last.expected())
}

// end checks what stands behind end.note.
func (s *scanner) end() error {
	rest := s.window.size - s.next
	part, err := s.view(s.next, min(rest, int64(len(endBlocks))))
	if err != nil {
		return err
	}
	if !allZero(part) {
		return s.damage(s.next, "something else than the two zero blocks behind end.note")
	}
	if rest < int64(len(endBlocks)) {
		return errTorn
	}
	if rest > int64(len(endBlocks)) {
		return s.damage(s.next+int64(len(endBlocks)), "%d bytes behind the end", rest-int64(len(endBlocks)))
	}
	return nil
}

// damage is damage at off, which is no member's.
func (s *scanner) damage(off int64, format string, args ...any) *Damage {
	return &Damage{Second: secondAfter(s.last), Offset: off, What: fmt.Sprintf(format, args...)}
}

// secondAfter is the second to which damage behind a member belongs.
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

// damage is damage to the member.
func (m *member) damage(format string, args ...any) *Damage {
	return &Damage{Member: m.name.String(), Second: m.second(), Offset: m.at, What: fmt.Sprintf(format, args...)}
}

// damageAt is damage where there is no member yet.
func (m *member) damageAt(what string) *Damage { return &Damage{Offset: m.at, What: what} }

// firstDifference names the header field in which a differs first from b, which was made with a's
// size. The checksum differs with any other field.
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
	// The header to compare with was made with the size that this one has.
	return "size or the checksum"
}
