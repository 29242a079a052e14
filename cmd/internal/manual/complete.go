package manual

import (
	"flag"
	"fmt"
	"regexp"
	"strings"

	"tacet/cmd/internal/cli"
)

// Completions know the commands, their flags, and where a file's name stands. All else is left to
// the person.

// isFile is whether the name of a value, or a command's usage, means a file or a folder.
var isFile = regexp.MustCompile(`(?i)\b(file|folder|dir|path|keys?|list|out|f)\b`)

// takes says what stands after a flag: nothing, a file, or another value.
func takes(f *flag.Flag) (value string, file bool) {
	value, _ = cli.FlagHelp(f)
	return value, isFile.MatchString(value)
}

var bracketed = regexp.MustCompile(`\[[^\]]*\]`)

// operands is whether a command takes files besides its flags: what its usage says outside of
// brackets and after no flag, or a list in brackets.
func operands(c cli.Described) bool {
	plain := bracketed.ReplaceAllStringFunc(c.Usage, func(s string) string {
		if strings.HasPrefix(s, "[-") {
			return ""
		}
		return strings.Trim(s, "[]")
	})
	words := strings.Fields(plain)
	for i, word := range words {
		if !strings.HasPrefix(word, "-") && (i == 0 || !strings.HasPrefix(words[i-1], "-")) && isFile.MatchString(word) {
			return true
		}
	}
	return false
}

// sub is a command below a command, as in "drive init", or "".
func sub(c cli.Described) string {
	first, _, _ := strings.Cut(c.Usage, " ")
	if first != "" && strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == "" {
		return first
	}
	return ""
}

// Bash is the completion for bash.
func Bash(d cli.Description) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# bash completion for %s", d.Name)
	line("_%s() {", d.Name)
	line("\tlocal cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} before=${COMP_WORDS[COMP_CWORD - 1]}")
	line("\tlocal words='' files='' valued='' named=''")
	line("\tcase $command in")
	top := []string{"help", "version"}
	for _, c := range d.Commands {
		if c.Name == "" {
			for _, f := range c.Flags {
				top = append(top, "-"+f.Name)
			}
			continue
		}
		top = append(top, c.Name)
	}
	var alone string
	for _, c := range d.Commands {
		text := bashCase(c)
		if c.Name == "" {
			alone = text // it matches all
			continue
		}
		line("%s", text)
	}
	line("\thelp) words='%s' ;;", strings.Join(names(d), " "))
	if alone != "" {
		line("%s", alone)
	}
	line("\tesac")
	line("\tif ((COMP_CWORD == 1)); then")
	line("\t\twords='%s' files=''", strings.Join(top, " "))
	line("\telif [[ $named == *\" $before \"* ]]; then")
	line("\t\twords='' files=yes")
	line("\telif [[ $valued == *\" $before \"* ]]; then")
	line("\t\twords='' files=''")
	line("\tfi")
	line("\tCOMPREPLY=()")
	line("\tif [[ $files && $cur != -* ]]; then")
	line("\t\tcompopt -o filenames 2>/dev/null")
	line("\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")")
	line("\tfi")
	line("\t[[ $files && $cur != -* && ${#COMPREPLY[@]} -gt 0 ]] ||")
	line("\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")")
	line("}")
	line("complete -F _%s %s", d.Name, d.Name)
	return b.String()
}

// bashCase is the line for one command: its words, and which of its flags take a value or a file.
func bashCase(c cli.Described) string {
	pattern, words, valued, named := c.Name, []string{}, " ", " "
	if c.Name == "" {
		pattern = "*"
	}
	if s := sub(c); s != "" {
		words = append(words, s)
	}
	for _, f := range c.Flags {
		words = append(words, "-"+f.Name)
		switch value, file := takes(f); {
		case file:
			named += "-" + f.Name + " "
		case value != "":
			valued += "-" + f.Name + " "
		}
	}
	files := ""
	if operands(c) {
		files = "yes"
	}
	return fmt.Sprintf("\t%s) words='%s' files='%s' valued='%s' named='%s' ;;", pattern, strings.Join(words, " "),
		files, valued, named)
}

// names are the commands that have one.
func names(d cli.Description) []string {
	var all []string
	for _, c := range d.Commands {
		if c.Name != "" {
			all = append(all, c.Name)
		}
	}
	return all
}
