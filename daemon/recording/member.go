package recording

import (
	"fmt"
	"strconv"
)

// A kind is what a member is for. Kinds are in file order; the three of a segment repeat.
type kind uint8

const (
	noKind kind = iota
	kindReadMe
	kindHead
	kindKey
	kindConsent
	kindHeadNote
	kindHappening // NNNNNN.json
	kindSegment   // NNNNNN.age
	kindNote      // NNNNNN.note
	kindEndAge
	kindEndJSON
	kindEndNote
)

// Limits on what a recording may hold. A reader allocates no more than these, whatever a file says.
const (
	MaxSegments = 999_999 // eleven and a half days
	MaxSegment  = 4 << 20 // bytes of a sealed segment
	MaxJSON     = 64 << 10
	maxSealed   = 256 << 10 // key.age, consent.age, end.age
	maxNote     = 1 << 10
)

// nameLength is the length of the longest member name.
const nameLength = len("recording.json")

// fixedNames holds the names of members without a number.
var fixedNames = [...]string{
	kindReadMe:   "READ-ME.txt",
	kindHead:     "recording.json",
	kindKey:      "key.age",
	kindConsent:  "consent.age",
	kindHeadNote: "recording.note",
	kindEndAge:   "end.age",
	kindEndJSON:  "end.json",
	kindEndNote:  "end.note",
}

// A name is a member's name: its kind and, for a segment's members, the segment's number from 1.
type name struct {
	kind kind
	n    int32
}

func (n name) append(dst []byte) []byte {
	if n.n == 0 {
		return append(dst, fixedNames[n.kind]...)
	}
	var digits [6]byte
	for i, v := len(digits)-1, n.n; i >= 0; i, v = i-1, v/10 {
		digits[i] = byte('0' + v%10)
	}
	dst = append(dst, digits[:]...)
	switch n.kind {
	case kindHappening:
		return append(dst, ".json"...)
	case kindSegment:
		return append(dst, ".age"...)
	default:
		return append(dst, ".note"...)
	}
}

func (n name) String() string { return string(n.append(nil)) }

// parseName parses a member's name. It accepts only what append writes.
func parseName(s []byte) (name, bool) {
	if len(s) > 7 && s[6] == '.' && s[0] >= '0' && s[0] <= '9' {
		v, err := strconv.ParseUint(string(s[:6]), 10, 32)
		if err != nil || v == 0 {
			return name{}, false
		}
		switch string(s[7:]) {
		case "json":
			return name{kindHappening, int32(v)}, true
		case "age":
			return name{kindSegment, int32(v)}, true
		case "note":
			return name{kindNote, int32(v)}, true
		}
		return name{}, false
	}
	for k, fixed := range fixedNames {
		if fixed != "" && string(s) == fixed {
			return name{kind: kind(k)}, true
		}
	}
	return name{}, false
}

// limit returns the maximum content size in bytes of a member of this kind.
func (k kind) limit() int64 {
	switch k {
	case kindReadMe, kindHead, kindHappening, kindEndJSON:
		return MaxJSON
	case kindSegment:
		return MaxSegment
	case kindHeadNote, kindNote, kindEndNote:
		return maxNote
	default:
		return maxSealed
	}
}

// precedes reports whether next may follow n directly. The zero name stands before the first
// member.
func (n name) precedes(next name) bool {
	switch n.kind {
	case noKind:
		return next.kind == kindReadMe
	case kindReadMe, kindHead, kindKey, kindConsent, kindEndAge, kindEndJSON:
		return next.kind == n.kind+1
	case kindHeadNote, kindNote:
		return next.n == n.n+1 && (next.kind == kindHappening || next.kind == kindSegment) ||
			next.kind == kindEndAge || next.kind == kindEndJSON
	case kindHappening, kindSegment:
		return next.n == n.n && next.kind == n.kind+1
	}
	return false
}

// after returns the members that may follow n directly, likeliest first.
func (n name) after() []name {
	switch n.kind {
	case kindHeadNote, kindNote:
		if n.n == MaxSegments {
			return []name{{kind: kindEndAge}, {kind: kindEndJSON}}
		}
		return []name{{kindSegment, n.n + 1}, {kindHappening, n.n + 1}, {kind: kindEndAge}, {kind: kindEndJSON}}
	case kindEndNote:
		return nil
	}
	return []name{{n.kind + 1, n.n}}
}

// rank orders names by their position in a file.
func (n name) rank() int64 {
	switch {
	case n.n > 0:
		return int64(kindHappening) + 3*int64(n.n-1) + int64(n.kind-kindHappening)
	case n.kind >= kindEndAge:
		return int64(kindHappening) + 3*(MaxSegments+1) + int64(n.kind)
	}
	return int64(n.kind)
}

// expected describes what should follow n, for an error text.
func (n name) expected() string {
	next := n.after()
	if len(next) == 0 {
		return "two zero blocks"
	}
	if len(next) == 1 {
		return next[0].String()
	}
	return fmt.Sprintf("%v or the end", next[0])
}
