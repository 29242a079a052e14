package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
)

// hostile are texts that change what a terminal shows, or mislead its reader.
var hostile = []string{
	"a\x1b[31mb", "a\x9bb", "a\u009b2Jb", "a\u202eb", "a\u2066b", "a\nb", "a\r\nb", "a\tb", "a\x00b", "a\x07b", "a\x7fb",
	"a\u200bb", "a\ufeffb",
	"a\u2028b", "a\u0085b", "a\U000e0041b", "a\xff\xfeb", "a\xed\xa0\x80b", "a\u00a0b", "a\u061cb", "a\U0010ffffb",
	"\xe2\x80",
}

// wantPrintable checks that text is wantPrintable, and has this many lines.
func wantPrintable(t *testing.T, what, text string, lines int) {
	t.Helper()
	if strings.Count(text, "\n") != lines {
		t.Errorf("%s: %d lines, want %d: %q", what, strings.Count(text, "\n"), lines, text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) ||
		strings.ToValidUTF8(text, "") != text {
		t.Errorf("%s: %q", what, text)
	}
}

type named string

type stringer struct{ text string }

func (s stringer) String() string { return s.text }

// Whatever a program prints, and in whichever way, what reaches the terminal is printable, in the
// lines that the program meant.
func TestOnlyPrintableOutput(t *testing.T) {
	for _, text := range hostile {
		for what, say := range map[string]func(env *Env){
			"text":       func(env *Env) { env.Printf("%-12s|%s\n", text, text) },
			"an error":   func(env *Env) { env.Printf("%v\n", fmt.Errorf("open %s: %w", text, errors.New(text))) },
			"a type":     func(env *Env) { env.Printf("%s\n", named(text)) },
			"a list":     func(env *Env) { env.Printf("%v\n", []string{text, text}) },
			"a struct":   func(env *Env) { env.Printf("%v\n", struct{ A, B any }{text, &text}) },
			"numbers":    func(env *Env) { env.Printf("%5.1f %03d %t %v%s\n", 1.5, 7, true, time.Second, text) },
			"bytes":      func(env *Env) { env.Printf("%s\n", []byte(text)) },
			"a Stringer": func(env *Env) { env.Printf("%v %s\n", stringer{text}, stringer{text}) },
			"a warning":  func(env *Env) { env.Warn("%s", text) },
			"a note":     func(env *Env) { env.Note("%s", text) },
			"a hint":     func(env *Env) { env.Hint("%s", text) },
			"the end":    func(env *Env) { env.Finish(fmt.Errorf("open %s: %w", text, errors.New(text))) },
			"in usage":   func(env *Env) { env.Finish(errors.Unwrap(fmt.Errorf("%w", Exit(2, errors.New(text))))) },
		} {
			env, stdout, stderr := newEnv()
			say(env)
			wantPrintable(t, fmt.Sprintf("%s with %q", what, text), stdout.String()+stderr.String(), 1)
		}
		env, _, stderr := newEnv()
		env.Finish(WithHint(errors.Join(errors.New(text), fmt.Errorf("x: %w", errors.New(text))), "%s", text))
		wantPrintable(t, fmt.Sprintf("two errors with %q", text), stderr.String(), 3)
		progress := env.Progress(text, 10)
		wantPrintable(t, "progress", progress.text(), 0)
	}
}

// A program reads from the JSON exactly what was meant.
func TestJSONIsPrintableAndExact(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	texts := hostile
	for range 2000 {
		var b strings.Builder
		for range rng.IntN(8) {
			b.WriteRune(rune(rng.IntN(0x110000)))
		}
		texts = append(texts[:len(texts):len(texts)], b.String())
	}
	for _, text := range texts {
		type item struct {
			Text string
			List []string
			Map  map[string]time.Duration
		}
		text = strings.ToValidUTF8(text, "\ufffd") // JSON can hold nothing else
		want := item{text, []string{text}, map[string]time.Duration{text: 1}}
		env, stdout, _ := newEnv()
		if err := env.PrintJSON(want); err != nil {
			t.Fatal(err)
		}
		wantPrintable(t, fmt.Sprintf("%q", text), stdout.String(), 9)
		var got item
		if err := json.Unmarshal([]byte(stdout.String()), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q was read as %q, %v", want, got, err)
		}
	}
	if got := string(CleanJSON([]byte("\"\x9b\""))); got != `"\ufffd"` {
		t.Errorf("%q", got)
	}
}
