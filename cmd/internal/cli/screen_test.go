package cli

import (
	"bytes"
	"strings"
	"testing"
)

// Output that goes elsewhere than to a terminal is no screen.
func TestScreen(t *testing.T) {
	if (&Env{Stdout: &bytes.Buffer{}}).Screen() {
		t.Error("a buffer is taken for a terminal")
	}
}

// Text is shown in place of the text before, and removed at the end. Elsewhere nothing is shown.
func TestShow(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		p := (&Env{Stderr: &out, Terminal: terminal}).Progress("", 0)
		p.Show("long \x1b text")
		p.Show("short")
		p.Done()
		want := ""
		if terminal {
			want = "\rlong \ufffd text\rshort      \r     \r"
		}
		if got := out.String(); got != want || strings.Contains(got, "\x1b") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
