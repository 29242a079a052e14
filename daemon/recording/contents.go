package recording

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
)

// contents is what Open needs of a file: the small sealed members, and the positions of the
// segments. A nil contents collects nothing.
type contents struct {
	key, consent, closing []byte
	segments              []foundSegment // at most MaxSegments
}

// foundSegment is a segment of a file.
type foundSegment struct {
	n      int32
	proved bool  // by a note
	at     int64 // offset of its content
	size   int64
	sum    [sha256.Size]byte // of its content, which must be the same when it is opened
}

// collect keeps what Open needs of a member. content is the bytes that were hashed. For a segment
// collect returns its index, otherwise -1.
func (c *contents) collect(m *member, content []byte) int {
	if c == nil {
		return -1
	}
	var small *[]byte
	switch m.kind {
	case kindKey:
		small = &c.key
	case kindConsent:
		small = &c.consent
	case kindEndAge:
		small = &c.closing
	case kindSegment:
		if len(c.segments) == MaxSegments {
			return -1
		}
		c.segments = append(c.segments, foundSegment{n: m.n, at: m.content(), size: m.size, sum: m.sum})
		return len(c.segments) - 1
	default:
		return -1
	}
	if *small == nil { // a damaged file may have several; the first counts
		*small = bytes.Clone(content)
	}
	return -1
}

// proved marks the segments up to number last as proved.
func (c *contents) proved(last int64) {
	if c == nil {
		return
	}
	for i := range c.segments {
		c.segments[i].proved = int64(c.segments[i].n) <= last
	}
}

// inOrder returns the segments sorted by number; of those with the same number, a proved one first.
func (c *contents) inOrder() []foundSegment {
	slices.SortStableFunc(c.segments, func(a, b foundSegment) int {
		if a.n == b.n && a.proved != b.proved {
			return map[bool]int{true: -1, false: 1}[a.proved]
		}
		return cmp.Compare(a.n, b.n)
	})
	return c.segments
}
