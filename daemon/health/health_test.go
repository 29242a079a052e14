package health_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tacet/daemon/health"
)

// Every warning is readable by a person and by a program.
func TestDeclared(t *testing.T) {
	code := regexp.MustCompile(`^[a-z-]+$`)
	all := health.Declared()
	for i, w := range all {
		for what, text := range map[string]string{"title": w.Title, "text": w.Text, "what to do": w.Do} {
			if text == "" || strings.TrimSpace(text) != text || strings.ContainsAny(text, "\n\t") {
				t.Errorf("%s: bad %s: %q", w.Code, what, text)
			}
			if strings.Contains(strings.ToLower(text), "patient") {
				t.Errorf("%s: the %s mentions patients", w.Code, what)
			}
		}
		if len(w.Title) > 60 || strings.HasSuffix(w.Title, ".") {
			t.Errorf("%s: a title is a few words: %q", w.Code, w.Title)
		}
		if !strings.HasSuffix(w.Text, ".") || !strings.HasSuffix(w.Do, ".") {
			t.Errorf("%s: text and what to do are sentences", w.Code)
		}
		if !code.MatchString(string(w.Code)) {
			t.Errorf("bad code %q", w.Code)
		}
		if i > 0 && all[i-1].Code >= w.Code {
			t.Errorf("%s: not unique, or not sorted", w.Code)
		}
		if r := w.Remedy(); r == "" || len(r) > 160 || !strings.HasPrefix(w.Do, r) || !strings.HasSuffix(r, ".") {
			t.Errorf("%s: the remedy is %q: the first sentence may have at most 160 bytes", w.Code, r)
		}
		if !w.Problem() && (w.Blocks || w.Lasts == 0 || w.Lasts > 24*time.Hour || w.After > 0) {
			t.Errorf("%s is a note: it may not block, must show at once and last at most a day", w.Code)
		}
		if w.Blocks && (w.Severity != health.Fault || w.Lasts > 0) {
			t.Errorf("%s blocks recording: so it must be a fault without Lasts", w.Code)
		}
		if w.After < 0 || w.After > time.Hour || w.Linger > time.Hour || w.Lasts > 7*24*time.Hour {
			t.Errorf("%s: bad times", w.Code)
		}
		if got, ok := health.Lookup(w.Code); !ok || got != w {
			t.Errorf("%s is not found", w.Code)
		}
	}
	if _, ok := health.Lookup("no-such-code"); ok {
		t.Error("a code that is not declared was found")
	}
}

// The warnings that the promises and the manual rely on exist, and block or not.
func TestDeclaredCoversTheUnit(t *testing.T) {
	blocks := strings.Fields(`mic-missing light-fault light-stuck button-fault door-fault spool-missing spool-readonly spool-full
		recipients-bad unit-key-bad`)
	// These are found only by trying. If they blocked, nobody could try again.
	tried := strings.Fields(`mic-busy mic-rate mic-pace mic-fault mic-silent mic-stalled samples-lost light-sense button-stuck
		spool-error spool-slow ledger-error encoder-fault`)
	others := strings.Fields(`unit-busy status-light-fault buzzer-fault spool-low unit-key-mode recipients-changed drive-new ledger-new ledger-broken clock-unsynced recording-interrupted recording-damaged
		recording-unfinished store-missing store-foreign store-full store-readonly store-error store-mismatch
		store-behind store-conflict store-hung
		store-denied store-host-key mqtt-offline mqtt-denied mqtt-host-key mqtt-files mqtt-limited config-reload-failed memory-unlocked update-failed internal-error`)
	all := slices.Concat(blocks, tried, others)
	for _, code := range all {
		w, ok := health.Lookup(health.Code(code))
		if !ok {
			t.Errorf("%s is not declared", code)
		}
		if want := slices.Contains(blocks, code); w.Blocks != want {
			t.Errorf("%s blocks: %v, want %v", code, w.Blocks, want)
		}
	}
	for _, w := range health.Declared() {
		if !slices.Contains(all, string(w.Code)) {
			t.Errorf("%s is declared, but not in this test", w.Code)
		}
	}
}

func TestMessage(t *testing.T) {
	w, _ := health.Lookup("store-full")
	a := health.Active{Warning: w, Since: time.Date(2026, 11, 21, 14, 3, 0, 0, time.UTC), Causes: []health.Cause{
		{On: "drive", Detail: "0 bytes left"}, {On: "nas"},
	}}
	want := "Store full (drive: 0 bytes left; nas), since 21 Nov 2026 14:03. " + w.Text + " " + w.Do
	if got := a.Message(); got != want {
		t.Errorf("message:\n%s\nwant:\n%s", got, want)
	}
	a.Causes = []health.Cause{{}}
	if got := a.Message(); !strings.HasPrefix(got, "Store full, since") {
		t.Errorf("message without a detail: %s", got)
	}
	if got, _ := health.Fault.MarshalText(); string(got) != "fault" || health.Attention.String() != "attention" ||
		health.Note.String() != "note" {
		t.Errorf("severities are called %s, %s and %s", got, health.Attention, health.Note)
	}
}

// However many and long the details are, the message fits an alert, has the time and what to do,
// and mentions each of several stores.
func TestMessageKeepsWhatMatters(t *testing.T) {
	for _, w := range health.Declared() {
		for _, n := range []int{1, 2, 4, 64} {
			a := health.Active{Warning: w, Since: time.Date(2026, 11, 21, 14, 3, 0, 0, time.UTC)}
			for i := range n {
				on := fmt.Sprintf("store-%02d", i)
				a.Causes = append(a.Causes, health.Cause{On: on, Detail: strings.Repeat("é€x", 100)})
			}
			got := a.Message()
			rest := ", since 21 Nov 2026 14:03. " + w.Text + " " + w.Do
			if !strings.HasPrefix(got, w.Title+" (store-00: é") || !strings.HasSuffix(got, "…)"+rest) {
				t.Errorf("%s, %d causes: %s", w.Code, n, got)
			}
			if len(got) > 1000 || !utf8.ValidString(got) {
				t.Errorf("%s, %d causes: %d bytes: %s", w.Code, n, len(got), got)
			}
			if n <= 4 && !strings.Contains(got, fmt.Sprintf("store-%02d: é", n-1)) {
				t.Errorf("%s, %d causes: nothing of the last: %s", w.Code, n, got)
			}
		}
	}
}

// A detail may be invalid UTF-8.
func TestMessageOfRubbish(t *testing.T) {
	w, _ := health.Lookup("store-error")
	rubbish := strings.Repeat("\x80", 300)
	a := health.Active{Warning: w, Causes: []health.Cause{{Detail: rubbish}, {On: "nas", Detail: rubbish}}}
	if got := a.Message(); !strings.HasSuffix(got, w.Do) {
		t.Errorf("message: %q", got)
	}
}

func TestSeverityAsText(t *testing.T) {
	for _, s := range []health.Severity{health.Note, health.Attention, health.Fault} {
		text, err := s.MarshalText()
		var back health.Severity
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%v: %s, %v, %v", s, text, err, back)
		}
	}
	if err := new(health.Severity).UnmarshalText([]byte("bad")); err == nil {
		t.Error("an unknown severity is accepted")
	}
}
