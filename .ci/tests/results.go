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

// kind is why a test was skipped, by the prefix that package needs gives its reasons.
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
	for prefix, k := range map[string]kind{
		"needs root: ": needsRoot, "needs the kernel: ": needsKernel, "needs a program: ": needsProgram,
		"runs elsewhere: ": elsewhere,
	} {
		if strings.HasPrefix(s.reason, prefix) {
			return k
		}
	}
	return unknown
}

// event is a line that "go test -json" and "go tool test2json" print.
type event struct{ Action, Package, Test, Output string }

// results prints what "go test" would: a line for each package, and the output of failed tests.
type results struct {
	out     io.Writer
	ok      bool
	skipped []skip
	output  map[[2]string]*strings.Builder // by package and test, until the test has ended
}

func newResults(out io.Writer) *results {
	return &results{out: out, ok: true, output: map[[2]string]*strings.Builder{}}
}

// run runs a command that prints events, and reports whether it and all tests so far succeeded.
func (r *results) run(cmd *exec.Cmd) (ok bool, err error) {
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	readErr := r.read(pipe)
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		r.ok, err = false, nil
	}
	return r.ok, errors.Join(readErr, err)
}

func (r *results) read(from io.Reader) error {
	for lines := bufio.NewReader(from); ; {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.handle(e)
			} else {
				fmt.Fprintf(r.out, "%s", line) // from the go command itself
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (r *results) handle(e event) {
	test := [2]string{e.Package, e.Test}
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
		if r.output[test] == nil {
			r.output[test] = &strings.Builder{}
		}
		r.output[test].WriteString(e.Output)
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, skip{e.Package, e.Test, reason(r.takeOutput(test))})
		}
	case "pass":
		r.takeOutput(test)
	case "fail":
		r.ok = false
		fmt.Fprint(r.out, r.takeOutput(test))
		if e.Test == "" { // the tests that had not ended
			for unended := range r.output {
				if unended[0] == e.Package {
					fmt.Fprint(r.out, r.takeOutput(unended))
				}
			}
		}
	}
}

// takeOutput returns a test's output, and forgets it.
func (r *results) takeOutput(test [2]string) string {
	b := r.output[test]
	delete(r.output, test)
	if b == nil {
		return ""
	}
	return b.String()
}

// place is what precedes each message of a test.
var place = regexp.MustCompile(`(?m)^ +[\w.-]+\.go:\d+: `)

// reason returns the last message that a skipped test printed.
func reason(output string) string {
	if at := place.FindAllStringIndex(output, -1); at != nil {
		output = output[at[len(at)-1][1]:]
	}
	output, _, _ = strings.Cut(output, "--- SKIP")
	return strings.Join(strings.Fields(output), " ")
}
