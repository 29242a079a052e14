package recording

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A checkpoint says that the first leaves members of the recording origin have this root.
type checkpoint struct {
	origin string
	leaves int64
	root   tlog.Hash
}

// append writes the checkpoint's text: the signed part of a note.
func (c *checkpoint) append(dst []byte) []byte {
	dst = append(dst, c.origin...)
	dst = append(dst, '\n')
	dst = strconv.AppendInt(dst, c.leaves, 10)
	dst = append(dst, '\n')
	dst = base64.StdEncoding.AppendEncode(dst, c.root[:])
	return append(dst, '\n')
}

// strictBase64 refuses non-zero trailing bits, which would allow several encodings of one
// signature.
var strictBase64 = base64.StdEncoding.Strict()

var errCheckpoint = errors.New("not a checkpoint")

// parseCheckpoint parses a checkpoint's text. It accepts one encoding of each.
func parseCheckpoint(text []byte) (checkpoint, error) {
	line := bytes.Split(text, []byte("\n"))
	if len(line) != 4 || len(line[3]) != 0 {
		return checkpoint{}, errCheckpoint
	}
	c := checkpoint{origin: string(line[0])}
	var err error
	c.leaves, err = strconv.ParseInt(string(line[1]), 10, 64)
	if err != nil || c.leaves <= 0 || string(strconv.AppendInt(nil, c.leaves, 10)) != string(line[1]) {
		return checkpoint{}, errCheckpoint
	}
	if base64.StdEncoding.EncodedLen(len(c.root)) != len(line[2]) {
		return checkpoint{}, errCheckpoint
	}
	root := make([]byte, base64.StdEncoding.DecodedLen(len(line[2])))
	n, err := strictBase64.Decode(root, line[2])
	if err != nil || n != len(c.root) {
		return checkpoint{}, errCheckpoint
	}
	copy(c.root[:], root)
	return c, nil
}

// sign returns a note of the checkpoint.
func (c *checkpoint) sign(key note.Signer) ([]byte, error) {
	msg, err := note.Sign(&note.Note{Text: string(c.append(nil))}, key)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint of %s at %d: %w", c.origin, c.leaves, err)
	}
	return msg, nil
}

const (
	signaturePrefix = "— " // an em dash and a space
	signatureBytes  = 4 + ed25519.SignatureSize
)

var (
	errNoteShape = errors.New("not a note with one signature")
	errNoteKey   = errors.New("signed by another key")
	errSignature = errors.New("the signature is wrong")
)

// splitNote splits a note whose only signature is by key into text and signature. Anything else in
// msg (a second signature, an empty line, another encoding) is an error. It does not check the
// signature.
func splitNote(msg []byte, key note.Verifier) (text []byte, sig [ed25519.SignatureSize]byte, err error) {
	i := bytes.Index(msg, []byte("\n\n"))
	if i < 0 {
		return nil, sig, errNoteShape
	}
	text = msg[:i+1]
	rest, ok := bytes.CutPrefix(msg[i+2:], []byte(signaturePrefix))
	if !ok {
		return nil, sig, errNoteShape
	}
	keyName := key.Name()
	if len(rest) != len(keyName)+1+base64.StdEncoding.EncodedLen(signatureBytes)+1 || rest[len(rest)-1] != '\n' {
		return nil, sig, errNoteShape
	}
	if string(rest[:len(keyName)]) != keyName || rest[len(keyName)] != ' ' {
		return nil, sig, errNoteKey
	}
	var space [signatureBytes + 1]byte // the decoder needs a multiple of 3
	n, err := strictBase64.Decode(space[:], rest[len(keyName)+1:len(rest)-1])
	if err != nil || n != signatureBytes {
		return nil, sig, errNoteShape
	}
	if binary.BigEndian.Uint32(space[:4]) != key.KeyHash() {
		return nil, sig, errNoteKey
	}
	copy(sig[:], space[4:])
	return text, sig, nil
}

// openNote checks a note, signature included, and returns its checkpoint, which must be origin's.
func openNote(msg []byte, key note.Verifier, origin string) (checkpoint, error) {
	text, sig, err := splitNote(msg, key)
	if err != nil {
		return checkpoint{}, err
	}
	if !key.Verify(text, sig[:]) {
		return checkpoint{}, errSignature
	}
	c, err := parseCheckpoint(text)
	if err != nil {
		return checkpoint{}, err
	}
	if c.origin != origin {
		return checkpoint{}, fmt.Errorf("a checkpoint of %s, not of %s", c.origin, origin)
	}
	return c, nil
}

// signingKey is a recording's signing key: made in memory, wiped at the end. It is a note.Signer.
// note's own signer keeps the seed in a string, which can't be wiped.
type signingKey struct {
	verifier note.Verifier
	private  ed25519.PrivateKey
}

// newSigningKey makes a key. It also returns the verifier key.
func newSigningKey(origin string) (*signingKey, string, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, "", fmt.Errorf("make a signing key: %w", err)
	}
	vkey, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, "", fmt.Errorf("make a signing key: %w", err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, "", fmt.Errorf("make a signing key: %w", err)
	}
	return &signingKey{verifier, private}, vkey, nil
}

func (k *signingKey) Name() string    { return k.verifier.Name() }
func (k *signingKey) KeyHash() uint32 { return k.verifier.KeyHash() }

func (k *signingKey) Sign(msg []byte) ([]byte, error) {
	if k.private == nil {
		return nil, errors.New("the signing key has been forgotten")
	}
	return ed25519.Sign(k.private, msg), nil
}

func (k *signingKey) forget() {
	clear(k.private)
	k.private = nil
}

// Fingerprint returns how recording.json names a recipient: the first 32 digits of the hex SHA-256
// of its text. It doesn't reveal the recipient. For a classic one that matters: anybody with the
// recipient and a quantum computer has the identity.
func Fingerprint(recipient string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(recipient)))[:32]
}
