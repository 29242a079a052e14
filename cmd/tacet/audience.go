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

// audience is those who may be able to open a recording, as verify -recipients names them:
// fingerprints, each with the type of its stanza.
type audience map[string]string

// readAudience reads public keys, or files of them. What is wrong with them says nothing of a
// recording.
func readAudience(named []string) (audience, error) {
	if len(named) == 0 {
		return nil, nil
	}
	keys, err := config.Recipients(named)
	if err == nil && len(keys) == 0 {
		err = errors.New("-recipients names nobody")
	}
	if err != nil {
		return nil, cli.WithHint(cli.Exit(cli.ExitUsage, err),
			"-recipients takes public keys, and files of them, as [encrypt] recipients in the unit's config does")
	}
	a := audience{}
	for _, key := range keys {
		a[recording.Fingerprint(key)] = recording.ClassicStanza
		if strings.HasPrefix(key, "age1pq1") {
			a[recording.Fingerprint(key)] = recording.HybridStanza
		}
	}
	return a, nil
}

// check says whether a recording went to anybody else. Whom it is for, recording.json says, and
// that is only a claim; how many they are, and of which kind, the stanzas of key.age show.
func (a audience) check(rep *recording.Report) error {
	if !rep.HeadProved {
		return errors.New("for whom it is can't be told: nothing proves its head")
	}
	named := slices.Compact(slices.Sorted(slices.Values(rep.Head.Recipients)))
	claimed := map[string]int{}
	var others []string
	for _, print := range named {
		if kind, ok := a[print]; ok {
			claimed[kind]++
		} else {
			others = append(others, print)
		}
	}
	if len(others) > 0 {
		return cli.WithHint(fmt.Errorf("it is for somebody else too: recording.json names %s", strings.Join(others, ", ")),
			"those are fingerprints of public keys: printf %%s age1… | sha256sum | cut -c1-32")
	}
	stanzas := map[string]int{}
	for _, kind := range rep.Stanzas {
		stanzas[kind]++
		if kind != recording.ClassicStanza && kind != recording.HybridStanza {
			return fmt.Errorf("it is for somebody else too: key.age can be opened in a way that is no recipient's, %q", kind)
		}
	}
	if n := len(rep.Stanzas); n == 0 {
		return errors.New("for whom it is can't be told: key.age is nothing that age reads")
	} else if n > len(named) {
		return fmt.Errorf("it is for somebody else too: recording.json names %d, and key.age holds stanzas for %d",
			len(named), n)
	} else if n < len(named) {
		return fmt.Errorf("it may be for somebody else: recording.json names %d, and key.age holds stanzas for %d",
			len(named), n)
	}
	for kind, n := range stanzas {
		if n != claimed[kind] {
			return fmt.Errorf("it is for somebody else: key.age holds %d of the type %s, and of those whom recording.json names %d have such keys", n, kind, claimed[kind])
		}
	}
	return nil
}

// told is what check has shown, and what it can't.
func (a audience) told(rep *recording.Report) string {
	n := len(rep.Stanzas)
	return fmt.Sprintf("    for %s that -recipients names, and key.age holds as many stanzas; whose they are only opening it with each key shows", count(n))
}

func count(n int) string {
	if n == 1 {
		return "1 recipient"
	}
	return fmt.Sprintf("%d recipients", n)
}
