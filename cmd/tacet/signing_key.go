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

// signingFiles are the names of the two files, beside an office's key, that hold its signing key:
// the private half, encrypted with the key's passphrase, and the public half, which units get.
type signingFiles struct{ private, public string }

// signingFilesFor returns the names beside a key: office.sign and office.vkey for office.key or
// office.sign.
func signingFilesFor(key string) signingFiles {
	stem := strings.TrimSuffix(strings.TrimSuffix(key, ".key"), ".sign")
	return signingFiles{stem + ".sign", stem + ".vkey"}
}

// existing returns the name of a file that exists already, or "".
func (s signingFiles) existing() string {
	for _, name := range []string{s.private, s.public} {
		if _, err := os.Lstat(name); err == nil {
			return name
		}
	}
	return ""
}

var notInName = regexp.MustCompile(`[^a-z0-9-]+`)

// officeName derives an office's name from the name of its key file.
func officeName(key string) string {
	base := filepath.Base(signingFilesFor(key).private)
	name := notInName.ReplaceAllString(strings.ToLower(strings.TrimSuffix(base, ".sign")), "-")
	if name = strings.Trim(name, "-"); name == "" {
		return "office"
	}
	return strings.Trim(name[:min(len(name), 32)], "-")
}

// make makes both files. Without a passphrase the private half is not encrypted.
func (s signingFiles) make(name, passphrase string) (office.Signer, error) {
	private, public, err := office.NewKey(name)
	if err != nil {
		return office.Signer{}, err
	}
	content := fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", time.Now().Format(time.RFC3339), public, private)
	if passphrase != "" {
		if content, err = encryptKey(content, passphrase); err != nil {
			return office.Signer{}, fmt.Errorf("encrypt %s: %w", s.private, err)
		}
	}
	if err := writeNew(s.private, content, 0o600); err != nil {
		return office.Signer{}, fmt.Errorf("write the office's signing key: %w", err)
	}
	if err := writeNew(s.public, []byte(public+"\n"), 0o644); err != nil {
		return office.Signer{}, fmt.Errorf("write the office's public signing key: %w", err)
	}
	return office.ParseSigner(private)
}

// publicLine precedes the public half in the private file.
const publicLine = "# public key: "

// open reads the private half. If the public half is missing, it writes it again.
func (s signingFiles) open(passphrases func() ([]string, error)) (office.Signer, error) {
	plain, err := decryptKey(s.private, passphrases)
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
			return office.Signer{}, fmt.Errorf("write the office's public signing key: %w", err)
		}
	}
	return signer, nil
}

// decryptKey reads a key file, which may be encrypted with a passphrase.
func decryptKey(name string, passphrases func() ([]string, error)) ([]byte, error) {
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

// openSigner opens the office's signing key, which is beside the key that -i names.
func openSigner(env *cli.Env, key, passphraseFile string) (office.Signer, error) {
	s := signingFilesFor(key)
	if _, err := os.Stat(s.private); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
			return office.Signer{}, cli.WithHint(fmt.Errorf("there is no key %s, and no %s, which signs for the office",
				key, s.private),
				"name the key that tacet keygen made, or %s itself", s.private)
		}
		return office.Signer{}, cli.WithHint(fmt.Errorf("there is no %s, which signs for the office", s.private),
			"make it with \"tacet sign -i %s\"", key)
	}
	return s.open(func() ([]string, error) { return env.Passphrases("passphrase for "+s.private, passphraseFile) })
}
