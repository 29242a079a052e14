package recording

import "bytes"

// This file is how a survey finds the next header where a scanner would stop. Headers are looked
// for at block boundaries only.

// magic stands in every header, at magicAt.
var magic = []byte("ustar\x0000")

// maxDiffering is how many bytes of a header may be wrong for it still to be taken for the expected
// one: a whole number field, and the checksum.
const maxDiffering = 24

// readHead looks for recording.json near the start of the file, whatever stands before it, and
// takes the members' time from it.
func (s *survey) readHead() error {
	start, err := s.view(0, min(s.size, windowSize))
	if err != nil {
		return err
	}
	for at := 0; at+2*blockSize <= len(start); at += blockSize {
		n, ok := headerName(start[at:])
		if !ok || n.kind != kindHead {
			continue
		}
		size, ok := octal(start[at+sizeAt : at+mtimeAt])
		if !ok || size > MaxJSON || at+blockSize+int(size) > len(start) {
			continue
		}
		if s.takeHead(start[at+blockSize:][:size]) == nil {
			return nil
		}
	}
	return s.readTime()
}

// readTime takes the members' time from the first valid header. It stands in for recording.json
// where that can't be read.
func (s *survey) readTime() error {
	for at := int64(0); at+blockSize <= s.size; at += blockSize {
		block, err := s.view(at, blockSize)
		if err != nil {
			return err
		}
		mtime, ok := octal(block[mtimeAt:sumAt])
		if !ok || !hasMagic(block) {
			continue
		}
		if s.headers, err = newHeaders(mtime); err == nil && s.isHeader(&member{}, block) {
			return nil
		}
		s.headers = nil
	}
	return nil
}

func hasMagic(block []byte) bool { return bytes.HasPrefix(block[magicAt:], magic) }

// isHeader reports whether block is a header that a recorder would write, and fills in the member's
// name and size.
func (s *survey) isHeader(m *member, block []byte) bool {
	var sized, named bool
	m.name, named = headerName(block)
	m.size, sized = octal(block[sizeAt:mtimeAt])
	if !sized || !named || m.size == 0 || m.size > m.kind.limit() {
		return false
	}
	var want [blockSize]byte
	s.headers.put(&want, m.name, m.size)
	return bytes.Equal(block, want[:])
}

// isNearlyHeader reports whether block is the header expected here but for a few bytes, and the
// next member starts where it says. It then fills in the member's name and size, and reports the
// damage.
func (s *survey) isNearlyHeader(m *member, block []byte) (bool, error) {
	size, ok := octal(block[sizeAt:mtimeAt])
	if !ok || size == 0 {
		return false, nil
	}
	fewest, field := maxDiffering+1, ""
	for _, n := range s.last.after() {
		var want [blockSize]byte
		s.headers.put(&want, n, size)
		if d := differences(block, want[:]); d < fewest && size <= n.kind.limit() {
			fewest, field = d, firstDifference(block, want[:])
			m.name, m.size = n, size
		}
	}
	if fewest > maxDiffering {
		return false, nil
	}
	if follows, err := s.headerAt(m.end()); err != nil || !follows {
		return false, err
	}
	s.rep.add(*m.damage("its header differs in the %s", field))
	return true, nil
}

// differences counts the bytes in which a and b, of one length, differ.
func differences(a, b []byte) int {
	n := 0
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// headerAt reports whether a header, or the end of the archive, stands at at.
func (s *survey) headerAt(at int64) (bool, error) {
	if at+blockSize > s.size {
		return at <= s.size, nil
	}
	block, err := s.view(at, blockSize)
	if err != nil {
		return false, err
	}
	return allZero(block) || hasMagic(block), nil
}

// resync returns where the next valid header after at stands, and reports the bytes skipped.
// Without one it returns the file's size.
func (s *survey) resync(at int64) (next int64, err error) {
	for next = at + blockSize; next+blockSize <= s.size; next += blockSize {
		block, err := s.view(next, blockSize)
		if err != nil {
			return s.size, err
		}
		if s.isHeader(&member{}, block) {
			s.rep.add(*s.damage(at, "%d bytes that belong to no member", next-at))
			return next, nil
		}
	}
	s.rep.add(*s.damage(at, "%d bytes to the end of the file that belong to no member", s.size-at))
	return s.size, nil
}
