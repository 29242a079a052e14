package recording

import (
	"bytes"
	"iter"
)

// This file is how a survey reads on where a scanner stops.

// magic stands in every header, at magicAt.
var magic = []byte("ustar\x0000")

// mostlyBytes is how many bytes of a header may differ for it still to be taken for the one that
// should stand there: a whole number field, and its checksum.
const mostlyBytes = 24

// places are those in b where a header may begin: each block and then, since bytes that were added
// or lost may have moved all behind them, as many of those others from which a header's magic
// stands where it should.
func places(b []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		tries := 0
		for at := 0; at < len(b); at, tries = at+blockSize, tries+1 {
			if !yield(at) {
				return
			}
		}
		for at := magicAt; at < len(b) && tries > 0; at++ {
			i := bytes.Index(b[at:], magic)
			if i < 0 {
				return
			}
			if at += i; (at-magicAt)%blockSize == 0 {
				continue
			}
			if tries--; !yield(at - magicAt) {
				return
			}
		}
	}
}

// readHead looks for recording.json near the beginning, whatever stands before it, and takes the
// members' time from it.
func (s *survey) readHead() error {
	begin, err := s.view(0, min(s.size, windowSize))
	if err != nil {
		return err
	}
	for at := range places(begin) {
		if at+2*blockSize > len(begin) {
			continue
		}
		n, ok := headerName(begin[at:])
		if !ok || n.kind != kindHead {
			continue
		}
		size, ok := octal(begin[at+sizeAt : at+mtimeAt])
		if !ok || size > MaxJSON || at+blockSize+int(size) > len(begin) {
			continue
		}
		if s.takeHead(begin[at+blockSize:][:size]) == nil {
			return nil
		}
	}
	return s.readTime()
}

// readTime takes the members' time from the first header that is one of ours, where there is no
// recording.json to tell it.
func (s *survey) readTime() error {
	for at := int64(0); ; at++ {
		var err error
		if at, err = s.search(at); err != nil || at < 0 {
			return err
		}
		block, err := s.view(at, blockSize)
		if err != nil {
			return err
		}
		mtime, ok := octal(block[mtimeAt:sumAt])
		if !ok {
			continue
		}
		if s.headers, err = newHeaders(mtime); err == nil && s.exact(&member{}, block) {
			return nil
		}
		s.headers = nil
	}
}

// search returns where the next block begins, at from or behind it, that has a header's magic; -1
// if there is none. Bytes that were added or lost may have moved it, so it looks at every byte.
func (s *survey) search(from int64) (int64, error) {
	for at := from + magicAt; at+int64(len(magic)) <= s.size; {
		b, err := s.rest(at, int64(len(magic)))
		if err != nil {
			return -1, err
		}
		if i := bytes.Index(b, magic); i >= 0 {
			if at += int64(i) - magicAt; at+blockSize <= s.size {
				return at, nil
			}
			return -1, nil
		}
		at += int64(len(b) - len(magic) + 1)
	}
	return -1, nil
}

// exact reports whether block is a header that we would write, and says whose.
func (s *survey) exact(m *member, block []byte) bool {
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

// nearly takes block for the header that should stand here, if it is that one but for some bytes,
// and if the next member begins where it says.
func (s *survey) nearly(m *member, block []byte) (bool, error) {
	size, ok := octal(block[sizeAt:mtimeAt])
	if !ok || size == 0 {
		return false, nil
	}
	fewest, field := mostlyBytes+1, ""
	for _, n := range s.last.after() {
		var want [blockSize]byte
		s.headers.put(&want, n, size)
		if d := differences(block, want[:]); d < fewest && size <= n.kind.limit() {
			fewest, field = d, firstDifference(block, want[:])
			m.name, m.size = n, size
		}
	}
	if fewest > mostlyBytes {
		return false, nil
	}
	if follows, err := s.headerAt(m.end()); err != nil || !follows {
		return false, err
	}
	s.rep.add(*m.damage("its header differs in the %s", field))
	return true, nil
}

func differences(a, b []byte) int {
	n := 0
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// headerAt reports whether a header, or the archive's end, stands at at.
func (s *survey) headerAt(at int64) (bool, error) {
	if at+blockSize > s.size {
		return at <= s.size, nil
	}
	block, err := s.view(at, blockSize)
	if err != nil {
		return false, err
	}
	return allZero(block) || bytes.Equal(block[magicAt:][:len(magic)], magic), nil
}

// lost looks for the next header of ours near at or behind it, where none stands. It begins less
// than a block before, where the last member ends if it has lost some bytes.
func (s *survey) lost(at int64) (next int64, err error) {
	for next = max(s.begun, at-blockSize+1); ; next++ {
		if next, err = s.search(next); err != nil {
			return -1, err
		}
		if next < 0 {
			s.rep.add(*s.damage(at, "%d bytes to the end of the file that are no member", s.size-at))
			return -1, nil
		}
		block, err := s.view(next, blockSize)
		if err != nil {
			return -1, err
		}
		switch {
		case !s.exact(&member{}, block):
			continue
		case next < at:
			s.rep.add(*s.damage(next, "%d bytes are missing before it", at-next))
		default:
			s.rep.add(*s.damage(at, "%d bytes that are no member", next-at))
		}
		return next, nil
	}
}
