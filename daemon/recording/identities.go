package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"tacet/config/bounded"
	"tacet/config/textfile"
)

// Limits of an identity file.
const (
	maxIdentityFile = 1 << 20
	maxWorkFactor   = 20 // of scrypt: 1 GiB and some seconds; age writes 18
)

// ErrPassphrase says that an identity file doesn't open with the passphrase.
var ErrPassphrase = errors.New("the passphrase is wrong")

// NotIdentities says that a file holds something other than identities. It quotes nothing from the
// file.
type NotIdentities struct {
	What string // what the file holds
	Do   string // what to do about it
}

func (e *NotIdentities) Error() string { return e.What }

// Hint says what to do about it.
func (e *NotIdentities) Hint() string { return e.Do }

// ParseIdentities parses an identity file written by age-keygen or tacet keygen. If the file is
// encrypted with a passphrase, it calls passphrase once. It refuses plugins, which a hostile file
// could start, and SSH keys, which it could probe.
func ParseIdentities(r io.Reader, passphrase func() (string, error)) ([]age.Identity, error) {
	return ParseIdentitiesTrying(r, func() ([]string, error) {
		pass, err := passphrase()
		return []string{pass}, err
	})
}

// ParseIdentitiesTrying is ParseIdentities with several passphrases, tried in order.
func ParseIdentitiesTrying(r io.Reader, passphrases func() ([]string, error)) ([]age.Identity, error) {
	text, err := UnlockTrying(r, passphrases)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return plainIdentities(text)
}

// Unlock returns the text in a file of secrets, as package textfile decodes it. If the file is
// encrypted with a passphrase, Unlock calls passphrase once.
func Unlock(r io.Reader, passphrase func() (string, error)) ([]byte, error) {
	return UnlockTrying(r, func() ([]string, error) {
		pass, err := passphrase()
		return []string{pass}, err
	})
}

// UnlockTrying is Unlock with several passphrases, tried in order.
func UnlockTrying(r io.Reader, passphrases func() ([]string, error)) ([]byte, error) {
	data, err := bounded.ReadAll(r, maxIdentityFile)
	if errors.Is(err, bounded.ErrTooLong) {
		return nil, &NotIdentities{"it is too long for a key", whichFile}
	}
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte(ageIntro)) { // not text
		return unlock(func() io.Reader { return bytes.NewReader(data) }, passphrases)
	}
	text, _, err := textfile.Decode(data)
	if err != nil {
		return nil, &NotIdentities{otherFile(data, fmt.Sprintf("it %v", err)), whichFile}
	}
	if start := bytes.TrimSpace(text); bytes.HasPrefix(start, []byte(armor.Header)) {
		return unlock(func() io.Reader { return armor.NewReader(bytes.NewReader(start)) }, passphrases)
	}
	return text, nil
}

const ageIntro = "age-encryption.org/"

// unlock decrypts text that is encrypted with one of the passphrases.
func unlock(sealed func() io.Reader, passphrases func() ([]string, error)) ([]byte, error) {
	if err := checkPassphraseFile(sealed()); err != nil {
		return nil, err
	}
	tries, err := passphrases()
	if err != nil {
		return nil, err
	}
	for _, pass := range tries {
		scrypt, err := age.NewScryptIdentity(pass)
		if err != nil {
			return nil, err
		}
		scrypt.SetMaxWorkFactor(maxWorkFactor)
		plain, err := age.Decrypt(sealed(), scrypt)
		if errors.Is(err, age.ErrIncorrectIdentity) {
			continue
		}
		if err != nil {
			return nil, err
		}
		text, err := bounded.ReadAll(plain, maxIdentityFile)
		if err != nil {
			return nil, err
		}
		if decoded, _, err := textfile.Decode(text); err == nil { // whatever an editor made of it before
			return decoded, nil
		}
		return text, nil
	}
	return nil, ErrPassphrase
}

// checkPassphraseFile refuses a file that is encrypted to a recipient, as each part of a recording
// is. Nobody should be asked for a passphrase for that.
func checkPassphraseFile(sealed io.Reader) error {
	var seen stanzaTypes
	_, _ = age.Decrypt(sealed, &seen) // fails with errSeen; any other error shows when it is decrypted
	if len(seen) > 0 && seen[0] != "scrypt" {
		return &NotIdentities{"it is encrypted to a key, and is no key itself", whichFile}
	}
	return nil
}

var errSeen = errors.New("seen")

// stanzaTypes is an identity that opens nothing, and records what could have opened the file.
type stanzaTypes []string

func (s *stanzaTypes) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, stanza := range stanzas {
		*s = append(*s, stanza.Type)
	}
	return nil, errSeen
}

// plainIdentities parses identities, one per line, and comments.
func plainIdentities(text []byte) ([]age.Identity, error) {
	var ids []age.Identity
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := identity(line)
		if err != nil {
			what := otherFile(text, "")
			if what == "" {
				what = fmt.Sprintf("line %d is not a key as tacet keygen writes it", n+1)
				if strings.HasPrefix(strings.ToUpper(line), "AGE-SECRET-KEY-") {
					what = fmt.Sprintf("the key on line %d is damaged: letters are missing or wrong", n+1)
				}
			}
			return nil, &NotIdentities{what, whichFile}
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, &NotIdentities{otherFile(text, "it holds no key"), whichFile}
	}
	return ids, nil
}

func identity(line string) (age.Identity, error) {
	if strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-") {
		return age.ParseHybridIdentity(line)
	}
	return age.ParseX25519Identity(line)
}

const whichFile = "name the file that tacet keygen -o wrote, such as office.key: it stays in the office, and only " +
	"it opens recordings"

// otherFile describes a file that holds no identity, if it is one of those usually kept beside one.
// Otherwise it returns otherwise.
func otherFile(data []byte, otherwise string) string {
	first := ""
	for line := range strings.Lines(string(data[:min(len(data), 4096)])) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			first = line
			break
		}
	}
	switch {
	case strings.HasPrefix(first, "age1"):
		return "it holds public keys, which seal recordings and open none"
	case strings.HasPrefix(first, "tacet/"), strings.HasPrefix(first, "tacet-office/"):
		return "it holds verifier keys, which tell who signed and open nothing"
	case strings.HasPrefix(first, "PRIVATE+KEY+"):
		return "it is a key for signing, which opens nothing"
	case strings.HasPrefix(first, "ssh-"), strings.HasPrefix(first, "ecdsa-"),
		strings.Contains(first, "BEGIN OPENSSH PRIVATE KEY"):
		return "it is an SSH key, which opens no recordings"
	case strings.HasPrefix(first, "-----BEGIN "):
		return "it is a certificate, or the key to one, and opens no recordings"
	case strings.HasPrefix(first, "AGE-PLUGIN-"):
		return "it is the key of an age plugin, and plugins are not allowed"
	case len(data) > 262 && string(data[257:262]) == "ustar":
		return "it is itself a recording, or another tar file, and not a key"
	}
	return otherwise
}
