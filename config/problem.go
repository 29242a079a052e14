package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing wrong, or doubtful, in a config file. Its texts are lower case, without a
// full stop.
type Problem struct {
	File    string // as it was named
	Line    int    // from 1; 0: the file as a whole
	Key     string // as in room.site, or the name of a section; "": none
	What    string // what is wrong
	Instead string // what to write or do instead
}

// Where names the file, and the line if there is one.
func (p Problem) Where() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Text is what is wrong, after the key it is wrong with.
func (p Problem) Text() string {
	if p.Key == "" {
		return p.What
	}
	return p.Key + ": " + p.What
}

// String is the whole problem in one line.
func (p Problem) String() string {
	s := p.Where() + ": " + p.Text()
	if p.Instead != "" {
		s += "; " + p.Instead
	}
	return s
}

// Errors are all the problems that make a config file unusable, in the order of its lines.
type Errors []Problem

// Error is one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is each problem as an error of its own, as errors.Join has it.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, p := range e {
		list[i] = errors.New(p.String())
	}
	return list
}

// Unread reports whether the file itself could not be read, so that nothing is known of what it
// says.
func (e Errors) Unread() bool { return len(e) == 1 && e[0].Line == 0 }

// maxProblems bounds each list. Nobody reads more, and a file that is not a config at all would
// make one for each line.
const maxProblems = 100

// problems collects up to maxProblems.
type problems struct {
	list []Problem
	more int // how many there would have been besides
}

func (ps *problems) add(p Problem) {
	if len(ps.list) >= maxProblems {
		ps.more++
		return
	}
	ps.list = append(ps.list, p)
}

// sorted gives the list by line, those of the config file called name first.
func (ps *problems) sorted(name string) Errors {
	list := slices.Clone(ps.list)
	slices.SortStableFunc(list, func(a, b Problem) int {
		if a.File != b.File && (a.File == name || b.File == name) {
			if a.File == name {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	if ps.more > 0 {
		list = append(list, Problem{File: name, What: fmt.Sprintf("there are %d more problems", ps.more),
			Instead: "mend these first"})
	}
	return list
}

// maxShown is how much of a value a message repeats, in characters.
const maxShown = 72

// shown quotes a value for a message.
func shown(s string) string {
	if isPrivate(s) {
		return "(a private key)"
	}
	if utf8.RuneCountInString(s) > maxShown {
		s = string([]rune(s)[:maxShown]) + "…"
	}
	return strconv.Quote(s)
}

// shownKey makes a key that somebody wrote fit for a message. Anything can stand between quotes
// there.
func shownKey(s string) string {
	if plainKey.MatchString(s) && !isPrivate(s) {
		return s
	}
	return shown(s)
}

// shownName is a name as far as it is fit for a message.
func shownName(s string) string {
	if plainKey.MatchString(s) && !isPrivate(s) {
		return s
	}
	return "…"
}

var (
	plainKey   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
	privateKey = regexp.MustCompile(`(?i)AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{16}`)
)

// isPrivate reports whether s holds, or begins, an age private key.
func isPrivate(s string) bool {
	return strings.Contains(strings.ToUpper(s), "AGE-SECRET-KEY")
}

// cause is what went wrong with a file, without the name of the file and of the system call.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
