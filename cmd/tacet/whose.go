package main

import (
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	"tacet/config"
	"tacet/daemon/recording"
)

var whoseCommand = cli.Command{
	Name:  "whose",
	Usage: "[-i KEY]… [-passphrase-file FILE] FILE…",
	About: "list the keys that recordings are for",
	Help: `
Lists the fingerprints of the keys that a recording is for, as its recording.json names them. With -i,
where KEY is a secret or public key file of yours, it marks those that are yours. It also tries each
secret key, and says whether the recording opens with it.

To get the fingerprint of a public key:
    printf %s age1… | sha256sum | cut -c1-32

With -i it exits with 1 if none of the keys fits.`,
	Run: whose,
}

// ownKey is one of the user's keys.
type ownKey struct {
	file       string
	prints     []string
	identities []age.Identity // empty for a public key
}

func whose(env *cli.Env, args []string) error {
	fs := env.Flags()
	var named stringList
	fs.Var(&named, "i", "mark the key in the file `KEY`; may be repeated")
	passphraseFile := fs.String("passphrase-file", "", "read the passphrase from `FILE`, and don't ask")
	files, err := env.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return env.Usage("name a recording")
	}
	var keys []ownKey
	for _, name := range named {
		key, err := readOwnKey(env, name, *passphraseFile)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	var failed []error
	for _, name := range files {
		if err := printKeys(env, name, keys); err != nil {
			failed = append(failed, err)
		}
		if env.Ctx.Err() != nil {
			return env.Ctx.Err()
		}
	}
	if len(failed) > 0 {
		return cli.Exit(cli.ExitFailed, joinErrors(failed))
	}
	return nil
}

// readOwnKey reads a secret or public key file.
func readOwnKey(env *cli.Env, name, passphraseFile string) (ownKey, error) {
	key := ownKey{file: name}
	ids, err := readIdentities(env, name, passphraseFile)
	if err == nil {
		key.identities = ids
		for _, id := range ids {
			key.prints = append(key.prints, fingerprint(id))
		}
		return key, nil
	}
	if !errors.As(err, new(*recording.NotIdentities)) {
		return key, err
	}
	public, publicErr := config.Recipients([]string{name})
	if publicErr != nil {
		return key, err
	}
	for _, p := range public {
		key.prints = append(key.prints, recording.Fingerprint(p))
	}
	return key, nil
}

// fingerprint returns the fingerprint of an identity's public half.
func fingerprint(id age.Identity) string {
	switch id := id.(type) {
	case *age.X25519Identity:
		return recording.Fingerprint(id.Recipient().String())
	case *age.HybridIdentity:
		return recording.Fingerprint(id.Recipient().String())
	}
	return "unknown"
}

// printKeys prints which keys one recording is for. It returns an error if that can't be told, or
// if none of the user's keys fits.
func printKeys(env *cli.Env, name string, keys []ownKey) error {
	rep, err := inspect(env, name, nil)
	if err != nil {
		return err
	}
	if rep.State == recording.Foreign || !rep.HeadRead {
		return fmt.Errorf("%w; can't tell which keys it is for", incomplete(name, rep))
	}
	text := fmt.Sprintf("%s: names %s", name, plural(len(rep.Head.Recipients), "key"))
	if !rep.HeadProved {
		text += ", which nothing proves"
	}
	if n := len(rep.Stanzas); n != len(rep.Head.Recipients) {
		text += ", but opens with " + plural(n, "key")
	}
	text += "\n"
	fits := false
	for _, print := range rep.Head.Recipients {
		text += "    " + print
		for _, key := range keys {
			if slices.Contains(key.prints, print) {
				text, fits = text+"  "+key.file, true
				break
			}
		}
		text += "\n"
	}
	if err := env.PrintLines(text); err != nil {
		return err
	}
	opens, err := tryKeys(env, name, keys)
	if err != nil {
		return err
	}
	if len(keys) > 0 && !fits && !opens {
		return cli.WithHint(fmt.Errorf("%s is for none of the keys given", name),
			"look for the key whose public half has one of these fingerprints; each office has at least two")
	}
	return nil
}

// tryKeys tries each secret key, prints the result, and reports whether one opens the recording.
func tryKeys(env *cli.Env, name string, keys []ownKey) (opens bool, err error) {
	for _, key := range keys {
		if len(key.identities) == 0 {
			continue
		}
		result := "doesn't open it"
		switch err := tryKey(env, name, key.identities); {
		case err == nil:
			result, opens = "opens it", true
		case !errors.Is(err, recording.ErrIdentity):
			result = fmt.Sprintf("can't be tried: %v", err)
		}
		if err := env.Printf("    %s %s\n", key.file, result); err != nil {
			return false, err
		}
	}
	return opens, nil
}

// errOpened ends the opening of a recording at its first byte of sound.
var errOpened = errors.New("it opens")

// untilOpened refuses the first byte of sound.
type untilOpened struct{}

func (untilOpened) Write([]byte) (int, error) { return 0, errOpened }

// tryKey opens a recording as far as needed to see that the key fits.
func tryKey(env *cli.Env, name string, ids []age.Identity) error {
	f, size, err := openFile(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = recording.Open(interruptible{env.Ctx, f}, size, untilOpened{}, recording.Opening{Identities: ids})
	if errors.Is(err, errOpened) || errors.Is(err, recording.ErrNoSound) {
		return nil
	}
	return err
}
