// Command tests is "go test" with an end that says what was not tested here. Its arguments are
// those of "go test".
//
// Tests that skip since they need root are run once more through sudo, where this isn't root and
// sudo asks for no password. What the kernel here can't do is listed. With TACET_STRICT=1 a test
// may skip for no other reason than one of package needs, and not for want of a program.
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
	ok, err = first.of(exec.Command("go", append([]string{"test", "-json"}, args...)...))
	if err != nil {
		return false, err
	}
	skipped := first.skipped
	if root := slices.DeleteFunc(slices.Clone(skipped),
		func(s skip) bool { return s.kind() != needsRoot }); len(root) > 0 && os.Geteuid() != 0 && sudoWorks() {
		fmt.Fprintln(out, "once more as root, what only root can do:")
		second, err := asRoot(out, root, slices.Contains(args, "-race"))
		if err != nil {
			return false, fmt.Errorf("run tests as root: %w", err)
		}
		ok = ok && second.ok
		skipped = append(slices.DeleteFunc(skipped, func(s skip) bool { return s.kind() == needsRoot }), second.skipped...)
	}
	return close(out, ok, skipped, os.Getenv("TACET_STRICT") == "1"), nil
}

// close says what was not tested here, and how it all went.
func close(out io.Writer, ok bool, skipped []skip, strict bool) bool {
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
	list(elsewhere, "not tested here, but elsewhere:")
	list(needsKernel, "not tested, since this machine's kernel can't:")
	list(needsRoot, "NOT TESTED, since it needs root, and sudo is not there or asks for a password:")
	if n := list(needsProgram, "NOT TESTED for want of a program:") + list(unknown,
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
