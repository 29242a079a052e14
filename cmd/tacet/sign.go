package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/config"
	"tacet/config/office"
	"tacet/config/textfile"
	"tacet/daemon/recording"
	"tacet/daemon/topic"
)

var signCommand = cli.Command{
	Name:  "sign",
	Usage: "-i KEY [-passphrase-file FILE] [LIST…]",
	About: "sign lists of recipients for the office",
	Help: `
Signs each LIST, a file of recipients such as practice.pub, with the office's signing key, which lies beside its KEY: office.sign beside
office.key. Units whose config names office.vkey take recipients from signed lists alone. Look through a list before you sign it: it says
who can open recordings. The signature is a remark; age reads the list as before.

    tacet sign -i office.key practice.pub

For an office that has a KEY, but no signing key yet, it makes office.sign, behind the same passphrase, and office.vkey.`,
	Run: sign,
}

func sign(env *cli.Env, args []string) error {
	flags := env.Flags()
	key := flags.String("i", "", "the office's `KEY`, as tacet keygen made it")
	passphraseFile := flags.String("passphrase-file", "", "take the key's passphrase from `FILE`, and don't ask")
	lists, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case *key == "":
		return env.Usage("-i names no key")
	}
	for _, list := range lists { // before anybody types a passphrase
		if _, err := recipientsOf(list); err != nil {
			return err
		}
	}
	signer, err := signerFor(env, *key, *passphraseFile)
	if err != nil {
		return err
	}
	for _, list := range lists {
		if err := signList(env, list, signer); err != nil {
			return err
		}
	}
	return nil
}

// signerFor is the office's signing key, made where there is none.
func signerFor(env *cli.Env, key, passphraseFile string) (office.Signer, error) {
	files := signingFiles(key)
	if _, err := os.Lstat(files.private); !errors.Is(err, fs.ErrNotExist) {
		return officeSigner(env, key, passphraseFile)
	}
	if _, err := os.Lstat(files.public); err == nil {
		return office.Signer{}, cli.WithHint(fmt.Errorf("%s is there, and %s, which belongs to it, is not", files.public,
			files.private),
			"find it; or, if it is lost, move %s away, and give every unit the new one", files.public)
	}
	passphrase := ""
	plain, err := unlock(key, func() ([]string, error) {
		tries, err := env.Passphrases("passphrase for "+key, passphraseFile)
		if err == nil {
			passphrase = tries[0] // as it was meant
		}
		return tries, err
	})
	if err != nil {
		return office.Signer{}, err
	}
	// It is unlocked, and asks for nothing.
	if _, err := recording.ParseIdentities(bytes.NewReader(plain), nil); err != nil {
		return office.Signer{}, fmt.Errorf("%s is no key that opens recordings: %w", key, err)
	}
	signer, err := files.make(officeName(key), passphrase)
	if err != nil {
		return office.Signer{}, err
	}
	env.Note("made %s, which signs for the office: keep it with %s; and %s, which every unit gets", files.private, key,
		files.public)
	return signer, nil
}

// recipientsOf are the public keys in a list. What a unit would not take isn't signed.
func recipientsOf(list string) ([]string, error) {
	if _, err := os.Stat(list); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	abs, err := filepath.Abs(list) // else its name could be taken for a key
	if err != nil {
		return nil, err
	}
	return config.Recipients([]string{abs})
}

// signList signs one list, in its place, and says who is in it.
func signList(env *cli.Env, name string, signer office.Signer) error {
	keys, err := recipientsOf(name)
	if err != nil {
		return err
	}
	text, err := textfile.Read(name, office.MaxList)
	if err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	if !lists(text, keys) {
		return cli.WithHint(fmt.Errorf("%s was changed while it was being signed", name),
			"look through it, and sign it again")
	}
	signed, err := office.SignList(text, signer)
	if err != nil {
		return fmt.Errorf("sign %s: it %w", name, err)
	}
	if err := replace(name, signed); err != nil {
		return fmt.Errorf("sign %s: %w", name, err)
	}
	var short, prints []string
	for _, k := range keys {
		prints = append(prints, recording.Fingerprint(k))
		short = append(short, k[:min(len(k), 14)]+"…"+k[max(0, len(k)-8):])
	}
	env.Note("%s is signed by %s, for %s: %s", name, signer.Name(), count(len(keys)), strings.Join(short, ", "))
	env.Note("a unit that takes this list, and no other, shows over MQTT: recipients %s", topic.RecipientsHash(prints))
	return nil
}

// lists reports whether a list's lines are these keys, and no others: what is signed is what was
// checked, and is said to be in it.
func lists(text []byte, keys []string) bool {
	there := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			there[line] = true
		}
	}
	for _, key := range keys {
		if !there[key] {
			return false
		}
	}
	return len(there) == len(keys)
}

// replace puts new content into a file that is there, wholly or not at all, and leaves its rights
// as they are.
func replace(name string, content []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	temp := name + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by an interruption
		return err
	}
	if err := writeNew(temp, content, info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Rename(temp, name); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(name))
}
