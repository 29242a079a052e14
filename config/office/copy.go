package office

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// copyHeader starts the signed text of a copy that a patient takes home.
const copyHeader = "tacet-copy/1"

// MaxCopy is the longest manifest of a copy, in bytes.
const MaxCopy = 16 << 10

// fileForm is what a file of a copy may be called. No name leads out of the copy's folder.
var fileForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _-]{0,40}(\.[a-z0-9]{1,8})?$`)

// A Manifest is what an office signs of a copy: the hash of each of its files.
type Manifest struct {
	Office string // tacet-office/NAME, whose key is not checked yet
	Files  map[string][sha256.Size]byte

	text, signature string
}

// SignCopy returns the manifest of a copy, a signed note.
func SignCopy(files map[string][sha256.Size]byte, s Signer) ([]byte, error) {
	text := copyHeader + "\n"
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !fileForm.MatchString(name) {
			return nil, fmt.Errorf("sign a copy: a file can't be called %q", name)
		}
		sum := files[name]
		text += hex.EncodeToString(sum[:]) + "  " + name + "\n"
	}
	signature, err := s.sign(text)
	if err != nil {
		return nil, err
	}
	if text += "\n" + dash + signature + "\n"; len(text) > MaxCopy {
		return nil, errors.New("sign a copy: it has too many files")
	}
	return []byte(text), nil
}

var errManifest = errors.New("is not a manifest as an office signs it")

// ParseCopy parses a manifest. It accepts only what SignCopy writes, and doesn't check who signed.
func ParseCopy(note []byte) (Manifest, error) {
	text, line, ok := strings.Cut(string(note), "\n\n"+dash)
	text += "\n"
	signature, end := strings.CutSuffix(line, "\n")
	if !ok || !end || len(note) > MaxCopy || strings.ContainsAny(signature, "\r\n") {
		return Manifest{}, errManifest
	}
	m := Manifest{Files: map[string][sha256.Size]byte{}, text: text, signature: signature}
	var encoded string
	m.Office, encoded, ok = strings.Cut(signature, " ")
	if _, err := base64.StdEncoding.Strict().DecodeString(encoded); !ok || err != nil || checkName(m.Office) != nil {
		return Manifest{}, errManifest
	}
	last := ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i == 0 {
			if line != copyHeader {
				return Manifest{}, errManifest
			}
			continue
		}
		sum, name, _ := strings.Cut(line, "  ")
		hash, err := hex.DecodeString(sum)
		if err != nil || len(hash) != sha256.Size || hex.EncodeToString(hash) != sum || !fileForm.MatchString(name) ||
			name <= last {
			return Manifest{}, errManifest
		}
		m.Files[name], last = [sha256.Size]byte(hash), name
	}
	return m, nil
}

// CheckCopy returns nil if this office signed the manifest.
func (k Key) CheckCopy(m Manifest) error { return k.proves(m.text, m.signature) }
