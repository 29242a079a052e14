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

// A checkpoint says: the first Leaves members of the recording Origin have this root.
type checkpoint struct {
	origin string
	leaves int64
	root   tlog.Hash
}

// append writes the checkpoint's text, the part of a note that is signed.
func (c *checkpoint) append(dst []byte) []byte {
	dst = append(dst, c.origin...)
	dst = append(dst, '\n')
	dst = strconv.AppendInt(dst, c.leaves, 10)
	dst = append(dst, '\n')
	dst = base64.StdEncoding.AppendEncode(dst, c.root[:])
	return append(dst, '\n')
}

// strictBase64 refuses what the plain decoder lets pass: other last bits, which would make two
// spellings of one signature.
var strictBase64 = base64.StdEncoding.Strict()

var errCheckpoint = errors.New("not a checkpoint")

// parseCheckpoint reads a checkpoint's text; there is one spelling for each.
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

// sign makes a note of a checkpoint.
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

// splitNote takes a note apart whose only signature is by key: the text, and the signature.
// Whatever else the message holds (a second signature, an empty line, another spelling) is an
// error. It does not check the signature.
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
	who := key.Name()
	if len(rest) != len(who)+1+base64.StdEncoding.EncodedLen(signatureBytes)+1 || rest[len(rest)-1] != '\n' {
		return nil, sig, errNoteShape
	}
	if string(rest[:len(who)]) != who || rest[len(who)] != ' ' {
		return nil, sig, errNoteKey
	}
	var space [signatureBytes + 1]byte // a multiple of 3, which the decoder wants
	n, err := strictBase64.Decode(space[:], rest[len(who)+1:len(rest)-1])
	if err != nil || n != signatureBytes {
		return nil, sig, errNoteShape
	}
	if binary.BigEndian.Uint32(space[:4]) != key.KeyHash() {
		return nil, sig, errNoteKey
	}
	copy(sig[:], space[4:])
	return text, sig, nil
}

// openNote checks a note wholly and returns its checkpoint, which is origin's.
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

// ownKey is a recording's signing key: made in memory, and wiped at the end. It is a note.Signer;
// note's own keeps its seed in a string, which can't be wiped.
type ownKey struct {
	verifier note.Verifier
	private  ed25519.PrivateKey
}

// newOwnKey makes a key and returns its verifier key.
func newOwnKey(origin string) (*ownKey, string, error) {
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
	return &ownKey{verifier, private}, vkey, nil
}

func (k *ownKey) Name() string    { return k.verifier.Name() }
func (k *ownKey) KeyHash() uint32 { return k.verifier.KeyHash() }

func (k *ownKey) Sign(msg []byte) ([]byte, error) {
	if k.private == nil {
		return nil, errors.New("the signing key has been forgotten")
	}
	return ed25519.Sign(k.private, msg), nil
}

func (k *ownKey) forget() {
	clear(k.private)
	k.private = nil
}

// Fingerprint is how recording.json names a recipient: the first 32 digits of the hex SHA-256 of
// its text. The recipient can't be told from it, which matters for classic ones: whoever has those
// and a quantum computer has the identity.
func Fingerprint(recipient string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(recipient)))[:32]
}
