package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tacet/cmd/internal/cli"
)

func run(env *cli.Env) error {
	return env.Dispatch("a tool of its own", []cli.Command{
		{Name: "open", Usage: "-i KEY [-n N] FILE", About: "open it",
			Help: "One 'line'.\n\n    $ tacet open\n\n.Two-lines: \\ end.",
			Run: func(env *cli.Env, args []string) error {
				fs := env.Flags()
				fs.String("i", "", "the `KEY` that's [secret]")
				fs.Int("n", 3, "`number` of tries")
				fs.Bool("v", false, "say more")
				_, err := env.Parse(fs, args)
				return err
			}},
		{Name: "drive", Usage: "init PATH", About: "mark a drive", Run: func(env *cli.Env, args []string) error {
			_, err := env.Parse(env.Flags(), args)
			return err
		}},
		{Name: "status", Usage: "[-k]", About: "say how it is", Run: func(env *cli.Env, args []string) error {
			_, err := env.Parse(env.Flags(), args)
			return err
		}},
	})
}

func describe(t *testing.T) cli.Description {
	t.Helper()
	d, err := cli.Describe("tacet", run)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What a help text says never becomes one of the page's macros or escapes.
func TestAPage(t *testing.T) {
	text := Page(describe(t), "1", "2026-11-21")
	for _, want := range []string{
		".TH TACET 1 2026-11-21", "tacet \\- a tool of its own", "\\fB\\-i KEY\\fR", "One \\(aqline\\(aq.",
		".RS\n.nf\n$ tacet open\n.fi\n.RE", "\\&.Two\\-lines: \\e end.", "Number of tries (default 3).",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestTheConfigPageHasEachSection(t *testing.T) {
	text, err := ConfigPage("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".SS \"[room]\"", ".SS \"[[button]]\"", "kind = \\(dqs3\\(dq", "\\fBknown_hosts = ",
		".SH \"TELEMETRY\""} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it", want)
		}
	}
}

// bash completes by the script as it does for a person.
func TestBashCompletes(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "tacet.bash")
	for path, text := range map[string]string{script: Bash(describe(t)), filepath.Join(dir, "a file.tacet"): ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ typed, want string }{
		{"tacet|o", "open"},
		{"tacet|", "help|version|open|drive|status"},
		{"tacet|open|-", "-i|-n|-v"},
		{"tacet|open|-i|", "a file.tacet|tacet.bash"},
		{"tacet|open|-n|", ""},
		{"tacet|open|a", "a file.tacet"},
		{"tacet|drive|in", "init"},
		{"tacet|drive|init|a", "a file.tacet"},
		{"tacet|status|a", ""},
		{"tacet|help|dr", "drive"},
	} {
		words := strings.Split(c.typed, "|")
		run := exec.Command("bash", append([]string{"-c", `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tacet
			printf '%s\n' "${COMPREPLY[@]}" | sort`, script}, words...)...)
		run.Dir = dir
		out, err := run.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", c.typed, err, out)
			continue
		}
		got, want := strings.Fields(strings.ReplaceAll(string(out), "a file", "a_file")), strings.Split(c.want, "|")
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], " ", "_")
		}
		if !same(got, want) {
			t.Errorf("after %q bash offers %q, not %q", c.typed, got, want)
		}
	}
}

func same(got, want []string) bool {
	seen := map[string]int{}
	for _, w := range want {
		if w != "" {
			seen[w]++
		}
	}
	for _, g := range got {
		seen[g]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

// Quotes, brackets and colons of a help text stay text in the other shells' scripts.
func TestOtherShellsQuote(t *testing.T) {
	d := describe(t)
	if zsh := Zsh(d); !strings.Contains(zsh, `'*-i[the KEY that'\''s \[secret\]]:KEY:_files'`) {
		t.Error(zsh)
	}
	if fish := Fish(d); !strings.Contains(fish, `-o 'i' -r -F -d 'the KEY that\'s [secret]'`) ||
		!strings.Contains(fish, "-o 'n' -x") {
		t.Error(fish)
	}
}

func TestSourceDate(t *testing.T) {
	if day, err := sourceDate("1795219200"); err != nil || day != "2026-11-21" {
		t.Errorf("%q, %v", day, err)
	}
	if _, err := sourceDate("yesterday"); err == nil {
		t.Error("a date that is none passes")
	}
}
