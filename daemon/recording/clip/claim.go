package clip

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"tacet/daemon/recording/excerpt"
)

// Format is the format version in clip.json.
const Format = "tacet-clip/1"

// Extension ends the name of a clip's file.
const Extension = ".tacet-clip"

// maxKey is the most that key.age may have, in bytes.
const maxKey = 256 << 10

// A claim is clip.json. A reader computes all of it, and compares.
type claim struct {
	Format string `json:"format"`
	ID     string `json:"id"` // the recording's
	excerpt.Span
	Withheld []excerpt.Span `json:"withheld"`
	Keys     string         `json:"keys"` // hex SHA-256 of all NNNNNN.key and key.age, in the clip's order
}

func (c *claim) encode() ([]byte, error) {
	if c.Withheld == nil {
		c.Withheld = []excerpt.Span{}
	}
	text, err := json.Marshal(c) // an ID and a format have nothing to escape
	if err != nil {
		return nil, err
	}
	if text = append(text, '\n'); len(text) > excerpt.MaxText {
		return nil, errors.New("too many spans are withheld")
	}
	return text, nil
}

// parseClaim accepts only what encode writes.
func parseClaim(text []byte) (claim, error) {
	var c claim
	if err := json.Unmarshal(text, &c); err != nil {
		return c, errors.New("it can't be read")
	}
	if c.Format != Format {
		return c, errors.New("it is not of the format " + Format)
	}
	if again, err := c.encode(); err != nil || !bytes.Equal(again, text) {
		return c, errors.New("it is not as a clip writes it")
	}
	return c, nil
}

// part is the part of a recording that the claim is about.
func (c *claim) part() excerpt.Part { return excerpt.Part{Span: c.Span, Withheld: c.Withheld} }

// sumKeys is the claim's Keys.
func sumKeys(keys [][]byte, keyAge []byte) string {
	h := sha256.New()
	for _, k := range keys {
		h.Write(k)
	}
	h.Write(keyAge)
	return hex.EncodeToString(h.Sum(nil))
}
