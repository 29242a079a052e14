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

// Problem is an error or a warning about a config file. Its texts are lower case, without a full
// stop.
type Problem struct {
	File    string // as the caller named it
	Line    int    // from 1; 0 for the whole file
	Key     string // as in room.site, or the name of a section; may be ""
	What    string // what is wrong
	Instead string // what to write or do instead
}

// Where returns the file, and the line if there is one.
func (p Problem) Where() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Text returns the key and what is wrong with it.
func (p Problem) Text() string {
	if p.Key == "" {
		return p.What
	}
	return p.Key + ": " + p.What
}

// String returns the whole problem in one line.
func (p Problem) String() string {
	s := p.Where() + ": " + p.Text()
	if p.Instead != "" {
		s += "; " + p.Instead
	}
	return s
}

// Errors are the problems that make a config file unusable, by line.
type Errors []Problem

// Error returns one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each problem as an error, as errors.Join does.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, p := range e {
		list[i] = errors.New(p.String())
	}
	return list
}

// Unread reports whether the file itself could not be read.
func (e Errors) Unread() bool { return len(e) == 1 && e[0].Line == 0 }

// maxProblems is the most errors, or warnings, that are reported. A file that is no config at all
// would give one for each line.
const maxProblems = 100

// problems collects up to maxProblems.
type problems struct {
	list []Problem
	more int // number of further problems
}

func (ps *problems) add(p Problem) {
	if len(ps.list) >= maxProblems {
		ps.more++
		return
	}
	ps.list = append(ps.list, p)
}

// sorted returns the list by line, with the problems of the config file called name first.
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
			Instead: "fix these first"})
	}
	return list
}

// maxQuoted is the longest value that a message repeats, in characters.
const maxQuoted = 72

// quote quotes a value for a message.
func quote(s string) string {
	if isPrivate(s) {
		return "(a private key)"
	}
	if utf8.RuneCountInString(s) > maxQuoted {
		s = string([]rune(s)[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// quoteKey returns a key for a message. In quotes, a key can contain anything.
func quoteKey(s string) string {
	if plainKey.MatchString(s) && !isPrivate(s) {
		return s
	}
	return quote(s)
}

// quoteName returns a name for a message, or "…" if it is not plain.
func quoteName(s string) string {
	if plainKey.MatchString(s) && !isPrivate(s) {
		return s
	}
	return "…"
}

var (
	plainKey   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
	privateKey = regexp.MustCompile(`(?i)AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{16}`)
)

// isPrivate reports whether s contains, or starts, an age private key.
func isPrivate(s string) bool {
	return strings.Contains(strings.ToUpper(s), "AGE-SECRET-KEY")
}

// cause returns an error about a file without the names of the file and the system call.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
