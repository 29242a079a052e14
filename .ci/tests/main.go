// Command tests runs "go test" with its own arguments, and lists at the end what was not tested.
//
// Tests that were skipped because they need root run again through sudo, unless this is root or
// sudo asks for a password. With TACET_STRICT=1 a test that lacks a program fails, and so does one
// that was skipped for a reason that package needs doesn't know.
//
//	go run ./.ci/tests -race -timeout 20m ./...
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
)

func main() {
	ok, err := run(os.Stdout, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(out io.Writer, args []string) (ok bool, err error) {
	first := newResults(out)
	ok, err = first.run(exec.Command("go", append([]string{"test", "-json"}, args...)...))
	if err != nil {
		return false, err
	}
	skipped := first.skipped
	if root := slices.DeleteFunc(slices.Clone(skipped),
		func(s skip) bool { return s.kind() != needsRoot }); len(root) > 0 && os.Geteuid() != 0 && sudoWorks() {
		fmt.Fprintln(out, "again as root, what only root can do:")
		second, err := asRoot(out, root, slices.Contains(args, "-race"))
		if err != nil {
			return false, fmt.Errorf("run tests as root: %w", err)
		}
		ok = ok && second.ok
		skipped = append(slices.DeleteFunc(skipped, func(s skip) bool { return s.kind() == needsRoot }), second.skipped...)
	}
	return summarize(out, ok, skipped, os.Getenv("TACET_STRICT") == "1"), nil
}

// summarize prints what was not tested, and reports whether the whole run passed.
func summarize(out io.Writer, ok bool, skipped []skip, strict bool) bool {
	list := func(k kind, title string) (n int) {
		for _, s := range skipped {
			if s.kind() != k {
				continue
			}
			if n++; n == 1 {
				fmt.Fprintln(out, title)
			}
			fmt.Fprintf(out, "  %s %s: %s\n", s.pkg, s.test, s.reason)
		}
		return n
	}
	list(elsewhere, "not tested here, but in another target:")
	list(needsKernel, "not tested, because this machine's kernel can't:")
	list(needsRoot, "NOT TESTED: it needs root, and sudo is missing or asks for a password:")
	if n := list(needsProgram, "NOT TESTED: a program is missing:") + list(unknown,
		"SKIPPED for a reason that package needs doesn't know:"); n > 0 && strict {
		ok = false
	}
	if ok {
		fmt.Fprintln(out, "tests: all that ran passed")
	} else {
		fmt.Fprintln(out, "tests: FAILED")
	}
	return ok
}
