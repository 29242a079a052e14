package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"

	"tacet/daemon/recording/filekey"
)

// maxRecipients keeps key.age small: a hybrid recipient takes 1.6 KB.
const maxRecipients = 100

// ParseRecipients parses age recipients: all hybrid (age1pq1…) or all classic (age1…). It refuses
// plugins and SSH keys.
func ParseRecipients(recipients []string) ([]age.Recipient, error) {
	if len(recipients) == 0 {
		return nil, errors.New("no recipients")
	}
	if len(recipients) > maxRecipients {
		return nil, fmt.Errorf("%d recipients, but a recording can have at most %d", len(recipients), maxRecipients)
	}
	list := make([]age.Recipient, len(recipients))
	hybrid := 0
	for i, s := range recipients {
		var err error
		if strings.HasPrefix(s, "age1pq1") {
			list[i], err = age.ParseHybridRecipient(s)
			hybrid++
		} else {
			list[i], err = age.ParseX25519Recipient(s)
		}
		if strings.HasPrefix(strings.ToUpper(s), "AGE-SECRET-KEY-") {
			// age's own error would show it.
			return nil, errors.New("an identity, the secret half of a key, where a recipient (age1…) belongs")
		}
		if err != nil {
			return nil, fmt.Errorf("%.20q… is not an age recipient", s)
		}
	}
	if hybrid > 0 && hybrid < len(list) {
		return nil, errors.New("hybrid (age1pq1…) and classic (age1…) recipients can't be mixed: " +
			"the classic ones would undo what the hybrid ones are for")
	}
	return list, nil
}

// seal encrypts plain to the recipients as age does. The age library writes the header only. Its
// writer would copy the plaintext into buffers that it grows and drops without wiping, so the
// payload is encrypted by filekey.
func seal(plain []byte, to ...age.Recipient) ([]byte, error) {
	to = slices.Clone(to)
	first := &keyTap{Recipient: to[0]}
	defer func() { clear(first.fileKey) }()
	to[0] = first
	var out bytes.Buffer
	out.Grow(len(plain) + 512)
	if _, err := age.Encrypt(&out, to...); err != nil { // the header and the nonce
		return nil, err
	}
	sealed := out.Bytes()
	return filekey.Seal(sealed, first.fileKey, sealed[len(sealed)-ageNonce:], plain)
}

// keyTap is a recipient that keeps a copy of the file key it wraps.
type keyTap struct {
	age.Recipient
	fileKey []byte
}

func (e *keyTap) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, _, err := e.WrapWithLabels(fileKey)
	return stanzas, err
}

// WrapWithLabels is what age prefers to Wrap. The labels let it refuse recipients that must not be
// mixed.
func (e *keyTap) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	e.fileKey = bytes.Clone(fileKey)
	if labelled, ok := e.Recipient.(age.RecipientWithLabels); ok {
		return labelled.WrapWithLabels(fileKey)
	}
	stanzas, err := e.Recipient.Wrap(fileKey)
	return stanzas, nil, err
}

// unseal decrypts sealed. The result is never longer than the input.
func unseal(sealed []byte, with ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), with...)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	buf.Grow(len(sealed))
	if _, err := buf.ReadFrom(io.LimitReader(r, int64(len(sealed)))); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Sizes in an age file's payload.
const (
	ageNonce = filekey.NonceSize
	ageChunk = filekey.ChunkSize
)

// actsPadding is the multiple to which acts are padded, so that their length doesn't tell who gave
// or withdrew.
const actsPadding = 1 << 10

// sealActs encodes acts as a JSON array, padded with spaces, and seals it.
func sealActs(acts []Act, to age.Recipient) ([]byte, error) {
	list := make([]Act, len(acts)) // an empty list is [], not null
	for i, a := range acts {
		a.Time = trimTime(a.Time)
		list[i] = a
	}
	text, err := marshalJSON(list)
	if err != nil {
		return nil, err
	}
	defer clear(text) // it says who agreed
	plain := bytes.Repeat([]byte(" "), len(text)+(-len(text)&(actsPadding-1)))
	defer clear(plain)
	copy(plain, text[:len(text)-1])
	plain[len(plain)-1] = '\n'
	return seal(plain, to)
}

func openActs(sealed []byte, identity age.Identity) ([]Act, error) {
	plain, err := unseal(sealed, identity)
	if err != nil {
		return nil, err
	}
	var acts []Act
	if err := json.Unmarshal(plain, &acts); err != nil {
		return nil, err
	}
	return acts, nil
}

var errKeyFile = errors.New("key.age holds no recording's identity")

// openKey decrypts key.age. It returns the recording's identity, and the origin of the recording it
// was made for from the comment.
func openKey(sealed []byte, identities []age.Identity) (identity *age.X25519Identity, origin string, err error) {
	plain, err := unseal(sealed, identities...)
	if err != nil {
		return nil, "", err
	}
	lines := bufio.NewScanner(bytes.NewReader(plain))
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "# tacet/"):
			if origin != "" {
				return nil, "", errKeyFile
			}
			origin = line[2:]
		case strings.HasPrefix(line, "#"):
		case identity != nil:
			return nil, "", errKeyFile
		default:
			identity, err = age.ParseX25519Identity(line)
			if err != nil {
				return nil, "", errKeyFile // not err: it could show a part of the key
			}
		}
	}
	if lines.Err() != nil || identity == nil {
		return nil, "", errKeyFile
	}
	if _, _, _, err := parseOrigin(origin); err != nil {
		return nil, "", errKeyFile
	}
	return identity, origin, nil
}
