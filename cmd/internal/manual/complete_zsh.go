package manual

import (
	"fmt"
	"strings"

	"tacet/cmd/internal/cli"
)

// Zsh is the completion for zsh.
func Zsh(d cli.Description) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("#compdef %s", d.Name)
	line("local -a commands")
	line("commands=(")
	for _, c := range d.Commands {
		if c.Name != "" {
			line("\t%s", zshQuote(c.Name+":"+c.About))
		}
	}
	line("\t'help:list the commands'\n\t'version:print the version'")
	line(")")
	line("if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then")
	line("\t_describe command commands")
	line("\treturn")
	line("fi")
	line("case $words[2] in")
	alone := ""
	for _, c := range d.Commands {
		if c.Name == "" {
			alone = "*)\n\t_arguments" + zshArguments(c)
			continue
		}
		line("%s)\n\tshift words\n\t((CURRENT--))\n\t_arguments%s\n\t;;", c.Name, zshArguments(c))
	}
	line("help) _describe command commands ;;")
	if alone != "" {
		line("%s\n\t;;", alone)
	}
	line("esac")
	return b.String()
}

var zshEscapes = strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`)

func zshQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// zshArguments are the words after _arguments, each on a line of its own.
func zshArguments(c cli.Described) string {
	var b strings.Builder
	add := func(spec string) { b.WriteString(" \\\n\t\t" + zshQuote(spec)) }
	for _, f := range c.Flags {
		_, usage := cli.FlagHelp(f)
		spec := "*-" + f.Name + "[" + zshEscapes.Replace(usage) + "]"
		switch value, file := takes(f); {
		case file:
			spec += ":" + zshEscapes.Replace(value) + ":_files"
		case value != "":
			spec += ":" + zshEscapes.Replace(value) + ": "
		}
		add(spec)
	}
	if s := sub(c); s != "" {
		add("1:command:(" + s + ")")
	}
	if operands(c) {
		add("*:file:_files")
	}
	return b.String()
}

// Fish is the completion for fish.
func Fish(d cli.Description) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# fish completion for %s", d.Name)
	line("complete -c %s -f", d.Name)
	line("complete -c %s -n __fish_use_subcommand -a 'help' -d 'list the commands'", d.Name)
	line("complete -c %s -n __fish_use_subcommand -a 'version' -d 'print the version'", d.Name)
	for _, c := range d.Commands {
		when := "__fish_use_subcommand"
		if c.Name != "" {
			line("complete -c %s -n %s -a %s -d %s", d.Name, when, fishQuote(c.Name), fishQuote(c.About))
			when = fishQuote("__fish_seen_subcommand_from " + c.Name)
		}
		if s := sub(c); s != "" {
			line("complete -c %s -n %s -a %s", d.Name, when, fishQuote(s))
		}
		for _, f := range c.Flags {
			_, usage := cli.FlagHelp(f)
			option := ""
			switch value, file := takes(f); {
			case file:
				option = " -r -F"
			case value != "":
				option = " -x"
			}
			line("complete -c %s -n %s -o %s%s -d %s", d.Name, when, fishQuote(f.Name), option, fishQuote(usage))
		}
		if operands(c) {
			line("complete -c %s -n %s -F", d.Name, when)
		}
	}
	line("complete -c %s -n '__fish_seen_subcommand_from help' -a %s", d.Name, fishQuote(strings.Join(names(d), " ")))
	return b.String()
}

func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
