// Package cli is what Tacet's commands have in common: where they read and write, how they speak,
// what they exit with.
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
// The rules for what is said:
//
//   - What a command is for goes to standard output, so that it can be piped; everything else to standard error.
//   - Messages are lower case, without a full stop: "tacet: error: what went wrong", then "tacet: hint: what to do".
//   - Whatever is said, only printable characters reach the terminal: Printf, PrintJSON, Warn and the like see to it, and nothing is written
//     to standard output or standard error in another way but sound.
//   - Passphrases are asked at the terminal, never on standard input, and never come from the arguments.
//   - Progress is shown on a terminal alone.
//
// A command's error decides what the program exits with; [Code] is the one place that says how.
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

// Env is the surroundings of one command.
type Env struct {
	Name   string          // the program's; every message begins with it
	Args   []string        // without the program's name
	Ctx    context.Context // done at the first interrupt; a second one kills
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	// Terminal is true where standard error is one: then progress is shown there.
	Terminal bool

	command  *Command     // the one that runs, for its usage; nil: none yet
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

// exit is Finish for a process: where nobody reads what it says, it ends all the same, since what
// ends with it may be an open microphone. A person at a terminal may have stopped it to read.
func (env *Env) exit(err error) int {
	said := make(chan struct{})
	go func() {
		defer close(said)
		env.Finish(err)
	}()
	var late <-chan time.Time
	if !env.Terminal {
		late = time.After(promptly)
	}
	select {
	case <-said:
	case <-late:
	}
	return Code(err)
}

// promptly is how long a command may take to end by itself after an interrupt, and what it says
// last to be taken.
const promptly = time.Second

// Promptly runs what a command does, and leaves it behind where it doesn't end soon after an
// interrupt: it may be in a call that nothing ends, such as opening a pipe that nobody writes to.
// It is for programs whose work may be dropped at any moment.
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

// Finish says what went wrong, if anything, and returns what to exit with.
func (env *Env) Finish(err error) int {
	said, hints := explain(err)
	for _, message := range said {
		env.say("error: " + message)
	}
	for _, hint := range hints {
		env.say("hint: " + hint)
	}
	return Code(err)
}

// Warn tells of something doubtful that doesn't stop the command.
func (env *Env) Warn(format string, args ...any) { env.say("warning: " + fmt.Sprintf(format, args...)) }

// Note tells something that is good to know.
func (env *Env) Note(format string, args ...any) { env.say(fmt.Sprintf(format, args...)) }

// Hint tells what to do about what was said before.
func (env *Env) Hint(format string, args ...any) { env.say("hint: " + fmt.Sprintf(format, args...)) }

// say writes one line: of what is said in several, one, so that no text from elsewhere makes a line
// that looks like the program's. That standard error can't be written to is nothing that could be
// told anywhere.
func (env *Env) say(text string) {
	text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "; ")
	fmt.Fprintf(env.Stderr, "%s: %s\n", env.Name, Clean(text))
}
