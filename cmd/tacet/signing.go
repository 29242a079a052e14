package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/config/office"
	"tacet/daemon/recording"
)

// signing are the two files beside an office's key that make its word: the private half of its
// signing key, behind the same passphrase, and the public half, which its units get.
type signing struct{ private, public string }

// signingFiles are those beside a key: office.sign and office.vkey for office.key, or for
// office.sign itself.
func signingFiles(key string) signing {
	stem := strings.TrimSuffix(strings.TrimSuffix(key, ".key"), ".sign")
	return signing{stem + ".sign", stem + ".vkey"}
}

// there returns the name of one that exists already, or "".
func (s signing) there() string {
	for _, name := range []string{s.private, s.public} {
		if _, err := os.Lstat(name); err == nil {
			return name
		}
	}
	return ""
}

var notPlain = regexp.MustCompile(`[^a-z0-9-]+`)

// officeName is what an office is called whose key lies in this file.
func officeName(key string) string {
	base := filepath.Base(signingFiles(key).private)
	name := notPlain.ReplaceAllString(strings.ToLower(strings.TrimSuffix(base, ".sign")), "-")
	if name = strings.Trim(name, "-"); name == "" {
		return "office"
	}
	return strings.Trim(name[:min(len(name), 32)], "-")
}

// make makes the two files. Without a passphrase the private half is for everybody who gets the
// file.
func (s signing) make(name, passphrase string) (office.Signer, error) {
	private, public, err := office.NewKey(name)
	if err != nil {
		return office.Signer{}, err
	}
	content := fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", time.Now().Format(time.RFC3339), public, private)
	if passphrase != "" {
		if content, err = lock(content, passphrase); err != nil {
			return office.Signer{}, fmt.Errorf("encrypt %s: %w", s.private, err)
		}
	}
	if err := writeNew(s.private, content, 0o600); err != nil {
		return office.Signer{}, fmt.Errorf("write the office's signing key: %w", err)
	}
	if err := writeNew(s.public, []byte(public+"\n"), 0o644); err != nil {
		return office.Signer{}, fmt.Errorf("write the public half of the office's signing key: %w", err)
	}
	return office.ParseSigner(private)
}

// publicLine is where the private file names the public half.
const publicLine = "# public key: "

// open reads the private half, and writes the public one anew where it is missing.
func (s signing) open(passphrases func() ([]string, error)) (office.Signer, error) {
	plain, err := unlock(s.private, passphrases)
	if err != nil {
		return office.Signer{}, err
	}
	var private, public string
	for line := range strings.Lines(string(plain)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, publicLine); ok {
			public = rest
		} else if line != "" && !strings.HasPrefix(line, "#") {
			private = line
		}
	}
	signer, err := office.ParseSigner(private)
	if err != nil {
		return office.Signer{}, fmt.Errorf("read the office's signing key: %s %w", s.private, err)
	}
	if _, err := os.Lstat(s.public); errors.Is(err, fs.ErrNotExist) && public != "" {
		if err := writeNew(s.public, []byte(public+"\n"), 0o644); err != nil {
			return office.Signer{}, fmt.Errorf("write the public half of the office's signing key: %w", err)
		}
	}
	return signer, nil
}

// unlock reads a file of secrets, which may be behind a passphrase.
func unlock(name string, passphrases func() ([]string, error)) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	defer f.Close()
	plain, err := recording.UnlockTrying(f, passphrases)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", name, err)
	}
	return plain, nil
}

// officeSigner is the office's signing key beside the key that -i names.
func officeSigner(env *cli.Env, key, passphraseFile string) (office.Signer, error) {
	s := signingFiles(key)
	if _, err := os.Stat(s.private); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
			return office.Signer{}, cli.WithHint(fmt.Errorf("there is no key %s, and no %s, which signs for the office",
				key, s.private),
				"name the key that tacet keygen made, or %s itself", s.private)
		}
		return office.Signer{}, cli.WithHint(fmt.Errorf("there is no %s, which signs for the office", s.private),
			"\"tacet sign -i %s\" makes it", key)
	}
	return s.open(func() ([]string, error) { return env.Passphrases("passphrase for "+s.private, passphraseFile) })
}
