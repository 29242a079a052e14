package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// sudoWorks reports whether sudo works without a password, as it does on a CI machine.
func sudoWorks() bool { return exec.Command("sudo", "-n", "true").Run() == nil }

// asRoot runs skipped tests again through sudo. It builds them as the current user, and gives that
// user back what root wrote into the build cache.
func asRoot(out io.Writer, skipped []skip, race bool) (r *results, err error) {
	dir, err := os.MkdirTemp("", "tests")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cache, err := outputOf("go", "env", "GOCACHE")
	if err != nil {
		return nil, err
	}
	defer func() {
		_, chownErr := outputOf("sudo", "-n", "find", cache, "-user", "root", "-exec", "chown",
			fmt.Sprint(os.Getuid(), ":", os.Getgid()), "{}", "+")
		err = errors.Join(err, chownErr)
	}()
	r = newResults(out)
	for pkg, tests := range byPackage(skipped) {
		binary := filepath.Join(dir, "root.test")
		build := []string{"test", "-c", "-o", binary}
		if race {
			build = append(build, "-race")
		}
		if _, err := outputOf("go", append(build, pkg)...); err != nil {
			return nil, err
		}
		source, err := outputOf("go", "list", "-f", "{{.Dir}}", pkg)
		if err != nil {
			return nil, err
		}
		environment := []string{"PATH=" + os.Getenv("PATH"), "GOCACHE=" + cache}
		for _, name := range []string{"TACET_TOOLS", "TACET_STRICT", "TMPDIR"} {
			if v := os.Getenv(name); v != "" {
				environment = append(environment, name+"="+v)
			}
		}
		cmd := exec.Command("go", slices.Concat([]string{"tool", "test2json", "-t", "-p", pkg, "sudo", "-n", "-E", "env"},
			environment,
			[]string{binary, "-test.v=test2json", "-test.timeout=20m", "-test.run=^(" + strings.Join(tests, "|") + ")$"})...)
		cmd.Dir = source
		ok, err := r.run(cmd)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "%s\t%s\t%s, as root\n", map[bool]string{true: "ok  ", false: "FAIL"}[ok], pkg,
			strings.Join(tests, " "))
	}
	return r, nil
}

// byPackage returns the names of the top-level tests, by package.
func byPackage(skipped []skip) map[string][]string {
	found := map[string][]string{}
	for _, s := range skipped {
		name, _, _ := strings.Cut(s.test, "/")
		if !slices.Contains(found[s.pkg], name) {
			found[s.pkg] = append(found[s.pkg], name)
		}
	}
	return found
}

// outputOf returns what a program prints, without the space around it.
func outputOf(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(text)), nil
}
