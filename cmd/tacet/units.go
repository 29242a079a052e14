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

// unitFlags are the flags that say which units are known.
type unitFlags struct {
	named stringList
	any   bool
}

func (u *unitFlags) register(fs *flag.FlagSet) {
	fs.Var(&u.named, "unit", "trust the unit with this `KEY`, or those in this file; may be repeated (default: known-units)")
	fs.BoolVar(&u.any, "any-unit", false, "trust any unit")
}

// stringList is a flag that may be repeated.
type stringList []string

func (n *stringList) String() string     { return strings.Join(*n, ", ") }
func (n *stringList) Set(s string) error { *n = append(*n, s); return nil }

// keys returns the verifier keys of known units. A bad key says nothing about a recording, so its
// error never exits with ExitFailed.
func (u *unitFlags) keys(env *cli.Env) ([]string, error) {
	if len(u.named) == 0 {
		keys, err := defaultUnits()
		switch {
		case err == nil:
			return keys, nil
		case u.any:
			env.Warn("%v; going on, because of -any-unit", err)
			return nil, nil
		}
		return nil, cli.WithHint(cli.Exit(cli.ExitUsage, err),
			"repair that file, or name the unit's key with -unit; -any-unit ignores the file")
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
			return nil, cli.WithHint(env.Usage("%v", err), "on the unit, \"tacetd status -key\" prints its key")
		}
		keys = append(keys, more...)
	}
	return keys, nil
}

// knownUnits returns the name of the file of units that the user knows.
func knownUnits() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "tacet", "known-units"), err
}

// defaultUnits reads that file. Without the file, no unit is known.
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
		return "", errors.New("it is a secret key, which signs and should not be here: write the public half")
	case strings.HasPrefix(strings.ToLower(s), "age"):
		return "", errors.New("it is an office's key, not a unit's")
	}
	v, err := note.NewVerifier(s)
	if err != nil {
		return "", errors.New("it is not a verifier key, or letters are missing or wrong")
	}
	if part := strings.Split(v.Name(), "/"); len(part) != 3 || part[0] != "tacet" {
		return "", fmt.Errorf("%s is not the name of a unit's key", v.Name())
	}
	return s, nil
}

// maxUnitsFile is the longest file of keys, in bytes: some 10,000 keys.
const maxUnitsFile = 1 << 20

// readUnits reads a file with one key on each line. It ignores empty lines and lines that start
// with #.
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

// unknownUnit says why the recording's unit is not known, and what to do.
func unknownUnit(rep *recording.Report, known []string) error {
	v, err := note.NewVerifier(rep.Head.UnitKey)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(key string) bool { return strings.HasPrefix(key, v.Name()+"+") }) {
		return cli.WithHint(fmt.Errorf("it claims to be from %s, but is signed with another key than that unit's known one",
			v.Name()),
			"unless that unit was set up again, somebody else made this recording")
	}
	where := "the file known-units"
	if name, err := knownUnits(); err == nil {
		where = name
	}
	return cli.WithHint(fmt.Errorf("the key of its unit, %s, is not known", v.Name()),
		"get the key from the unit (tacetd status -key), not from the recording, and add it to %s, or name it with -unit; "+
			"-any-unit accepts any unit", where)
}
