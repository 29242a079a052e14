package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"

	"tacet/config/bounded"
)

// Key is the unit's part of a recording's key pair: the private half, encrypted to the office, and
// the public half, to which the segments are sealed.
//
// The public half stays in memory and is written nowhere: with it, a quantum computer could open
// the segments. So fmt, slog and encoding/json show neither half of a Key.
type Key struct {
	Age       []byte // content of key.age
	Recipient *age.X25519Recipient
}

const keyShown = "recording key"

// Format implements fmt.Formatter, which also covers most loggers.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, keyShown) }

// MarshalText is what encoding/json and slog use.
func (Key) MarshalText() ([]byte, error) { return []byte(keyShown), nil }

// maxKeyMessage bounds the request to the child that makes a key, and its answer.
const maxKeyMessage = 512 << 10

// keyRequest is what the child is sent, keyAnswer what it returns.
type keyRequest struct {
	Recipients []string
	Comment    string
}

type keyAnswer struct {
	Age    []byte
	Public string
	Error  string
}

// NewKey makes a recording's X25519 pair in a short-lived child: this program executing itself. The
// child returns only what Key holds, so the private half is never in this process, where Go could
// not wipe it from the heap. main and TestMain must call ChildMain first.
//
// comment is the recording's origin; it is written into key.age.
func NewKey(ctx context.Context, recipients []string, comment string) (Key, error) {
	if _, _, _, err := parseOrigin(comment); err != nil {
		return Key{}, fmt.Errorf("make the key of %q: %w", comment, err)
	}
	if _, err := ParseRecipients(recipients); err != nil {
		return Key{}, fmt.Errorf("make the key of %s: %w", comment, err)
	}
	request, err := json.Marshal(keyRequest{recipients, comment})
	if err != nil {
		return Key{}, fmt.Errorf("make the key of %s: %w", comment, err)
	}
	answer, err := askChild(ctx, request)
	if err != nil {
		return Key{}, fmt.Errorf("make the key of %s: %w", comment, err)
	}
	key, err := readAnswer(answer)
	if err != nil {
		return Key{}, fmt.Errorf("make the key of %s: %w", comment, err)
	}
	return key, nil
}

func readAnswer(data []byte) (Key, error) {
	var answer keyAnswer
	if err := json.Unmarshal(data, &answer); err != nil {
		return Key{}, errors.New("the child's answer can't be read") // without quoting it
	}
	if answer.Error != "" {
		return Key{}, errors.New(answer.Error)
	}
	public, err := age.ParseX25519Recipient(answer.Public)
	if err != nil {
		return Key{}, errors.New("the child's answer can't be read")
	}
	if len(answer.Age) == 0 || len(answer.Age) > maxSealed {
		return Key{}, fmt.Errorf("key.age has %d bytes", len(answer.Age))
	}
	return Key{answer.Age, public}, nil
}

// answerRequest does the child's work.
func answerRequest(in io.Reader) keyAnswer {
	data, err := bounded.ReadAll(in, maxKeyMessage)
	if err != nil {
		return keyAnswer{Error: err.Error()}
	}
	var request keyRequest
	if err := json.Unmarshal(data, &request); err != nil {
		return keyAnswer{Error: err.Error()}
	}
	recipients, err := ParseRecipients(request.Recipients)
	if err != nil {
		return keyAnswer{Error: err.Error()}
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return keyAnswer{Error: err.Error()}
	}
	sealed, err := SealIdentity(identity, request.Comment, recipients)
	if err != nil {
		return keyAnswer{Error: err.Error()}
	}
	return keyAnswer{Age: sealed, Public: identity.Recipient().String()}
}

// SealIdentity makes key.age: what age-keygen writes and the comment, encrypted to recipients. A
// unit calls it only in the child of NewKey.
func SealIdentity(identity *age.X25519Identity, comment string, recipients []age.Recipient) ([]byte, error) {
	if strings.ContainsAny(comment, "\r\n") {
		return nil, errors.New("the comment has more than one line")
	}
	var plain bytes.Buffer
	fmt.Fprintf(&plain, "# created: %s\n", time.Now().UTC().Format(time.RFC3339))
	fmt.Fprintf(&plain, "# public key: %s\n", identity.Recipient())
	fmt.Fprintf(&plain, "# %s\n", comment)
	fmt.Fprintf(&plain, "%s\n", identity)
	defer clear(plain.Bytes())
	return seal(plain.Bytes(), recipients...)
}
