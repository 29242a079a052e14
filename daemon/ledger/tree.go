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

// tree is an RFC 6962 tree of which only the right edge is kept: the roots of its complete
// subtrees, largest first, at most 63 hashes. That is enough to add leaves and to compute the root.
type tree struct {
	size int64
	edge []tlog.Hash
}

// with returns the tree with one more leaf; t is unchanged.
func (t tree) with(leaf []byte) tree {
	h := tlog.RecordHash(leaf)
	edge := slices.Clone(t.edge)
	for range bits.TrailingZeros64(^uint64(t.size)) { // one subtree for each carry
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

// is reports whether h is t's head.
func (t tree) is(h head) bool { return t.size == h.size && t.root() == h.root }

// resume returns the tree that a continued entry continues.
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

// head is the content of a signed head.
type head struct {
	size int64
	root tlog.Hash
}

func (t tree) head() head { return head{t.size, t.root()} }

// sign returns a head's C2SP checkpoint: origin, size and root, in a note signed by the unit.
func (h head) sign(origin string, unit note.Signer) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, h.size, base64.StdEncoding.EncodeToString(h.root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, unit)
	if err != nil {
		return nil, fmt.Errorf("sign the head of %s: %w", origin, err)
	}
	return signed, nil
}

// openHead parses a signed head, whose origin must be one of place's. Ed25519 signatures are
// deterministic, so it signs the content again and compares: the head must be, byte for byte, what
// the unit's key makes.
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
