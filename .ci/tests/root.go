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

// sudoWorks: without a password, as on a machine that builds.
func sudoWorks() bool { return exec.Command("sudo", "-n", "true").Run() == nil }

// asRoot runs those tests again through sudo. They are built as the user who runs this, and the
// build cache stays that user's.
func asRoot(out io.Writer, which []skip, race bool) (r *results, err error) {
	dir, err := os.MkdirTemp("", "tests")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cache, err := words("go", "env", "GOCACHE")
	if err != nil {
		return nil, err
	}
	defer func() {
		_, back := words("sudo", "-n", "find", cache, "-user", "root", "-exec", "chown",
			fmt.Sprint(os.Getuid(), ":", os.Getgid()), "{}", "+")
		err = errors.Join(err, back)
	}()
	r = newResults(out)
	for pkg, tests := range byPackage(which) {
		binary := filepath.Join(dir, "root.test")
		build := []string{"test", "-c", "-o", binary}
		if race {
			build = append(build, "-race")
		}
		if _, err := words("go", append(build, pkg)...); err != nil {
			return nil, err
		}
		at, err := words("go", "list", "-f", "{{.Dir}}", pkg)
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
		cmd.Dir = at
		ok, err := r.of(cmd)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "%s\t%s\t%s, as root\n", map[bool]string{true: "ok  ", false: "FAIL"}[ok], pkg,
			strings.Join(tests, " "))
	}
	return r, nil
}

// byPackage has the names of the tests, of which the skipped may be parts.
func byPackage(which []skip) map[string][]string {
	found := map[string][]string{}
	for _, s := range which {
		name, _, _ := strings.Cut(s.test, "/")
		if !slices.Contains(found[s.pkg], name) {
			found[s.pkg] = append(found[s.pkg], name)
		}
	}
	return found
}

// words is what a program prints.
func words(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(text)), nil
}
