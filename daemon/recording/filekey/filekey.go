// Package filekey reads and wraps the file keys of age files with one X25519 recipient, which is
// what a recording's segments are. A file key opens one segment and tells nothing of any other, so
// it is how one second is given away without the recording's own identity.
//
// The format is https://c2sp.org/age. Everything here is done by the age library where that is
// possible; it has no call to keep a file's key, or to encrypt under a given one.
package filekey

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes in an age file.
const (
	Size       = 16       // of a file key
	HeaderSize = 168      // of a header with one X25519 stanza
	NonceSize  = 16       // follows the header
	ChunkSize  = 64 << 10 // of the payload; each is encrypted by itself
)

// Unwrap returns the file key of an age file. The header's MAC is right if it returns no error.
func Unwrap(sealed []byte, with age.Identity) ([]byte, error) {
	keep := &tap{Identity: with}
	if _, err := age.Decrypt(bytes.NewReader(sealed), keep); err != nil {
		clear(keep.key)
		return nil, err
	}
	return keep.key, nil
}

// tap is an identity that keeps a copy of the file key it unwraps.
type tap struct {
	age.Identity
	key []byte
}

func (t *tap) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := t.Identity.Unwrap(stanzas)
	if err == nil {
		t.key = bytes.Clone(key)
	}
	return key, err
}

// Wrap returns a header, of HeaderSize bytes, that gives the file key to one recipient. Followed by
// the rest of the file that the key is for, it is an age file.
func Wrap(key []byte, to *age.X25519Recipient) ([]byte, error) {
	stanzas, err := to.Wrap(key)
	if err != nil {
		return nil, err
	}
	if len(stanzas) != 1 {
		return nil, fmt.Errorf("%d stanzas for one recipient", len(stanzas))
	}
	var b bytes.Buffer
	encode := base64.RawStdEncoding.Strict().EncodeToString
	b.WriteString("age-encryption.org/v1\n-> " + stanzas[0].Type)
	for _, a := range stanzas[0].Args {
		b.WriteString(" " + a)
	}
	b.WriteString("\n" + encode(stanzas[0].Body) + "\n---")
	sum, err := mac(b.Bytes(), key)
	if err != nil {
		return nil, err
	}
	b.WriteString(" " + encode(sum) + "\n")
	if b.Len() != HeaderSize {
		return nil, fmt.Errorf("a header of %d bytes", b.Len())
	}
	return b.Bytes(), nil
}

var errMAC = errors.New("its header was not made with this file key")

// Check checks the MAC of a file's header with its file key.
func Check(header, key []byte) error {
	at := bytes.Index(header, []byte("\n---")) + len("\n---")
	if len(header) != HeaderSize || at < len("\n---") {
		return errMAC
	}
	want, err := mac(header[:at], key)
	if err != nil {
		return err
	}
	given, err := base64.RawStdEncoding.Strict().DecodeString(string(bytes.TrimSuffix(header[at+1:], []byte("\n"))))
	if err != nil || header[at] != ' ' || header[HeaderSize-1] != '\n' || !hmac.Equal(given, want) {
		return errMAC
	}
	return nil
}

// mac is the MAC of a header up to its three hyphens.
func mac(header, key []byte) ([]byte, error) {
	macKey, err := hkdf.Key(sha256.New, key, nil, "header", sha256.Size)
	if err != nil {
		return nil, err
	}
	defer clear(macKey)
	h := hmac.New(sha256.New, macKey)
	h.Write(header)
	return h.Sum(nil), nil
}

// Seal appends plain, encrypted under a file key and nonce, to dst: what follows the nonce in an
// age file. It copies the plaintext nowhere.
func Seal(dst, key, nonce, plain []byte) ([]byte, error) {
	payload, err := hkdf.Key(sha256.New, key, nonce, "payload", chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	defer clear(payload)
	aead, err := chacha20poly1305.New(payload)
	if err != nil {
		return nil, err
	}
	var count [chacha20poly1305.NonceSize]byte // an 11-byte counter, then 1 for the last chunk
	for last := false; !last; {
		chunk := plain[:min(len(plain), ChunkSize)]
		plain = plain[len(chunk):]
		if last = len(plain) == 0; last {
			count[len(count)-1] = 1
		}
		dst = aead.Seal(dst, count[:], chunk, nil)
		binary.BigEndian.PutUint64(count[3:11], binary.BigEndian.Uint64(count[3:11])+1)
	}
	return dst, nil
}
