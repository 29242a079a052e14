// Package office signs what an office tells its units, who their recipients and which their drives
// are, and what it gives to patients.
//
//	private, public, err := office.NewKey("high-street") // public is the units' [office] key
//	signer, err := office.ParseSigner(private)
//	signed, err := office.SignList(list, signer)         // a list that age can still read
//	key, err := office.ParseKey(public)
//	list, err = key.OpenList(signed)
//	note, err := office.SignCopy(hashes, signer) // what a patient takes home
//
// A key is an Ed25519 key of golang.org/x/mod/sumdb/note, named tacet-office/NAME. It signs lists
// of recipients, which unit a drive belongs to, and the files of a copy for a patient. The signed
// text starts with a line that says which of these it is, so that none can pass for another.
//
// The signature protects from mistakes, from drives that somebody else prepared, and from
// recipients that somebody added unnoticed. It does not protect from root on the unit, who can
// replace the key; from a full clone of a drive, which nobody can tell from the original; or from
// an older list of the same office.
//
// The package reads and writes no files.
package office

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// prefix starts the name of every office's key.
const prefix = "tacet-office/"

var nameForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// NewKey makes an office's key: the private half, which signs, and the public half, which units
// get.
func NewKey(name string) (private, public string, err error) {
	if !nameForm.MatchString(name) {
		return "", "", fmt.Errorf("an office can't be called %q: write 1 to 32 of a-z, 0-9 and -", name)
	}
	return note.GenerateKey(rand.Reader, prefix+name)
}

// Signer is the private half of an office's key.
type Signer struct{ signer note.Signer }

// ParseSigner reads the private half.
func ParseSigner(private string) (Signer, error) {
	s, err := note.NewSigner(private)
	if err != nil { // a message must not repeat it
		return Signer{}, errors.New("is not the private half of an office's key")
	}
	if err := checkName(s.Name()); err != nil {
		return Signer{}, err
	}
	return Signer{s}, nil
}

// Name is tacet-office/NAME.
func (s Signer) Name() string { return s.signer.Name() }

// Key is the public half of an office's key.
type Key struct {
	verifier note.Verifier
	text     string
}

// ParseKey reads the public half.
func ParseKey(public string) (Key, error) {
	v, err := note.NewVerifier(public)
	if err != nil {
		return Key{}, errors.New("is not the public half of an office's key")
	}
	if err := checkName(v.Name()); err != nil {
		return Key{}, err
	}
	return Key{v, public}, nil
}

// Name is tacet-office/NAME.
func (k Key) Name() string { return k.verifier.Name() }

// String returns the key as ParseKey takes it.
func (k Key) String() string { return k.text }

func checkName(name string) error {
	if short, ok := strings.CutPrefix(name, prefix); !ok || !nameForm.MatchString(short) {
		return fmt.Errorf("is the key %q, not an office's: those are called %sNAME", name, prefix)
	}
	return nil
}

// Errors about signatures.
var (
	ErrUnsigned = errors.New("is not signed by the office")
	ErrChanged  = errors.New("was changed after the office signed it, or another office signed it")
)

// dash starts a signature line of a note.
const dash = "— "

// sign returns the signature of a text: the name, a space, and base64.
func (s Signer) sign(text string) (string, error) {
	signed, err := note.Sign(&note.Note{Text: text}, s.signer)
	if err != nil {
		return "", fmt.Errorf("sign as %s: %w", s.Name(), err)
	}
	line, ok := strings.CutPrefix(strings.TrimPrefix(string(signed), text), "\n"+dash)
	if !ok {
		return "", fmt.Errorf("sign as %s: it made no signature", s.Name())
	}
	return strings.TrimSuffix(line, "\n"), nil
}

// proves returns nil if the signature is this key's, of this text.
func (k Key) proves(text, signature string) error {
	if strings.ContainsAny(signature, "\r\n") {
		return ErrChanged
	}
	n, err := note.Open([]byte(text+"\n"+dash+signature+"\n"), note.VerifierList(k.verifier))
	if err != nil || n.Text != text || len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 {
		return ErrChanged
	}
	return nil
}
