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
Writes a new key to FILE, encrypted with a passphrase, and prints its public half, the recipient,
for a unit's config. The key is post-quantum and an ordinary age identity: age 1.3 or later opens
with it what tacet opens.

    tacet keygen -o office.key > practice.pub

It also writes two files beside the key. office.sign, with the same passphrase, signs the recipients
and drives that the office's units may trust ("tacet sign", "tacet drive init -i"). office.vkey is
its public half, which every unit gets. The printed recipient carries the office's signature in a
comment.

Keep the key in the office, and a copy of it elsewhere. Without the key and its passphrase, every
recording is lost.`,
	Run: keygen,
}

// workFactor makes guessing a passphrase expensive: age's own 2^18, about a second on a desktop
// computer.
var workFactor = 18

// minPassphrase is the length, in characters, below which keygen warns: four words are longer.
const minPassphrase = 12

func keygen(env *cli.Env, args []string) error {
	fs := env.Flags()
	out := fs.String("o", "", "write the key to `FILE`, which must not exist")
	plain := fs.Bool("plain", false, "no passphrase: anybody who gets the file can open recordings")
	passphraseFile := fs.String("passphrase-file", "", "read the passphrase from `FILE`, and don't ask")
	operands, err := env.Parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(operands) > 0:
		return env.Usage("keygen takes no argument %q", operands[0])
	case *out == "" || *out == "-":
		return env.Usage("name the file for the key with -o")
	case *plain && *passphraseFile != "":
		return env.Usage("-plain and -passphrase-file exclude each other")
	}
	if err := checkKeyName(*out); err != nil {
		return err // before anybody is asked for a passphrase
	}
	passphrase := ""
	if !*plain {
		if passphrase, err = env.NewPassphrase("passphrase for "+*out, *passphraseFile); err != nil {
			return err
		}
		if utf8.RuneCountInString(passphrase) < minPassphrase {
			env.Warn("the passphrase is short; four words or more are hard to guess")
		}
	}
	return makeKeys(env, *out, passphrase)
}

// checkKeyName refuses a name that is taken, or that belongs to another kind of key.
func checkKeyName(name string) error {
	switch extension := filepath.Ext(name); extension {
	case ".pub", ".vkey", ".sign":
		return cli.WithHint(fmt.Errorf("the key is secret, but the name %s is that of another kind of key", name),
			"write -o %s.key", strings.TrimSuffix(name, extension))
	}
	if err := checkFolder(name); err != nil {
		return err
	}
	if _, err := os.Lstat(name); err == nil {
		return keyExists(name)
	}
	if other := signingFilesFor(name).existing(); other != "" {
		return keyExists(other)
	}
	return nil
}

// makeKeys writes the key and the signing key beside it, and prints the signed recipient.
func makeKeys(env *cli.Env, out, passphrase string) error {
	recipient, err := makeKey(out, passphrase)
	if err != nil {
		return err
	}
	list := []byte(recipient + "\n")
	sign := signingFilesFor(out)
	signer, err := sign.make(officeName(out), passphrase)
	if err == nil {
		list, err = office.SignList(list, signer)
	}
	if err != nil {
		err = cli.WithHint(err, "the key itself is written; run \"tacet sign -i %s practice.pub\" to sign later", out)
	}
	if printErr := env.PrintLines(string(list)); printErr != nil {
		return errors.Join(err, cli.WithHint(fmt.Errorf("print the recipient: %w", printErr),
			"the key is written; its second line, decrypted, is the recipient"))
	}
	if err != nil {
		return err
	}
	env.Note("%s opens recordings, and %s signs for the office: keep both in the office, and a copy elsewhere; "+
		"a unit needs only the printed recipient and %s", out, sign.private, sign.public)
	return nil
}

// makeKey makes a key, writes it to a new file, and returns its recipient.
func makeKey(out, passphrase string) (recipient string, err error) {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	recipient = identity.Recipient().String()
	content := fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", time.Now().Format(time.RFC3339), recipient,
		identity)
	if passphrase != "" {
		if content, err = encryptKey(content, passphrase); err != nil {
			return "", fmt.Errorf("encrypt %s: %w", out, err)
		}
	}
	if err := writeNew(out, content, 0o600); errors.Is(err, os.ErrExist) {
		return "", keyExists(out)
	} else if err != nil {
		return "", fmt.Errorf("write the key: %w", err)
	}
	return recipient, nil
}

func keyExists(name string) error {
	return cli.WithHint(fmt.Errorf("%s already exists", name),
		"choose another name; overwriting a key would lose every recording made for it")
}

// encryptKey encrypts a key file with a passphrase.
func encryptKey(content []byte, passphrase string) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(workFactor)
	var encrypted bytes.Buffer
	w, err := age.Encrypt(&encrypted, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return encrypted.Bytes(), err
}

// writeNew writes a file that must not exist. When it returns nil, the file and its name survive a
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

// syncFolder makes the names in a folder durable. Windows has no such call; its file system's
// journal does it.
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
