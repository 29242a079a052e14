package diagnosis_test

import (
	"encoding/json"
	"strings"
	"testing"

	"tacet/cmd/internal/diagnosis"
)

var (
	good = diagnosis.Finding{Part: "spool", Text: "was written"}
	bad  = diagnosis.Finding{Part: "clock", Outcome: diagnosis.Failed, Text: "not set", Remedy: "set it",
		Command: "date"}
	worse   = diagnosis.Finding{Part: "light", Outcome: diagnosis.Failed, Text: "broken\nwire"}
	unknown = diagnosis.Finding{Part: "buttons", Outcome: diagnosis.Untried, Text: "in use"}
	nothing = diagnosis.Finding{Part: "broker", Outcome: diagnosis.Absent, Text: "none is configured"}
)

// The verdict is one sentence that names the first failure, and doesn't claim what nobody tried.
func TestVerdict(t *testing.T) {
	for want, r := range map[string]diagnosis.Report{
		"Ready.":                              {Findings: []diagnosis.Finding{good, nothing}},
		"Not ready: 1 thing, clock: not set.": {Findings: []diagnosis.Finding{good, bad, unknown}},
		"Not ready: 2 things, first light: broken; wire.":    {Findings: []diagnosis.Finding{worse, good, bad}},
		"Ready, as far as it was tried; not tried: buttons.": {Findings: []diagnosis.Finding{unknown, good}},
		"Not ready: interrupted before the end.":             {Findings: []diagnosis.Finding{good}, Interrupted: true},
	} {
		if got := r.Verdict(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if r.Ready() != strings.HasPrefix(want, "Ready") {
			t.Errorf("ready is %v, with %q", r.Ready(), want)
		}
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		f     diagnosis.Finding
		ticks bool
		want  string
	}{
		{good, false, "ok         spool: was written"},
		{good, true, "✓ spool: was written"},
		{bad, false, "FAIL       clock: not set; set it; run: date"},
		{bad, true, "✗ clock: not set; set it; run: date"},
		{worse, false, "FAIL       light: broken; wire"},
		{unknown, false, "not tried  buttons: in use"},
		{nothing, true, "– broker: none is configured"},
	} {
		if got := c.f.Line(c.ticks); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Programs read these names: none may change.
func TestDocumentKeepsItsNames(t *testing.T) {
	r := diagnosis.Report{}
	for _, f := range []diagnosis.Finding{good, bad, unknown, nothing} {
		r.Add(f)
	}
	d := r.Document()
	d.Listening = &diagnosis.Listening{Rate: 48000.1, Speech: -30, Peak: -6, Clipped: 1}
	text, err := json.Marshal(d)
	const want = `{"ready":false,"verdict":"Not ready: 1 thing, clock: not set.","version":"","time":"0001-01-01T00:00:00Z",` +
		`"site":"","room":"","parts":[{"part":"spool","outcome":"ok","text":"was written"},` +
		`{"part":"clock","outcome":"failed","text":"not set","remedy":"set it","command":"date"},` +
		`{"part":"buttons","outcome":"untried","text":"in use"},{"part":"broker","outcome":"absent","text":"none is configured"}],` +
		`"listening":{"rate_hz":48000.1,"speech_db":-30,"peak_db":-6,"clipped":1}}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTicks(t *testing.T) {
	for env, want := range map[string]bool{
		"TERM=xterm LANG=de_DE.UTF-8":          true,
		"TERM=xterm LC_ALL=C.utf8 LANG=C":      true,
		"TERM=xterm LC_ALL=C LANG=de_DE.UTF-8": false,
		"TERM=xterm LANG=C":                    false,
		"TERM=xterm":                           false,
		"TERM=dumb LANG=de_DE.UTF-8":           false,
		"TERM=linux LANG=de_DE.UTF-8":          false, // its font has none
		"LANG=de_DE.UTF-8":                     false,
	} {
		values := map[string]string{}
		for _, one := range strings.Fields(env) {
			name, value, _ := strings.Cut(one, "=")
			values[name] = value
		}
		if got := diagnosis.Ticks(func(name string) string { return values[name] }); got != want {
			t.Errorf("%s: %v", env, got)
		}
	}
}

func TestBar(t *testing.T) {
	for level, want := range map[float64]string{
		-99: "[" + strings.Repeat("-", 30) + "]  -99 dB",
		-30: "[###############---------------]  -30 dB",
		0:   "[" + strings.Repeat("#", 30) + "]    0 dB",
	} {
		if got := diagnosis.Bar(level); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A name from elsewhere can't become a command.
func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"/etc/tacet/key": "/etc/tacet/key", "a b": "'a b'", "$(reboot)": "'$(reboot)'", "it's": `'it'\''s'`, "": "''",
	} {
		if got := diagnosis.Quote(word); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
