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

// maxPassphrase is the longest passphrase that is taken, in bytes.
const maxPassphrase = 1024

// Passphrase asks for one that exists already, or takes it from the file, if one is named.
func (env *Env) Passphrase(prompt, file string) (string, error) {
	tries, err := env.Passphrases(prompt, file)
	if err != nil {
		return "", err
	}
	return tries[0], nil
}

// Passphrases is Passphrase for what may have been locked when a file's byte-order mark was still
// taken for a part of it: what is to be tried, the likeliest first.
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

// NewPassphrase asks for one twice, or takes it from the file, if one is named.
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
		return "", errors.New("the two passphrases are not the same")
	}
	return first, nil
}

// newFromFile takes a passphrase that doesn't lock anything yet, and says what it left out: whoever
// types it one day must know.
func (env *Env) newFromFile(name string) (string, error) {
	s, err := textfile.ReadSecret(name, maxPassphrase)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	if s.Cleaned() {
		env.Note("%s is in %s: the passphrase is the text in it, as a screen shows it", name, s.Encoding)
	}
	if !utf8.ValidString(s.Value) {
		env.Warn("the passphrase in %s is not in UTF-8, and can't be typed at most terminals: save the file as UTF-8, and make the key again", name)
	}
	return s.Value, nil
}

func fit(passphrase, what string) (string, error) {
	switch {
	case passphrase == "":
		return "", fmt.Errorf("%s is empty", what)
	case len(passphrase) > maxPassphrase:
		return "", fmt.Errorf("%s is longer than %d bytes", what, maxPassphrase)
	}
	return passphrase, nil
}

// ask reads a passphrase from the terminal, which doesn't show it. An interrupt gives the terminal
// back as it was.
func (env *Env) ask(prompt string) (string, error) {
	in, out, err := openTerminal()
	if err != nil {
		return "", WithHint(fmt.Errorf("ask for the passphrase: %w", err),
			"run it at a terminal, or name a file with -passphrase-file")
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
	defer fmt.Fprintln(out) // the one that was typed isn't shown
	select {
	case a := <-answered:
		if a.err != nil {
			return "", fmt.Errorf("ask for the passphrase: %w", a.err)
		}
		return fit(string(a.passphrase), "the passphrase")
	case <-env.Ctx.Done():
		return "", errors.Join(env.Ctx.Err(), term.Restore(fd, before))
	}
}

// openTerminal opens the terminal itself, so that standard input stays free. The files stay open: a
// read may be waiting in them, and the process soon ends.
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
