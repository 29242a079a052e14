package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// kind is why a test skips, by the words that package needs starts with.
type kind int

const (
	unknown kind = iota
	needsRoot
	needsKernel
	needsProgram
	elsewhere
)

type skip struct{ pkg, test, reason string }

func (s skip) kind() kind {
	for words, k := range map[string]kind{
		"needs root: ": needsRoot, "needs the kernel: ": needsKernel, "needs a program: ": needsProgram,
		"runs elsewhere: ": elsewhere,
	} {
		if strings.HasPrefix(s.reason, words) {
			return k
		}
	}
	return unknown
}

// event is a line of what "go test -json" and "go tool test2json" say.
type event struct{ Action, Package, Test, Output string }

// results prints what tests say as "go test" does: how each package went, and all of the tests that
// failed.
type results struct {
	out     io.Writer
	ok      bool
	skipped []skip
	said    map[[2]string]*strings.Builder // by package and test, until the test has ended
}

func newResults(out io.Writer) *results {
	return &results{out: out, ok: true, said: map[[2]string]*strings.Builder{}}
}

// of runs what prints events, and reports whether it and all tests went well.
func (r *results) of(cmd *exec.Cmd) (ok bool, err error) {
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	read := r.read(pipe)
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		r.ok, err = false, nil
	}
	return r.ok, errors.Join(read, err)
}

func (r *results) read(from io.Reader) error {
	for lines := bufio.NewReader(from); ; {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.take(e)
			} else {
				fmt.Fprintf(r.out, "%s", line) // the go command's own words
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (r *results) take(e event) {
	at := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if e.Test == "" {
			if e.Output != "PASS\n" {
				fmt.Fprint(r.out, e.Output)
			}
			return
		}
		if r.said[at] == nil {
			r.said[at] = &strings.Builder{}
		}
		r.said[at].WriteString(e.Output)
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, skip{e.Package, e.Test, reason(r.words(at))})
		}
	case "pass":
		r.words(at)
	case "fail":
		r.ok = false
		fmt.Fprint(r.out, r.words(at))
		if e.Test == "" { // those that it was in the middle of
			for of := range r.said {
				if of[0] == e.Package {
					fmt.Fprint(r.out, r.words(of))
				}
			}
		}
	}
}

// words is what a test has said; it is forgotten.
func (r *results) words(of [2]string) string {
	b := r.said[of]
	delete(r.said, of)
	if b == nil {
		return ""
	}
	return b.String()
}

// A test's own words come after the place where it says them.
var place = regexp.MustCompile(`(?m)^ +[\w.-]+\.go:\d+: `)

// reason is the last thing that a test said before it skipped.
func reason(said string) string {
	if at := place.FindAllStringIndex(said, -1); at != nil {
		said = said[at[len(at)-1][1]:]
	}
	said, _, _ = strings.Cut(said, "--- SKIP")
	return strings.Join(strings.Fields(said), " ")
}
