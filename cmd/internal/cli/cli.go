// Package cli is what Tacet's commands share: streams, messages and exit codes.
//
// A program is a few lines:
//
//	func main() { cli.Main("tacet", run) }
//
//	func run(env *cli.Env) error { return env.Dispatch(about, commands) }
//
// and a command is a function that gets an [Env] and its arguments, and returns an error:
//
//	fs := env.Flags()
//	out := fs.String("o", "", "write the key to `FILE`, which must not exist")
//	files, err := env.Parse(fs, args)
//
// The rules for output:
//
//   - A command's result goes to standard output, so that it can be piped. Everything else goes to
//     standard error.
//   - Messages are lower case, without a full stop: "tacet: error: what went wrong", then "tacet:
//     hint: what to do".
//   - Only printable characters reach the terminal. Printf, PrintJSON, Warn and the like see to
//     that. Only sound is written to standard output directly.
//   - Passphrases are asked for at the terminal. They are never read from standard input or from
//     the arguments.
//   - Progress is shown only on a terminal.
//
// A command's error decides the exit code: see [Code].
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Version names this build. The linker sets it.
var Version = "unknown"

// Env is the environment of one command.
type Env struct {
	Name   string          // the program's; every message starts with it
	Args   []string        // without the program's name
	Ctx    context.Context // done at the first interrupt; a second one kills
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	// Terminal says that standard error is a terminal, so that progress is shown there.
	Terminal bool

	command  *Command     // the running one, for its usage; nil before Dispatch
	describe *Description // not nil: help is collected there, and nothing is done
}

// Main runs a program and exits.
func Main(name string, run func(*Env) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	env := &Env{
		Name: name, Args: os.Args[1:], Ctx: ctx,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	os.Exit(env.exit(run(env)))
}

// Screen reports whether standard output is a terminal.
func (env *Env) Screen() bool {
	f, ok := env.Stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// exit is Finish for a process. It exits even if nobody reads its last messages: a microphone may
// be open until it does. At a terminal it waits, because a person may have stopped the output to
// read it.
func (env *Env) exit(err error) int {
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		env.Finish(err)
	}()
	var late <-chan time.Time
	if !env.Terminal {
		late = time.After(promptly)
	}
	select {
	case <-printed:
	case <-late:
	}
	return Code(err)
}

// promptly is how long a command may take to end after an interrupt, and how long its last messages
// may take to be read.
const promptly = time.Second

// Promptly runs a command, and gives up on it if it doesn't end soon after an interrupt: it may
// hang in a call such as opening a pipe that nobody writes to. It is for programs that can be
// stopped at any moment.
func (env *Env) Promptly(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-env.Ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(promptly):
		return env.Ctx.Err()
	}
}

// Finish prints the error, if there is one, and returns the exit code.
func (env *Env) Finish(err error) int {
	messages, hints := explain(err)
	for _, message := range messages {
		env.say("error: " + message)
	}
	for _, hint := range hints {
		env.say("hint: " + hint)
	}
	return Code(err)
}

// Warn prints a warning.
func (env *Env) Warn(format string, args ...any) { env.say("warning: " + fmt.Sprintf(format, args...)) }

// Note prints a message.
func (env *Env) Note(format string, args ...any) { env.say(fmt.Sprintf(format, args...)) }

// Hint prints what to do about the message before.
func (env *Env) Hint(format string, args ...any) { env.say("hint: " + fmt.Sprintf(format, args...)) }

// say prints one line. It joins lines, so that no text from elsewhere can look like a line of the
// program's own.
func (env *Env) say(text string) {
	text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "; ")
	fmt.Fprintf(env.Stderr, "%s: %s\n", env.Name, Clean(text))
}
