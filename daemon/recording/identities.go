package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"tacet/config/textfile"
)

// Bounds of an identity file.
const (
	maxIdentityFile = 1 << 20
	maxWorkFactor   = 20 // scrypt's: 1 GiB and some seconds; age writes 18
)

// ErrPassphrase says that an identity file doesn't open with the passphrase.
var ErrPassphrase = errors.New("the passphrase is wrong")

// NotIdentities says that a file holds something else than identities. It repeats nothing of what
// the file holds.
type NotIdentities struct {
	What string // what it holds
	Do   string // what to do about it
}

func (e *NotIdentities) Error() string { return e.What }

// Hint is what to do about it.
func (e *NotIdentities) Hint() string { return e.Do }

// ParseIdentities reads an identity file as age-keygen or tacet keygen writes it. One that is
// behind a passphrase asks passphrase for it, once. Plugins and SSH keys are not taken: a hostile
// file could start the one and probe the other.
func ParseIdentities(r io.Reader, passphrase func() (string, error)) ([]age.Identity, error) {
	return ParseIdentitiesTrying(r, func() ([]string, error) {
		pass, err := passphrase()
		return []string{pass}, err
	})
}

// ParseIdentitiesTrying is ParseIdentities with several passphrases, which it tries in their order.
func ParseIdentitiesTrying(r io.Reader, passphrases func() ([]string, error)) ([]age.Identity, error) {
	text, err := UnlockTrying(r, passphrases)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return plainIdentities(text)
}

// Unlock reads a file of secrets, which may be behind a passphrase: then it asks for that, once. It
// returns the text in it, as package textfile decodes it.
func Unlock(r io.Reader, passphrase func() (string, error)) ([]byte, error) {
	return UnlockTrying(r, func() ([]string, error) {
		pass, err := passphrase()
		return []string{pass}, err
	})
}

// UnlockTrying is Unlock with several passphrases, which it tries in their order.
func UnlockTrying(r io.Reader, passphrases func() ([]string, error)) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxIdentityFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxIdentityFile {
		return nil, &NotIdentities{"it is too long for a key", whichFile}
	}
	if bytes.HasPrefix(data, []byte(ageIntro)) { // not text
		return unlock(func() io.Reader { return bytes.NewReader(data) }, passphrases)
	}
	text, _, err := textfile.Decode(data)
	if err != nil {
		return nil, &NotIdentities{otherFile(data, fmt.Sprintf("it %v", err)), whichFile}
	}
	if begin := bytes.TrimSpace(text); bytes.HasPrefix(begin, []byte(armor.Header)) {
		return unlock(func() io.Reader { return armor.NewReader(bytes.NewReader(begin)) }, passphrases)
	}
	return text, nil
}

const ageIntro = "age-encryption.org/"

// unlock decrypts text that is behind one of the passphrases.
func unlock(sealed func() io.Reader, passphrases func() ([]string, error)) ([]byte, error) {
	if err := behindPassphrase(sealed()); err != nil {
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
		text, err := io.ReadAll(io.LimitReader(plain, maxIdentityFile))
		if err != nil {
			return nil, err
		}
		if meant, _, err := textfile.Decode(text); err == nil { // as the editor left it before it was locked
			return meant, nil
		}
		return text, nil
	}
	return nil, ErrPassphrase
}

// behindPassphrase tells what is locked with a passphrase from what is encrypted to somebody, as
// each part of a recording is: nobody is to type a passphrase for that.
func behindPassphrase(sealed io.Reader) error {
	var seen stanzaTypes
	_, _ = age.Decrypt(sealed, &seen) // its error is errSeen; what else may be wrong shows when it is decrypted
	if len(seen) > 0 && seen[0] != "scrypt" {
		return &NotIdentities{"it is something encrypted to a key, and no key itself", whichFile}
	}
	return nil
}

var errSeen = errors.New("seen")

// stanzaTypes is an identity that opens nothing, and remembers what it could have been opened with.
type stanzaTypes []string

func (s *stanzaTypes) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, stanza := range stanzas {
		*s = append(*s, stanza.Type)
	}
	return nil, errSeen
}

// plainIdentities reads identities, one on a line, between remarks.
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
				what = fmt.Sprintf("line %d is no key as tacet keygen makes it", n+1)
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

const whichFile = "name the file that tacet keygen -o wrote, office.key say: it stays in the office, and nothing else opens recordings"

// otherFile says what a file is that is no identity: each is something that lies beside one.
// Otherwise it says what otherwise is.
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
		return "it holds public keys, which close recordings and open none"
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
		return "it is the key of an age plugin, and those are not taken"
	case len(data) > 262 && string(data[257:262]) == "ustar":
		return "it is a recording itself, or another tar file, and no key"
	}
	return otherwise
}
