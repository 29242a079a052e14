package update_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tacet/daemon/update"
)

func write(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }

func TestLook(t *testing.T) {
	failed := update.Failed{Version: "1.2.4", Why: "it ends by itself"}
	for what, c := range map[string]struct {
		installed string
		failed    []update.Failed
		want      update.Found
	}{
		"no package":                      {"", nil, update.Found{}},
		"the running version":             {"1.2.3\n", nil, update.Found{}},
		"another":                         {"1.2.4\n", nil, update.Found{Waiting: "1.2.4"}},
		"an older one":                    {"1.2.2\n", nil, update.Found{Waiting: "1.2.2"}},
		"one that has failed":             {"1.2.4\n", []update.Failed{failed}, update.Found{Failed: &failed}},
		"one after one that has failed":   {"1.2.5\n", []update.Failed{failed}, update.Found{Waiting: "1.2.5"}},
		"the running one, which failed":   {"1.2.3\n", []update.Failed{{Version: "1.2.3"}}, update.Found{Failed: &update.Failed{Version: "1.2.3"}}},
		"no version":                      {"a version\n", nil, update.Found{}},
		"a version that is too long":      {strings.Repeat("1", 65), nil, update.Found{}},
		"a file that is too long":         {strings.Repeat("1", 100_000), nil, update.Found{}},
		"a version that is not printable": {"1.2.4\x1b[31m", nil, update.Found{}},
	} {
		dir := t.TempDir()
		u := update.Unit{
			Running: "1.2.3", Installed: filepath.Join(dir, "version"), Dir: dir,
			Program: filepath.Join(dir, "tacetd"), Self: filepath.Join(dir, "self"),
		}
		for _, program := range []string{u.Program, u.Self} {
			if err := write(program, nil); err != nil {
				t.Fatal(err)
			}
		}
		if c.installed != "" {
			if err := write(u.Installed, []byte(c.installed)); err != nil {
				t.Fatal(err)
			}
		}
		if err := (update.State{Failed: c.failed}).Write(dir, write); err != nil {
			t.Fatal(err)
		}
		if got := u.Look(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: found %+v, want %+v", what, got, c.want)
		}
	}
}

// A program that somebody has built and copied to its place runs: no other waits, or the unit would
// start it anew every ten minutes.
func TestAProgramThatWasCopied(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	u := update.Unit{Running: "dev", Installed: filepath.Join(dir, "version"), Dir: dir, Program: self}
	if err := write(u.Installed, []byte("1.2.3\n")); err != nil {
		t.Fatal(err)
	}
	if got := u.Look(); got.Waiting != "" {
		t.Errorf("%q waits", got.Waiting)
	}
	u.Program = filepath.Join(dir, "not there")
	if got := u.Look(); got.Waiting != "" {
		t.Errorf("without a program %q waits", got.Waiting)
	}
}

// The state is read by the version before and by the one after: unknown fields and a broken file do
// no harm.
func TestState(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state.json")
	for text, want := range map[string]bool{
		`{"format":1,"failed":[{"version":"1.0.2","why":"x"}]}`:                                  true,
		`{"format":2,"failed":[{"version":"1.0.2","why":"x","since":7}],"trial":null,"more":{}}`: true,
		``: false, `{`: false, `[]`: false, `null`: false, `{"failed":[{"version":"a b"}]}`: false,
	} {
		if err := write(state, []byte(text)); err != nil {
			t.Fatal(err)
		}
		s, err := update.Read(dir)
		if got := s.Find("1.0.2") != nil; got != want {
			t.Errorf("%s: it has failed: %v, %v", text, got, err)
		}
		if err != nil && len(s.Failed) > 0 {
			t.Errorf("%s: %v, and %+v", text, err, s)
		}
	}
	var s update.State
	for _, v := range strings.Split(strings.Repeat("1.", 60)+"1", ".") {
		s.Fail(update.Failed{Version: v + strings.Repeat("1", len(s.Failed)), Why: "x"})
	}
	if len(s.Failed) > 20 {
		t.Errorf("it remembers %d versions", len(s.Failed))
	}
}
