package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tacet/cmd/internal/cli"
	"tacet/config/textfile"
	"tacet/daemon/recording"
)

// unitFlags say which units' keys are known.
type unitFlags struct {
	named names
	any   bool
}

func (u *unitFlags) register(fs *flag.FlagSet) {
	fs.Var(&u.named, "unit", "trust the unit with this `KEY`, or those in this file; may be repeated (default: the file known-units)")
	fs.BoolVar(&u.any, "any-unit", false, "trust any unit")
}

// names is a flag that may be repeated.
type names []string

func (n *names) String() string     { return strings.Join(*n, ", ") }
func (n *names) Set(s string) error { *n = append(*n, s); return nil }

// keys returns the verifier keys that are known. What is wrong with them says nothing of a
// recording, so it is never what ExitFailed stands for.
func (u *unitFlags) keys(env *cli.Env) ([]string, error) {
	if len(u.named) == 0 {
		keys, err := defaultUnits()
		switch {
		case err == nil:
			return keys, nil
		case u.any:
			env.Warn("%v; -any-unit does without", err)
			return nil, nil
		}
		return nil, cli.WithHint(cli.Exit(cli.ExitUsage, err),
			"mend that file, or name the unit's key with -unit; -any-unit does without")
	}
	var keys []string
	for _, name := range u.named {
		if key, err := unitKey(name); err == nil {
			keys = append(keys, key)
			continue
		}
		more, err := readUnits(name)
		if errors.Is(err, fs.ErrNotExist) && strings.Contains(name, "+") {
			err = fmt.Errorf("-unit %s is neither a unit's key nor a file of them", name)
		}
		if err != nil {
			return nil, cli.WithHint(env.Usage("%v", err), "a unit shows its key with: tacetd status -key")
		}
		keys = append(keys, more...)
	}
	return keys, nil
}

// knownUnits is the file of the units that the user knows.
func knownUnits() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "tacet", "known-units"), err
}

// defaultUnits reads that file. A user who has none knows no unit.
func defaultUnits() ([]string, error) {
	name, err := knownUnits()
	if err != nil {
		return nil, nil
	}
	keys, err := readUnits(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return keys, err
}

// unitKey checks that s is a unit's verifier key.
func unitKey(s string) (string, error) {
	switch {
	case strings.HasPrefix(s, "PRIVATE+KEY+"):
		return "", errors.New("it is a secret key, which signs and should not be here; the public half is wanted")
	case strings.HasPrefix(strings.ToLower(s), "age"):
		return "", errors.New("it is an office's key, and tells nothing of a unit")
	}
	v, err := note.NewVerifier(s)
	if err != nil {
		return "", errors.New("it is no verifier key, or letters of it are missing or wrong")
	}
	if part := strings.Split(v.Name(), "/"); len(part) != 3 || part[0] != "tacet" {
		return "", fmt.Errorf("it is named %s, which is no unit's name", v.Name())
	}
	return s, nil
}

// maxUnitsFile bounds a file of keys: some 10,000 of them.
const maxUnitsFile = 1 << 20

// readUnits reads a file with a key on each line. Empty lines, and those that begin with #, don't
// count.
func readUnits(name string) ([]string, error) {
	text, err := textfile.Stream(name, maxUnitsFile)
	if err != nil {
		return nil, fmt.Errorf("read the units' keys: %w", err)
	}
	var keys []string
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := unitKey(line)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d is not a unit's key: %w", name, n, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// unknownUnit says why nobody vouches for a recording's unit, and what to do.
func unknownUnit(rep *recording.Report, known []string) error {
	v, err := note.NewVerifier(rep.Head.UnitKey)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(key string) bool { return strings.HasPrefix(key, v.Name()+"+") }) {
		return cli.WithHint(fmt.Errorf("it is signed as by %s, but with another key than the one known for that unit",
			v.Name()),
			"unless that unit was set up anew, somebody else made this recording")
	}
	where := "the file known-units"
	if name, err := knownUnits(); err == nil {
		where = name
	}
	return cli.WithHint(fmt.Errorf("nobody vouches for the key of its unit, %s", v.Name()),
		"take the key from the unit (tacetd status -key), not from the recording, and put it into %s, or name it with -unit; -any-unit does without", where)
}
