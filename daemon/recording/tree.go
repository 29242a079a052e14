package recording

import (
	"crypto/sha256"
	"encoding/hex"

	"golang.org/x/mod/sumdb/tlog"
)

// A tree is an RFC 6962 Merkle tree that only grows. It keeps the roots of its complete subtrees,
// largest first: at most 64 hashes. The zero tree is empty.
type tree struct {
	size int64
	peak []tlog.Hash // one for each bit set in size, highest first
}

// add appends a leaf, given its hash.
func (t *tree) add(leaf tlog.Hash) {
	h := leaf
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.peak) - 1
		h = tlog.NodeHash(t.peak[last], h)
		t.peak = t.peak[:last]
	}
	t.peak = append(t.peak, h)
	t.size++
}

// root returns the hash over all leaves. The tree must not be empty.
func (t *tree) root() tlog.Hash {
	last := len(t.peak) - 1
	h := t.peak[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(t.peak[i], h)
	}
	return h
}

// resume sets t to the tree of the given size and root, and reports whether it could. That takes a
// size that is a power of two: only then is the root the whole state.
func (t *tree) resume(size int64, root tlog.Hash) bool {
	if size <= 0 || size&(size-1) != 0 {
		return false
	}
	t.size, t.peak = size, append(t.peak[:0], root)
	return true
}

// leafHash returns a member's leaf, tlog.RecordHash of
//
//	name "\n" lower-case hex SHA-256 of the content "\n"
//
// without its allocations: a verifier makes three leaves for each second of sound.
func leafHash(n name, sum [sha256.Size]byte) tlog.Hash {
	var space [1 + nameLength + 1 + 2*sha256.Size + 1]byte
	text := append(space[:0], 0) // RFC 6962's prefix of a leaf
	text = n.append(text)
	text = append(text, '\n')
	text = hex.AppendEncode(text, sum[:])
	text = append(text, '\n')
	return sha256.Sum256(text)
}
