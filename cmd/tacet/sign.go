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
Signs each LIST, a file of recipients such as practice.pub, with the office's signing key, which is
beside KEY: office.sign beside office.key. Units whose config names office.vkey accept recipients
only from signed lists. Read a list before you sign it: it says who can open recordings. The
signature is a comment, so age can still read the list.

    tacet sign -i office.key practice.pub

If there is no signing key beside KEY yet, sign makes one: office.sign, with the same passphrase,
and office.vkey.`,
	Run: sign,
}

func sign(env *cli.Env, args []string) error {
	flags := env.Flags()
	key := flags.String("i", "", "the office's `KEY`, made by tacet keygen")
	passphraseFile := flags.String("passphrase-file", "", "read the key's passphrase from `FILE`, and don't ask")
	lists, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case *key == "":
		return env.Usage("name the office's key with -i")
	}
	for _, list := range lists { // before anybody types a passphrase
		if _, err := readList(list); err != nil {
			return err
		}
	}
	signer, err := openOrMakeSigner(env, *key, *passphraseFile)
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

// openOrMakeSigner opens the office's signing key, or makes it if there is none.
func openOrMakeSigner(env *cli.Env, key, passphraseFile string) (office.Signer, error) {
	files := signingFilesFor(key)
	if _, err := os.Lstat(files.private); !errors.Is(err, fs.ErrNotExist) {
		return openSigner(env, key, passphraseFile)
	}
	if _, err := os.Lstat(files.public); err == nil {
		return office.Signer{}, cli.WithHint(fmt.Errorf("%s exists, but its private half %s does not", files.public,
			files.private),
			"find %s; if it is lost, move %s away, sign again, and give every unit the new one", files.private, files.public)
	}
	passphrase := ""
	plain, err := decryptKey(key, func() ([]string, error) {
		tries, err := env.Passphrases("passphrase for "+key, passphraseFile)
		if err == nil {
			passphrase = tries[0] // the likeliest spelling
		}
		return tries, err
	})
	if err != nil {
		return office.Signer{}, err
	}
	if _, err := recording.ParseIdentities(bytes.NewReader(plain), nil); err != nil { // decrypted, so it asks for nothing
		return office.Signer{}, fmt.Errorf("%s is not a key that opens recordings: %w", key, err)
	}
	signer, err := files.make(officeName(key), passphrase)
	if err != nil {
		return office.Signer{}, err
	}
	env.Note("made %s, which signs for the office, and %s, which every unit gets; keep %s with %s", files.private,
		files.public, files.private, key)
	return signer, nil
}

// readList returns the public keys in a list, if a unit would accept them.
func readList(list string) ([]string, error) {
	if _, err := os.Stat(list); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	abs, err := filepath.Abs(list) // config.Recipients could take a relative name for a key
	if err != nil {
		return nil, err
	}
	return config.Recipients([]string{abs})
}

// signList signs one list in place, and prints who is in it.
func signList(env *cli.Env, name string, signer office.Signer) error {
	keys, err := readList(name)
	if err != nil {
		return err
	}
	text, err := textfile.Read(name, office.MaxList)
	if err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	if !hasExactly(text, keys) {
		return cli.WithHint(fmt.Errorf("%s was changed while it was being signed", name),
			"read it, and sign it again")
	}
	signed, err := office.SignList(text, signer)
	if err != nil {
		return fmt.Errorf("sign %s: it %w", name, err)
	}
	if err := replaceFile(name, signed); err != nil {
		return fmt.Errorf("sign %s: %w", name, err)
	}
	var short, prints []string
	for _, k := range keys {
		prints = append(prints, recording.Fingerprint(k))
		short = append(short, k[:min(len(k), 14)]+"…"+k[max(0, len(k)-8):])
	}
	env.Note("%s is signed by %s, for %s: %s", name, signer.Name(), plural(len(keys), "recipient"),
		strings.Join(short, ", "))
	env.Note("a unit with exactly this list shows over MQTT: recipients %s", topic.RecipientsHash(prints))
	return nil
}

// hasExactly reports whether a list has these keys and no others, so that exactly what was checked
// is signed.
func hasExactly(text []byte, keys []string) bool {
	found := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			found[line] = true
		}
	}
	for _, key := range keys {
		if !found[key] {
			return false
		}
	}
	return len(found) == len(keys)
}

// replaceFile replaces a file's content, wholly or not at all, and keeps its permissions.
func replaceFile(name string, content []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	temp := name + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) { // left over from an interruption
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
