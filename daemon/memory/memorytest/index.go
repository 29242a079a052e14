package memorytest

import "encoding/binary"

const (
	// least is the shortest stretch that counts as found.
	least = 64
	// stride is the distance of the indexed words: each stretch of the least length contains one.
	stride = least - 8 + 1
	// lively is how many different bytes such a stretch must have. Silence, tables and padding,
	// which any program has, have fewer.
	lively = 16
)

// An Index finds stretches of some bytes, 64 or more, anywhere in other bytes.
type Index struct {
	text   []byte
	filter [1 << 16]uint64 // of the words' hashes: most lookups end here
	places map[uint64][]int
}

// NewIndex indexes text, which must not change.
func NewIndex(text []byte) *Index {
	x := &Index{text: text, places: map[uint64][]int{}}
	for i := 0; i+8 <= len(text); i += stride {
		word := binary.LittleEndian.Uint64(text[i:])
		if different(text[i:i+8]) < 4 {
			continue
		}
		h := hash(word)
		x.filter[h/64] |= 1 << (h % 64)
		x.places[word] = append(x.places[word], i)
	}
	return x
}

func hash(word uint64) uint64 { return word * 0x9e3779b97f4a7c15 >> 42 }

// different is the number of different bytes.
func different(b []byte) (n int) {
	var seen [256]bool
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// Found is the number of bytes of data that are parts of the text.
func (x *Index) Found(data []byte) (n int) {
	for i := 0; i+8 <= len(data); i++ {
		word := binary.LittleEndian.Uint64(data[i:])
		h := hash(word)
		if x.filter[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		best, end := 0, 0
		for _, at := range x.places[word] {
			if length, after := x.run(data, i, at); length > best {
				best, end = length, after
			}
		}
		if best >= least && different(data[end-best:end]) >= lively {
			n += best
			i = end - 1
		}
	}
	return n
}

// FoundIn is the number of bytes of an area that are parts of the text.
func (x *Index) FoundIn(a Area) (n int) {
	for _, run := range a.Runs {
		n += x.Found(run)
	}
	return n
}

// run is the length of the stretch that data and text share around two places, and its end in data.
func (x *Index) run(data []byte, i, at int) (length, end int) {
	before := 0
	for before < i && before < at && data[i-before-1] == x.text[at-before-1] {
		before++
	}
	after := 8
	for i+after < len(data) && at+after < len(x.text) && data[i+after] == x.text[at+after] {
		after++
	}
	return before + after, i + after
}
