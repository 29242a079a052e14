package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Description is what a program's help texts say. Manual pages and completions are made of it.
type Description struct {
	Name, About string
	Commands    []Described
}

// Described is a command with its flags, in the order of their names.
type Described struct {
	Command
	Flags []*flag.Flag
}

// Describe collects what a program's help says: run dispatches its commands, each of which is asked
// for help and does nothing else.
func Describe(name string, run func(*Env) error) (Description, error) {
	d := &Description{Name: name}
	env := &Env{
		Name: name, Args: []string{"help"}, Ctx: context.Background(),
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, describe: d,
	}
	if err := run(env); !errors.Is(err, errHelp) {
		return Description{}, fmt.Errorf("ask %s for help: %w", name, err)
	}
	return *d, nil
}

// collect describes the commands of a program.
func (env *Env) collect(about string, commands []Command) error {
	env.describe.About = about
	for i := range commands {
		env.describe.Commands = append(env.describe.Commands, Described{Command: commands[i]})
		if err := env.run(&commands[i], []string{"-h"}); !errors.Is(err, errHelp) {
			return fmt.Errorf("ask %q for help: %w", commands[i].Name, err)
		}
	}
	return errHelp
}

// collectFlags adds the flags of the command that was asked last.
func (env *Env) collectFlags(fs *flag.FlagSet) {
	last := &env.describe.Commands[len(env.describe.Commands)-1]
	fs.VisitAll(func(f *flag.Flag) { last.Flags = append(last.Flags, f) })
}

// FlagHelp is what a flag's value is called ("" if it takes none), and what it is for, with its
// default if it has one.
func FlagHelp(f *flag.Flag) (value, usage string) {
	value, usage = flag.UnquoteUsage(f)
	switch f.DefValue {
	case "", "false", "0", "[]":
	default:
		usage += " (default " + f.DefValue + ")"
	}
	return value, usage
}
