package main

import (
	"errors"
	"fmt"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	"tacet/config"
	"tacet/daemon/recording"
)

var whoseCommand = cli.Command{
	Name:  "whose",
	Usage: "[-i KEY]… [-passphrase-file FILE] FILE…",
	About: "say for which keys recordings are",
	Help: `
Names the keys that a recording is for, by their fingerprints, as recording.json in it has them. Each -i is a key of yours, the secret file or the
public one: it says which of them it is. A secret key is tried, too: it says whether the recording opens with it.

The fingerprint of a public key is that of
    printf %s age1… | sha256sum | cut -c1-32

With -i it exits with 1 if none of the keys fits.`,
	Run: whose,
}

// mine is one of the user's keys.
type mine struct {
	file       string
	prints     []string
	identities []age.Identity // none: it is a public key
}

func whose(env *cli.Env, args []string) error {
	fs := env.Flags()
	var named names
	fs.Var(&named, "i", "say whether it is for the key in the file `KEY`; may be repeated")
	passphraseFile := fs.String("passphrase-file", "", "take the passphrase from `FILE`, and don't ask")
	files, err := env.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return env.Usage("whose names no recording")
	}
	var keys []mine
	for _, name := range named {
		key, err := readMine(env, name, *passphraseFile)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	var failed []error
	for _, name := range files {
		if err := whoseIs(env, name, keys); err != nil {
			failed = append(failed, err)
		}
		if env.Ctx.Err() != nil {
			return env.Ctx.Err()
		}
	}
	if len(failed) > 0 {
		return cli.Exit(cli.ExitFailed, join(failed))
	}
	return nil
}

// readMine reads a key, of which the public half will do.
func readMine(env *cli.Env, name, passphraseFile string) (mine, error) {
	key := mine{file: name}
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
	public, other := config.Recipients([]string{name})
	if other != nil {
		return key, err
	}
	for _, p := range public {
		key.prints = append(key.prints, recording.Fingerprint(p))
	}
	return key, nil
}

// fingerprint is that of the public half.
func fingerprint(id age.Identity) string {
	switch id := id.(type) {
	case *age.X25519Identity:
		return recording.Fingerprint(id.Recipient().String())
	case *age.HybridIdentity:
		return recording.Fingerprint(id.Recipient().String())
	}
	return "unknown"
}

// whoseIs prints for whom one recording is. The error says that it can't be told, or that none of
// the keys fits.
func whoseIs(env *cli.Env, name string, keys []mine) error {
	rep, err := inspect(env, name, nil)
	if err != nil {
		return err
	}
	if rep.State == recording.Foreign || !rep.HeadRead {
		return fmt.Errorf("%w; for whom it is can't be told", incomplete(name, rep))
	}
	head := fmt.Sprintf("%s: names %s", name, countKeys(len(rep.Head.Recipients)))
	if !rep.HeadProved {
		head += ", which nothing proves"
	}
	if n := len(rep.Stanzas); n != len(rep.Head.Recipients) {
		head += ", and can be opened with " + countKeys(n)
	}
	if err := env.Printf("%s\n", head); err != nil {
		return err
	}
	of := map[string]string{}
	for _, key := range keys {
		for _, print := range key.prints {
			of[print] = key.file
		}
	}
	fits := false
	for _, print := range rep.Head.Recipients {
		line := "    " + print
		if file := of[print]; file != "" {
			line, fits = line+"  "+file, true
		}
		if err := env.Printf("%s\n", line); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if len(key.identities) == 0 {
			continue
		}
		said := "doesn't open it"
		switch err := tryKey(env, name, key.identities); {
		case err == nil:
			said, fits = "opens it", true
		case !errors.Is(err, recording.ErrIdentity):
			said = fmt.Sprintf("can't be tried: %v", err)
		}
		if err := env.Printf("    %s %s\n", key.file, said); err != nil {
			return err
		}
	}
	if len(keys) > 0 && !fits {
		return cli.WithHint(fmt.Errorf("%s is for none of the keys given", name),
			"look for the key whose public half has one of these fingerprints; each office has at least two")
	}
	return nil
}

func countKeys(n int) string {
	if n == 1 {
		return "1 key"
	}
	return fmt.Sprintf("%d keys", n)
}

// errOpened ends the opening of a recording as soon as there is something to write.
var errOpened = errors.New("it opens")

type untilOpened struct{}

func (untilOpened) Write([]byte) (int, error) { return 0, errOpened }

// tryKey opens a recording as far as it takes to know that it can be.
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
