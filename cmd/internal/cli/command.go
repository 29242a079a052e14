package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Command is one of a program's commands.
type Command struct {
	Name  string // "": what the program does when no command is named
	Usage string // what stands behind the name, as in "[-plain] -o FILE"
	About string // in a few words
	Help  string // in more of them, for -h; may be ""
	Run   func(env *Env, args []string) error
}

// Dispatch runs the command that the arguments name. about says in one line what the program is.
func (env *Env) Dispatch(about string, commands []Command) error {
	args := env.Args
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch name {
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			if c := find(commands, args[1]); c != nil {
				return env.run(c, []string{"-h"})
			}
		}
		env.overview(env.Stdout, about, commands)
		return errHelp
	case "-version", "--version":
		_, err := fmt.Fprintln(env.Stdout, env.Name, Version)
		return err
	}
	if c := find(commands, name); c != nil && name != "" {
		return env.run(c, args[1:])
	}
	if c := find(commands, ""); c != nil && (name == "" || strings.HasPrefix(name, "-")) {
		return env.run(c, args)
	}
	if name == "" {
		return env.Usage("no command is named")
	}
	var names []string
	for _, c := range commands {
		if c.Name != "" {
			names = append(names, c.Name)
		}
	}
	return WithHint(env.Usage("there is no command %q", name), "the commands are %s", strings.Join(names, ", "))
}

func find(commands []Command, name string) *Command {
	for i := range commands {
		if commands[i].Name == name {
			return &commands[i]
		}
	}
	return nil
}

func (env *Env) run(c *Command, args []string) error {
	own := *env
	own.command = c
	return c.Run(&own, args)
}

// overview lists the commands.
func (env *Env) overview(w io.Writer, about string, commands []Command) {
	fmt.Fprintf(w, "%s: %s\n\n", env.Name, about)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(table, "  %s\t%s\n", strings.Join(strings.Fields(env.Name+" "+c.Name+" "+c.Usage), " "), c.About)
	}
	table.Flush()
	fmt.Fprintf(w, "\n%s COMMAND -h says more of a command.\n", env.Name)
}

// usage is the line that shows how to write the command.
func (env *Env) usage() string {
	if env.command == nil {
		return env.Name + " COMMAND …, and " + env.Name + " help lists the commands"
	}
	return strings.Join(strings.Fields(env.Name+" "+env.command.Name+" "+env.command.Usage), " ")
}

// Flags makes the command's set of flags.
func (env *Env) Flags() *flag.FlagSet {
	fs := flag.NewFlagSet(env.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// Parse reads the arguments and returns those that are no flags. Flags may stand before, between and after them; behind -- there
// are none. Asked for help, it gives it, and its error ends the command.
func (env *Env) Parse(fs *flag.FlagSet, args []string) (operands []string, err error) {
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			env.help(fs)
			return nil, errHelp
		} else if err != nil {
			return nil, env.Usage("%v", err)
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return operands, nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(operands, rest...), nil
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
}

func (env *Env) help(fs *flag.FlagSet) {
	fmt.Fprintf(env.Stdout, "usage: %s\n", env.usage())
	if c := env.command; c != nil {
		fmt.Fprintf(env.Stdout, "\n%s\n", strings.TrimSpace(c.About+"\n\n"+strings.TrimSpace(c.Help)))
	}
	first := true
	fs.VisitAll(func(*flag.Flag) {
		if first {
			fmt.Fprintln(env.Stdout)
		}
		first = false
	})
	fs.SetOutput(env.Stdout)
	fs.PrintDefaults()
}
