package main

import (
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runTests runs the tests of a package that has these, and one that passes.
func runTests(t *testing.T, out io.Writer, tests string) *results {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example\ngo 1.26.0\n",
		"a_test.go": "package a\nimport (\"os\"; \"testing\")\nvar _ = os.Exit\nfunc TestGood(t *testing.T) { t.Log(\"a passing test's output\") }\n" + tests,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-vet=off", "-json", "./...")
	cmd.Dir = dir
	r := newResults(out)
	if _, err := r.run(cmd); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSummary: everything that goes wrong is printed and fails. What was skipped is printed, and
// fails only if make test could have installed what was missing.
func TestSummary(t *testing.T) {
	for what, c := range map[string]struct {
		tests      string
		ok, strict bool // strict: with TACET_STRICT=1
		prints     string
	}{
		"all well":  {"", true, true, "ok  \texample"},
		"a failure": {`func TestBad(t *testing.T) { t.Error("its message") }`, false, false, "its message"},
		"of a part": {`func TestBad(t *testing.T) { t.Run("part", func(t *testing.T) { t.Error("its message") }) }`,
			false, false, "its message"},
		"a panic":    {`func TestBad(t *testing.T) { panic("its message") }`, false, false, "its message"},
		"an exit":    {`func TestBad(t *testing.T) { println("its message"); os.Exit(1) }`, false, false, "its message"},
		"no program": {`func TestBad(t *testing.T) { _ = itsMessage }`, false, false, "itsMessage"},
		"the kernel": {`func TestSkips(t *testing.T) { t.Skip("needs the kernel: its message") }`, true, true,
			"example TestSkips: needs the kernel: its message"},
		"in a part": {`func TestSkips(t *testing.T) { t.Run("part", func(t *testing.T) { t.Skip("needs the kernel: its message") }) }`, true, true, "TestSkips/part: needs"},
		"elsewhere": {`func TestSkips(t *testing.T) { t.Skip("runs elsewhere: its message") }`, true, true, "its message"},
		"a program": {`func TestSkips(t *testing.T) { t.Skip("needs a program: its message") }`, true, false,
			"its message"},
		"some other thing": {`func TestSkips(t *testing.T) { t.Skip("its message") }`, true, false, "its message"},
	} {
		t.Run(what, func(t *testing.T) {
			var out strings.Builder
			r := runTests(t, &out, c.tests)
			for strict, want := range map[bool]bool{false: c.ok, true: c.strict} {
				var end strings.Builder
				if ok := summarize(&end, r.ok, r.skipped, strict); ok != want ||
					strings.HasSuffix(end.String(), "all that ran passed\n") != want {
					t.Errorf("strict %v: %v, want %v; the summary is\n%s", strict, ok, want, end.String())
				}
				if printed := out.String() + end.String(); !strings.Contains(printed, c.prints) {
					t.Errorf("strict %v: it doesn't print %q:\n%s", strict, c.prints, printed)
				}
			}
			if strings.Contains(out.String(), "a passing test's output") {
				t.Errorf("a test that passed is printed:\n%s", out.String())
			}
		})
	}
}

// TestKindsOfSkips: the reasons of package needs are recognised, and with TACET_STRICT=1 a missing
// program fails.
func TestKindsOfSkips(t *testing.T) {
	for strict, want := range map[string]map[string]kind{
		"": {"TestVariable": elsewhere, "TestProgram": needsProgram, "TestInstalled": needsProgram,
			"TestKernel": needsKernel},
		"1": {"TestVariable": elsewhere, "TestKernel": needsKernel},
	} {
		if os.Geteuid() != 0 {
			want["TestKernel"], want["TestRoot"] = needsRoot, needsRoot
		}
		cmd := exec.Command("go", "test", "-json", "tacet/systemd/needs")
		cmd.Env = append(os.Environ(), "TACET_NEEDS_TEST=1", "TACET_STRICT="+strict)
		var out strings.Builder
		r := newResults(&out)
		if ok, err := r.run(cmd); err != nil || ok != (strict == "") {
			t.Errorf("strict %q: %v (%v)\n%s", strict, ok, err, out.String())
		}
		got := map[string]kind{}
		for _, s := range r.skipped {
			got[s.test] = s.kind()
		}
		if !maps.Equal(got, want) {
			t.Errorf("strict %q: skipped %v, want %v", strict, got, want)
		}
	}
}
