package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Command is one of a program's commands.
type Command struct {
	Name  string // "" for what the program does without a command
	Usage string // what follows the name, as in "[-plain] -o FILE"
	About string // in one line
	Help  string // for -h, after About; may be ""
	Run   func(env *Env, args []string) error
}

// Dispatch runs the command that the arguments name. about describes the program in one line.
func (env *Env) Dispatch(about string, commands []Command) error {
	if env.describe != nil {
		return env.collect(about, commands)
	}
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
	case "version", "-version", "--version":
		_, err := fmt.Fprintln(env.Stdout, env.Name, Version)
		return err
	}
	if c := find(commands, name); c != nil && name != "" {
		return env.run(c, args[1:])
	}
	if c := find(commands, ""); c != nil && (name == "" || strings.HasPrefix(name, "-")) {
		return env.run(c, args)
	}
	if name == "" { // exit with an error, in case a script forgot the command
		env.overview(env.Stderr, about, commands)
		return Exit(ExitUsage, nil)
	}
	var names []string
	for _, c := range commands {
		if c.Name != "" {
			names = append(names, c.Name)
		}
	}
	err := env.Usage("there is no command %q", name)
	if len(names) == 0 {
		alone := *env
		alone.command = &commands[0]
		return alone.Usage("%s takes no argument %q", env.Name, name)
	}
	return WithHint(err, "the commands are %s", strings.Join(names, ", "))
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

// Width is the most characters in a line of help: a terminal's default width.
const Width = 80

// overview lists the commands.
func (env *Env) overview(w io.Writer, about string, commands []Command) {
	fmt.Fprintf(w, "%s\n\n", wrap(env.Name+": "+about, "", "    "))
	for _, c := range commands {
		fmt.Fprintln(w, wrap(strings.Join(strings.Fields(env.Name+" "+c.Name+" "+c.Usage), " "), "  ", "        "))
		if c.About != "" {
			fmt.Fprintln(w, wrap(c.About, "      ", "      "))
		}
	}
	if len(commands) > 1 {
		fmt.Fprintf(w, "\n%s COMMAND -h describes a command.\n", env.Name)
	} else {
		fmt.Fprintf(w, "\n%s -h describes it.\n", env.Name)
	}
}

// wrap breaks a paragraph into lines of Width. It indents the first line with first and the others
// with rest. It never breaks inside brackets.
func wrap(text, first, rest string) string {
	var lines []string
	line, indent := first, first
	for _, word := range words(text) {
		if line != indent && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > Width {
			lines = append(lines, line)
			line, indent = rest, rest
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

// words splits a paragraph into words; [-i KEY] is one word.
func words(text string) []string {
	var all []string
	open := false
	for _, word := range strings.Fields(text) {
		if open {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
		if strings.HasPrefix(word, "[") || strings.ContainsAny(word, "]") {
			open = strings.HasPrefix(word, "[") && !strings.Contains(word, "]")
		}
	}
	return all
}

// paragraphs wraps each paragraph of a help text. Indented lines are examples and tables, and are
// not wrapped.
func paragraphs(text string) string {
	var out, paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			out = append(out, wrap(strings.Join(paragraph, " "), "", ""))
			paragraph = nil
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" || strings.HasPrefix(line, " ") {
			flush()
			out = append(out, line)
			continue
		}
		paragraph = append(paragraph, line)
	}
	flush()
	return strings.Join(out, "\n")
}

// usage returns the line that shows how to write the command.
func (env *Env) usage() string {
	if env.command == nil {
		return env.Name + " COMMAND …; \"" + env.Name + " help\" lists the commands"
	}
	return strings.Join(strings.Fields(env.Name+" "+env.command.Name+" "+env.command.Usage), " ")
}

// Flags returns a set of flags for the command.
func (env *Env) Flags() *flag.FlagSet {
	fs := flag.NewFlagSet(env.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// Parse parses the flags and returns the other arguments. Flags may come before, between and after
// these; after -- there are no flags. If the arguments ask for help, it prints the help, and
// returns an error that ends the command with exit code 0.
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
	if env.describe != nil {
		env.collectFlags(fs)
		return
	}
	fmt.Fprintf(env.Stdout, "%s\n", wrap("usage: "+env.usage(), "", "    "))
	if c := env.command; c != nil {
		fmt.Fprintf(env.Stdout, "\n%s\n", paragraphs(c.About+"\n\n"+strings.TrimSpace(c.Help)))
	}
	first := true
	fs.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprintln(env.Stdout)
		}
		first = false
		fmt.Fprintln(env.Stdout, flagHelp(f))
	})
}

// flagHelp describes a flag, with its default if it has one.
func flagHelp(f *flag.Flag) string {
	name, usage := FlagHelp(f)
	head := strings.TrimRight("  -"+f.Name+" "+name, " ")
	return head + "\n" + wrap(usage, "      ", "      ")
}
