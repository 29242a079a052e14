package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/config"
	"tacet/daemon/recording"
)

// recipientSet holds the recipients that verify -recipients names: the age stanza type of each, by
// fingerprint.
type recipientSet map[string]string

// readRecipients reads public keys, or files of them. A bad key says nothing about the recording,
// so the error exits as bad usage does.
func readRecipients(names []string) (recipientSet, error) {
	if len(names) == 0 {
		return nil, nil
	}
	keys, err := config.Recipients(names)
	if err == nil && len(keys) == 0 {
		err = errors.New("-recipients names no key")
	}
	if err != nil {
		return nil, cli.WithHint(cli.Exit(cli.ExitUsage, err),
			"-recipients takes public keys and files of them, as [encrypt] recipients does in a unit's config")
	}
	set := recipientSet{}
	for _, key := range keys {
		set[recording.Fingerprint(key)] = recording.ClassicStanza
		if strings.HasPrefix(key, "age1pq1") {
			set[recording.Fingerprint(key)] = recording.HybridStanza
		}
	}
	return set, nil
}

// verify prints or returns who can open a recording. A nil set, or a file that is no recording, is
// not checked.
func (set recipientSet) verify(env *cli.Env, name string, rep *recording.Report) error {
	if set == nil || rep.State == recording.Foreign {
		return nil
	}
	if err := set.check(rep); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return env.Printf("    for %s named by -recipients, with as many stanzas in key.age; "+
		"to learn whose they are, open it with each key\n", plural(len(rep.Stanzas), "recipient"))
}

// check returns an error if anybody else may be able to open the recording. The recipients that
// recording.json names are only a claim; the stanzas of key.age show how many there are, and of
// which type.
func (set recipientSet) check(rep *recording.Report) error {
	if !rep.HeadProved {
		return errors.New("can't tell who can open it: nothing proves its head")
	}
	named := slices.Compact(slices.Sorted(slices.Values(rep.Head.Recipients)))
	claimed := map[string]int{}
	var others []string
	for _, print := range named {
		if stanza, ok := set[print]; ok {
			claimed[stanza]++
		} else {
			others = append(others, print)
		}
	}
	if len(others) > 0 {
		return cli.WithHint(fmt.Errorf("somebody else can open it too: recording.json names %s", strings.Join(others, ", ")),
			"those are fingerprints of public keys: printf %%s age1… | sha256sum | cut -c1-32")
	}
	stanzas := map[string]int{}
	for _, s := range rep.Stanzas {
		stanzas[s]++
		if s != recording.ClassicStanza && s != recording.HybridStanza {
			return fmt.Errorf("somebody else can open it too: key.age has a stanza of type %q, which no recipient has", s)
		}
	}
	if n := len(rep.Stanzas); n == 0 {
		return errors.New("can't tell who can open it: key.age is not an age file")
	} else if n > len(named) {
		return fmt.Errorf("somebody else can open it too: recording.json names %d, but key.age has %d stanzas",
			len(named), n)
	} else if n < len(named) {
		return fmt.Errorf("somebody else may be able to open it: recording.json names %d, but key.age has %d stanzas",
			len(named), n)
	}
	for s, n := range stanzas {
		if n != claimed[s] {
			return fmt.Errorf("somebody else can open it: key.age has %d stanzas of type %s, "+
				"but recording.json names %d such keys", n, s, claimed[s])
		}
	}
	return nil
}
