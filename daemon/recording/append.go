package recording

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// An appender adds members to a recording. It knows the tree up to its position, and the last
// member before it.
type appender struct {
	origin  string
	headers *headers
	tree    tree
	last    name
}

// batch starts a run of members to be written at once. The appender doesn't change until the batch
// is committed.
func (a *appender) batch() *batch {
	b := &batch{appender: *a}
	b.tree.peak = slices.Clone(a.tree.peak)
	return b
}

// A batch is a run of members.
type batch struct {
	appender
	out []byte
	err error // the first one; out is then worthless
}

// member adds a member.
func (b *batch) member(n name, content []byte) {
	size := int64(len(content))
	switch {
	case b.err != nil:
		return
	case !b.last.precedes(n):
		b.err = fmt.Errorf("%v can't follow %v", n, b.last)
		return
	case size > n.kind.limit():
		b.err = fmt.Errorf("%v would have %d bytes, more than the limit of %d", n, size, n.kind.limit())
		return
	}
	b.out = slices.Grow(b.out, int(blockSize+padded(size)))
	var header [blockSize]byte
	b.headers.put(&header, n, size)
	b.out = append(b.out, header[:]...)
	b.out = append(b.out, content...)
	b.out = append(b.out, endBlocks[:padded(size)-size]...)
	b.tree.add(leafHash(n, sha256.Sum256(content)))
	b.last = n
}

// json adds a member that encodes v.
func (b *batch) json(n name, v any) {
	data, err := marshalJSON(v)
	if err != nil {
		if b.err == nil {
			b.err = fmt.Errorf("%v: %w", n, err)
		}
		return
	}
	b.member(n, data)
}

// note adds a checkpoint over all members so far, signed by key. It returns the checkpoint and the
// note.
func (b *batch) note(n name, key note.Signer) (checkpoint, []byte) {
	if b.err != nil {
		return checkpoint{}, nil
	}
	c := checkpoint{b.origin, b.tree.size, b.tree.root()}
	msg, err := c.sign(key)
	if err != nil {
		b.err = err
		return checkpoint{}, nil
	}
	b.member(n, msg)
	return c, msg
}

// close adds the end of the archive.
func (b *batch) close() { b.out = append(b.out, endBlocks[:]...) }
