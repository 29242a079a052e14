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

// tried runs a package's tests.
func tried(t *testing.T, out io.Writer, tests string) *results {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example\ngo 1.26.0\n",
		"a_test.go": "package a\nimport (\"os\"; \"testing\")\nvar _ = os.Exit\nfunc TestGood(t *testing.T) { t.Log(\"a good test's words\") }\n" + tests,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-vet=off", "-json", "./...")
	cmd.Dir = dir
	r := newResults(out)
	if _, err := r.of(cmd); err != nil {
		t.Fatal(err)
	}
	return r
}

// Whatever goes wrong is said and fails; what is skipped is said, and fails only where make test
// could have brought it.
func TestEnds(t *testing.T) {
	for what, c := range map[string]struct {
		tests      string
		ok, strict bool // strict: with TACET_STRICT=1
		says       string
	}{
		"all well":  {"", true, true, "ok  \texample"},
		"a failure": {`func TestBad(t *testing.T) { t.Error("its words") }`, false, false, "its words"},
		"of a part": {`func TestBad(t *testing.T) { t.Run("part", func(t *testing.T) { t.Error("its words") }) }`,
			false, false, "its words"},
		"a panic":    {`func TestBad(t *testing.T) { panic("its words") }`, false, false, "its words"},
		"an exit":    {`func TestBad(t *testing.T) { println("its words"); os.Exit(1) }`, false, false, "its words"},
		"no program": {`func TestBad(t *testing.T) { _ = itsWords }`, false, false, "itsWords"},
		"the kernel": {`func TestSkips(t *testing.T) { t.Skip("needs the kernel: its words") }`, true, true,
			"example TestSkips: needs the kernel: its words"},
		"in a part": {`func TestSkips(t *testing.T) { t.Run("part", func(t *testing.T) { t.Skip("needs the kernel: its words") }) }`, true, true, "TestSkips/part: needs"},
		"elsewhere": {`func TestSkips(t *testing.T) { t.Skip("runs elsewhere: its words") }`, true, true, "its words"},
		"a program": {`func TestSkips(t *testing.T) { t.Skip("needs a program: its words") }`, true, false,
			"its words"},
		"some other thing": {`func TestSkips(t *testing.T) { t.Skip("its words") }`, true, false, "its words"},
	} {
		t.Run(what, func(t *testing.T) {
			var out strings.Builder
			r := tried(t, &out, c.tests)
			for strict, want := range map[bool]bool{false: c.ok, true: c.strict} {
				var end strings.Builder
				if ok := close(&end, r.ok, r.skipped, strict); ok != want ||
					strings.HasSuffix(end.String(), "all that ran passed\n") != want {
					t.Errorf("strict %v: %v, want %v; it ends with\n%s", strict, ok, want, end.String())
				}
				if said := out.String() + end.String(); !strings.Contains(said, c.says) {
					t.Errorf("strict %v: it doesn't say %q:\n%s", strict, c.says, said)
				}
			}
			if strings.Contains(out.String(), "a good test's words") {
				t.Errorf("a test that passed is heard:\n%s", out.String())
			}
		})
	}
}

// The reasons of package needs are known by their words, and with TACET_STRICT=1 a program that is
// missing fails.
func TestKnowsNeeds(t *testing.T) {
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
		if ok, err := r.of(cmd); err != nil || ok != (strict == "") {
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
