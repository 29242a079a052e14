package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	"tacet/config/office"
)

var keygenCommand = cli.Command{
	Name:  "keygen",
	Usage: "[-plain] [-passphrase-file FILE] -o FILE",
	About: "make the key that opens recordings",
	Help: `
Writes a new key, behind a passphrase, to FILE, and prints its public half, the recipient, for a unit's config. The key is
post-quantum, and an ordinary age identity: age 1.3 or later opens with it what tacet opens.

    tacet keygen -o office.key > practice.pub

Beside it two more files are written: office.sign, behind the same passphrase, signs for the office which recipients and which
drives its units may trust ("tacet sign", "tacet drive init -i"); office.vkey is the public half of that, which every unit gets. What
is printed carries the office's signature, in a remark.

Keep the key in the office, and a copy of it elsewhere. Whoever loses it and its passphrase loses every recording.`,
	Run: keygen,
}

// workFactor is how hard a passphrase is to guess: age's own 2^18, about a second on a desk's
// machine.
var workFactor = 18

// shortPassphrase is how long one should be at least, in characters: four words.
const shortPassphrase = 12

func keygen(env *cli.Env, args []string) error {
	fs := env.Flags()
	out := fs.String("o", "", "write the key to `FILE`, which must not exist yet")
	plain := fs.Bool("plain", false, "without a passphrase: anybody who gets the file can open recordings")
	passphraseFile := fs.String("passphrase-file", "", "take the passphrase from `FILE`, and don't ask")
	operands, err := env.Parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(operands) > 0:
		return env.Usage("keygen takes no %q", operands[0])
	case *out == "" || *out == "-":
		return env.Usage("-o names no file for the key")
	case *plain && *passphraseFile != "":
		return env.Usage("-plain and -passphrase-file exclude each other")
	}
	switch filepath.Ext(*out) {
	case ".pub", ".vkey", ".sign":
		return cli.WithHint(fmt.Errorf("the key is secret, and %s would say that it is something else", *out),
			"write -o %s.key", strings.TrimSuffix(*out, filepath.Ext(*out)))
	}
	if err := folderThere(*out); err != nil {
		return err
	}
	if _, err := os.Lstat(*out); err == nil {
		return keyExists(*out) // before anybody thinks of a passphrase
	}
	sign := signingFiles(*out)
	if there := sign.there(); there != "" {
		return keyExists(there)
	}
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	recipient := identity.Recipient().String()
	content := fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", time.Now().Format(time.RFC3339), recipient,
		identity)
	passphrase := ""
	if !*plain {
		if passphrase, err = env.NewPassphrase("passphrase for "+*out, *passphraseFile); err != nil {
			return err
		}
		if utf8.RuneCountInString(passphrase) < shortPassphrase {
			env.Warn("the passphrase is short; four words or more are hard to guess")
		}
		if content, err = lock(content, passphrase); err != nil {
			return fmt.Errorf("encrypt %s: %w", *out, err)
		}
	}
	if err := writeNew(*out, content, 0o600); errors.Is(err, os.ErrExist) {
		return keyExists(*out)
	} else if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	list := []byte(recipient + "\n")
	signer, err := sign.make(officeName(*out), passphrase)
	if err == nil {
		list, err = office.SignList(list, signer)
	}
	if err != nil {
		err = cli.WithHint(err, "the key itself is written; \"tacet sign -i %s practice.pub\" makes up for it", *out)
	}
	if printed := env.PrintLines(string(list)); printed != nil {
		return errors.Join(err, cli.WithHint(fmt.Errorf("print the recipient: %w", printed),
			"the key is written; its second line, decrypted, holds the recipient"))
	}
	if err != nil {
		return err
	}
	env.Note("%s opens recordings, and %s signs for the office: keep both there, and a copy elsewhere; a unit needs only what is printed, and %s",
		*out, sign.private, sign.public)
	return nil
}

func keyExists(name string) error {
	return cli.WithHint(fmt.Errorf("%s exists already", name),
		"choose another name; a key that is overwritten opens nothing ever again")
}

// lock encrypts the key to a passphrase.
func lock(content []byte, passphrase string) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(workFactor)
	var locked bytes.Buffer
	w, err := age.Encrypt(&locked, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return locked.Bytes(), err
}

// writeNew writes a file that must not exist. When it returns nil, the file and its name outlive a
// power cut: the file is synced, and then the folder. After an error there is no file.
func writeNew(name string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncFolder(filepath.Dir(name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// syncFolder makes the names in a folder durable. Windows has no such call: there the file system's
// own journal does it.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
