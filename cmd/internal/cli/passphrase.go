package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unicode/utf8"

	"golang.org/x/term"

	"tacet/config/textfile"
)

// maxPassphrase is the longest accepted passphrase, in bytes.
const maxPassphrase = 1024

// Passphrases asks for an existing passphrase, or reads it from the file if one is named. It
// returns what to try, the likeliest first: a key may have been encrypted when a file's byte-order
// mark was still taken as part of the passphrase.
func (env *Env) Passphrases(prompt, file string) ([]string, error) {
	if file != "" {
		s, err := textfile.ReadSecret(file, maxPassphrase)
		if err != nil {
			return nil, fmt.Errorf("read the passphrase: %w", err)
		}
		return s.Tries(), nil
	}
	one, err := env.ask(prompt + ":")
	return []string{one}, err
}

// NewPassphrase asks for a new passphrase twice, or reads it from the file if one is named.
func (env *Env) NewPassphrase(prompt, file string) (string, error) {
	if file != "" {
		return env.newFromFile(file)
	}
	first, err := env.ask(prompt + ":")
	if err != nil {
		return "", err
	}
	again, err := env.ask(prompt + ", again:")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two passphrases differ")
	}
	return first, nil
}

// newFromFile reads a new passphrase. It prints what it left out of the file, so that the user
// knows what to type later.
func (env *Env) newFromFile(name string) (string, error) {
	s, err := textfile.ReadSecret(name, maxPassphrase)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	if s.Cleaned() {
		env.Note("%s is in %s: the passphrase is its text, as a screen shows it", name, s.Encoding)
	}
	if !utf8.ValidString(s.Value) {
		env.Warn("the passphrase in %s is not in UTF-8, so most terminals can't type it: "+
			"save the file as UTF-8, and make the key again", name)
	}
	return s.Value, nil
}

// checkLength refuses a passphrase that is empty or too long.
func checkLength(passphrase, what string) (string, error) {
	switch {
	case passphrase == "":
		return "", fmt.Errorf("%s is empty", what)
	case len(passphrase) > maxPassphrase:
		return "", fmt.Errorf("%s is longer than %d bytes", what, maxPassphrase)
	}
	return passphrase, nil
}

// ask reads a passphrase from the terminal, which doesn't show it. After an interrupt it restores
// the terminal.
func (env *Env) ask(prompt string) (string, error) {
	in, out, err := openTerminal()
	if err != nil {
		return "", WithHint(fmt.Errorf("ask for the passphrase: %w", err),
			"run this at a terminal, or name a file with -passphrase-file")
	}
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask for the passphrase: %w", err)
	}
	fmt.Fprintf(out, "%s ", Clean(prompt))
	type answer struct {
		passphrase []byte
		err        error
	}
	answered := make(chan answer, 1)
	go func() {
		passphrase, err := term.ReadPassword(fd)
		answered <- answer{passphrase, err}
	}()
	defer fmt.Fprintln(out) // the user's own line end isn't shown
	select {
	case a := <-answered:
		if a.err != nil {
			return "", fmt.Errorf("ask for the passphrase: %w", a.err)
		}
		return checkLength(string(a.passphrase), "the passphrase")
	case <-env.Ctx.Done():
		return "", errors.Join(env.Ctx.Err(), term.Restore(fd, before))
	}
}

// openTerminal opens the terminal itself, so that standard input stays free. The files stay open: a
// read may be waiting on them, and the process ends soon.
func openTerminal() (in, out *os.File, err error) {
	if runtime.GOOS == "windows" {
		if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
			return nil, nil, err
		}
		out, err = os.OpenFile("CONOUT$", os.O_WRONLY, 0)
		return in, out, err
	}
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		return tty, tty, nil
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return os.Stdin, os.Stderr, nil
	}
	return nil, nil, errors.New("there is no terminal")
}
