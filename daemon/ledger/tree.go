package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tree is an RFC 6962 tree of which only the right edge is kept: the roots of the whole subtrees
// that it falls into, the largest first. That is enough to add leaves and to know the root, and
// never more than 63 hashes.
type tree struct {
	size int64
	edge []tlog.Hash
}

// with returns the tree with one more leaf; t stays as it is.
func (t tree) with(leaf []byte) tree {
	h := tlog.RecordHash(leaf)
	edge := slices.Clone(t.edge)
	for range bits.TrailingZeros64(^uint64(t.size)) { // as many subtrees as there are carries
		h = tlog.NodeHash(edge[len(edge)-1], h)
		edge = edge[:len(edge)-1]
	}
	return tree{t.size + 1, append(edge, h)}
}

func (t tree) root() tlog.Hash {
	if t.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing, so can't fail
		return empty
	}
	h := t.edge[len(t.edge)-1]
	for _, left := range slices.Backward(t.edge[:len(t.edge)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return h
}

// is reports whether t is the tree that h speaks of.
func (t tree) is(h head) bool { return t.size == h.size && t.root() == h.root }

// resume is the tree that a continued entry goes on from.
func resume(e Entry) (tree, error) {
	if e.Size < 1 || bits.OnesCount64(uint64(e.Size)) != len(e.Edge) {
		return tree{}, errors.New("the tree to continue from has the wrong number of hashes")
	}
	t := tree{size: e.Size}
	for _, text := range e.Edge {
		h, err := tlog.ParseHash(text)
		if err != nil {
			return tree{}, err
		}
		t.edge = append(t.edge, h)
	}
	if t.root().String() != e.Root {
		return tree{}, errors.New("the tree to continue from does not have the root that is named")
	}
	return t, nil
}

// head is what a signed head says of a tree.
type head struct {
	size int64
	root tlog.Hash
}

func (t tree) head() head { return head{t.size, t.root()} }

// sign makes the C2SP checkpoint of a head: origin, size and root, in a note signed by the unit.
func (h head) sign(origin string, unit note.Signer) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, h.size, base64.StdEncoding.EncodeToString(h.root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, unit)
	if err != nil {
		return nil, fmt.Errorf("sign the head of %s: %w", origin, err)
	}
	return signed, nil
}

// openHead reads a signed head. A signature of Ed25519 is the same each time, so the head is
// genuine if it is, byte for byte, the one that the unit's key makes: nothing added, nothing else
// in another order.
//
// Its first line is the origin, which has to be one of the place's.
func openHead(signed []byte, place string, unit note.Signer) (h head, origin string, err error) {
	lines := strings.SplitN(string(signed), "\n", 4)
	if len(lines) < 4 || !originOf(place, lines[0]) {
		return head{}, "", fmt.Errorf("the signed head is not one of %s", place)
	}
	origin = lines[0]
	if h.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return head{}, "", errors.New("the signed head has no size")
	}
	if h.root, err = tlog.ParseHash(lines[2]); err != nil {
		return head{}, "", errors.New("the signed head has no root")
	}
	again, err := h.sign(origin, unit)
	if err != nil {
		return head{}, "", err
	}
	if string(again) != string(signed) {
		return head{}, "", errors.New("the signed head was not signed by this unit's key")
	}
	return h, origin, nil
}
