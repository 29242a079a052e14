package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// maxPassphrase is the longest passphrase that is taken, in bytes.
const maxPassphrase = 1024

// Passphrase asks for one that exists already, or takes it from the file, if one is named.
func (env *Env) Passphrase(prompt, file string) (string, error) {
	if file != "" {
		return passphraseFile(file)
	}
	return env.ask(prompt + ":")
}

// NewPassphrase asks for one twice, or takes it from the file, if one is named.
func (env *Env) NewPassphrase(prompt, file string) (string, error) {
	if file != "" {
		return passphraseFile(file)
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

// passphraseFile reads a file that holds a passphrase in its one line.
func passphraseFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPassphrase+3))
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(data, "\r\n") {
		return "", fmt.Errorf("read the passphrase: %s holds more than one line", name)
	}
	return fit(string(data), "the passphrase in "+name)
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

// ask reads a passphrase from the terminal, which doesn't show it. An interrupt gives the terminal back as it was.
func (env *Env) ask(prompt string) (string, error) {
	in, out, err := openTerminal()
	if err != nil {
		return "", WithHint(fmt.Errorf("ask for the passphrase: %w", err), "run it at a terminal, or name a file with -passphrase-file")
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

// openTerminal opens the terminal itself, so that standard input stays free. The files stay open: a read may be waiting in them, and
// the process soon ends.
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
