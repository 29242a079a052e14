package recording

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
)

// contents is what Open needs of a file: the small sealed members, and where the segments are. A
// nil one collects nothing.
type contents struct {
	key, consent, closing []byte
	segments              []found // no more than MaxSegments
}

// found is a segment of a file.
type found struct {
	n      int32
	proved bool // a note proves it
	at     int64
	size   int64
	sum    [sha256.Size]byte // of what was found: it has to be the same when it is opened
}

// collect takes what is needed of a member, which has the content that was hashed. For a segment it
// returns its index, and -1 for others.
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
		c.segments = append(c.segments, found{n: m.n, at: m.content(), size: m.size, sum: m.sum})
		return len(c.segments) - 1
	default:
		return -1
	}
	if *small == nil { // in a damaged file there may be several; the first counts
		*small = bytes.Clone(content)
	}
	return -1
}

// proved marks the segments up to the last one that a note proves.
func (c *contents) proved(last int64) {
	if c == nil {
		return
	}
	for i := range c.segments {
		c.segments[i].proved = int64(c.segments[i].n) <= last
	}
}

// inOrder returns the segments sorted by number, of the same number the proved one first.
func (c *contents) inOrder() []found {
	slices.SortStableFunc(c.segments, func(a, b found) int {
		if a.n == b.n && a.proved != b.proved {
			return map[bool]int{true: -1, false: 1}[a.proved]
		}
		return cmp.Compare(a.n, b.n)
	})
	return c.segments
}
