package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newEnv returns an Env whose output can be read.
func newEnv(args ...string) (env *Env, stdout, stderr *strings.Builder) {
	stdout, stderr = &strings.Builder{}, &strings.Builder{}
	return &Env{Name: "tacet", Args: args, Ctx: context.Background(), Stdin: strings.NewReader(""), Stdout: stdout,
		Stderr: stderr}, stdout, stderr
}

// testCommands are commands of every kind. open stores its arguments in got.
func testCommands(got *[]string) []Command {
	return []Command{
		{Name: "open", Usage: "[-i KEY] [-any] FILE…", About: "opens", Help: "More of it.",
			Run: func(env *Env, args []string) error {
				fs := env.Flags()
				key := fs.String("i", "none", "the `KEY`")
				any := fs.Bool("any", false, "any will do")
				files, err := env.Parse(fs, args)
				if err != nil {
					return err
				}
				*got = append([]string{*key, fmt.Sprint(*any)}, files...)
				return nil
			}},
		{Name: "fail", Run: func(env *Env, args []string) error {
			return WithHint(fmt.Errorf("open %s: %w", "a\x1b[31m.tacet", os.ErrNotExist), "look for it")
		}},
		{Name: "unvouched", Run: func(env *Env, args []string) error { return Exit(ExitUnvouched, nil) }},
		{Name: "config", Run: func(env *Env, args []string) error {
			return Exit(ExitConfig, errors.Join(errors.New("one"), errors.New("two\ntacet: hint: trust it")))
		}},
		{Name: "interrupted", Run: func(env *Env, args []string) error { return fmt.Errorf("copy: %w", context.Canceled) }},
	}
}

func TestDispatch(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		code   int
		got    string
		stdout string // part of it
		stderr string // all of it
	}{
		"only operands":        {[]string{"open", "a", "b"}, 0, "none false a b", "", ""},
		"flags first":          {[]string{"open", "-any", "-i", "k", "a"}, 0, "k true a", "", ""},
		"flags last":           {[]string{"open", "a", "-i=k", "b", "--any"}, 0, "k true a b", "", ""},
		"no flags after --":    {[]string{"open", "-any", "--", "-i", "k"}, 0, "none true -i k", "", ""},
		"operands after --":    {[]string{"open", "--", "a", "-any"}, 0, "none false a -any", "", ""},
		"-- after an operand":  {[]string{"open", "a", "--", "-any"}, 0, "none false a -any", "", ""},
		"a dash is an operand": {[]string{"open", "-"}, 0, "none false -", "", ""},
		"an unknown flag": {[]string{"open", "-x"}, 2, "", "",
			"tacet: error: flag provided but not defined: -x\ntacet: hint: usage: tacet open [-i KEY] [-any] FILE…\n"},
		"a flag without value": {[]string{"open", "-i"}, 2, "", "",
			"tacet: error: flag needs an argument: -i\ntacet: hint: usage: tacet open [-i KEY] [-any] FILE…\n"},
		"help of a command": {[]string{"open", "-h"}, 0, "",
			"usage: tacet open [-i KEY] [-any] FILE…\n\nopens\n\nMore of it.\n\n  -any\n      any will do\n  -i KEY\n      the KEY (default none)\n", ""},
		"help, and the command": {[]string{"help", "open"}, 0, "", "usage: tacet open", ""},
		"help": {[]string{"help"}, 0, "",
			"tacet: for trying\n\n  tacet open [-i KEY] [-any] FILE…\n      opens\n", ""},
		"-h":                 {[]string{"-h"}, 0, "", "tacet: for trying", ""},
		"version":            {[]string{"-version"}, 0, "", "tacet unknown\n", ""},
		"version, as a word": {[]string{"version"}, 0, "", "tacet unknown\n", ""},
		"no command": {nil, 2, "", "",
			"tacet: for trying\n\n  tacet open [-i KEY] [-any] FILE…\n      opens\n  tacet fail\n  tacet unvouched\n  tacet config\n  tacet interrupted\n\ntacet COMMAND -h describes a command.\n"},
		"another command": {[]string{"opne"}, 2, "", "", "tacet: error: there is no command \"opne\"\n" +
			"tacet: hint: the commands are open, fail, unvouched, config, interrupted\ntacet: hint: usage: tacet COMMAND …; \"tacet help\" lists the commands\n"},
		"an error": {[]string{"fail"}, 1, "", "",
			"tacet: error: open a\ufffd[31m.tacet: file does not exist\ntacet: hint: look for it\n"},
		"nothing to print": {[]string{"unvouched"}, 3, "", "", ""},
		"several errors":   {[]string{"config"}, 78, "", "", "tacet: error: one\ntacet: error: two; tacet: hint: trust it\n"},
		"an interrupt":     {[]string{"interrupted"}, 130, "", "", "tacet: error: interrupted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			env, stdout, stderr := newEnv(c.args...)
			code := env.Finish(env.Dispatch("for trying", testCommands(&got)))
			if code != c.code || strings.Join(got, " ") != c.got || !strings.Contains(stdout.String(), c.stdout) ||
				stderr.String() != c.stderr {
				t.Errorf("code %d, want %d\ngot %q, want %q\nstdout %q, want %q in it\nstderr %q\nwant   %q", code, c.code, got,
					c.got, stdout, c.stdout, stderr, c.stderr)
			}
		})
	}
}

// Without a command's name a daemon runs, also with flags.
func TestDispatchWithoutACommand(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "ran ."}, {"-config x", "ran x"}, {"status", "status"}, {"x", `error: there is no command "x"`},
		{"-x", "usage: tacet [-config F]"},
	} {
		env, stdout, stderr := newEnv(strings.Fields(c.args)...)
		env.Finish(env.Dispatch("a daemon", []Command{
			{Usage: "[-config F]", Run: func(env *Env, args []string) error {
				fs := env.Flags()
				file := fs.String("config", ".", "")
				_, err := env.Parse(fs, args)
				if err == nil {
					fmt.Fprint(env.Stdout, "ran ", *file)
				}
				return err
			}},
			{Name: "status", Run: func(env *Env, args []string) error { fmt.Fprint(env.Stdout, "status"); return nil }},
		}))
		if !strings.Contains(stdout.String()+stderr.String(), c.want) {
			t.Errorf("%q: stdout %q, stderr %q, want %q", c.args, stdout, stderr, c.want)
		}
	}
}

func TestMessages(t *testing.T) {
	env, _, stderr := newEnv()
	env.Warn("%s is old", "a\u202eb")
	env.Hint("make a new one\n")
	env.Note("done")
	if got := stderr.String(); got != "tacet: warning: a\ufffdb is old\ntacet: hint: make a new one\ntacet: done\n" {
		t.Errorf("got %q", got)
	}
}

func TestPassphraseFile(t *testing.T) {
	env, _, _ := newEnv()
	for content, want := range map[string]string{
		"correct horse":                             "correct horse",
		"correct horse\n":                           "correct horse",
		" correct horse \r\n":                       " correct horse ",
		strings.Repeat("a", maxPassphrase):          strings.Repeat("a", maxPassphrase),
		strings.Repeat("a", maxPassphrase) + "\r\n": strings.Repeat("a", maxPassphrase),
		"":                                   "error: is empty",
		"\n":                                 "error: is empty",
		"one\ntwo\n":                         "error: more than one line",
		"one\n\n":                            "one",
		"\ufeffcorrect horse\r\n":            "correct horse",
		"\xff\xfeh\x00i\x00\r\x00\n\x00":     "hi",
		"one\rtwo":                           "error: more than one line",
		strings.Repeat("a", maxPassphrase+1): "error: longer than 1024 bytes",
		strings.Repeat("a", 1<<20):           "error: longer than 1024 bytes",
	} {
		file := filepath.Join(t.TempDir(), "passphrase")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		first := func(prompt, file string) (string, error) {
			tries, err := env.Passphrases(prompt, file)
			return strings.Join(tries[:min(1, len(tries))], ""), err
		}
		for _, read := range []func(prompt, file string) (string, error){first, env.NewPassphrase} {
			got, err := read("passphrase", file)
			if err != nil {
				got = "error: " + err.Error()
			}
			if wrong, _ := strings.CutPrefix(want, "error: "); wrong == want && got != want || !strings.Contains(got, wrong) {
				t.Errorf("%.30q: got %.60q, want %.30q", content, got, want)
			}
			if err != nil && strings.Contains(err.Error(), "aaa") {
				t.Errorf("the error repeats the passphrase: %v", err)
			}
		}
	}
	if _, err := env.Passphrases("passphrase", filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, _, stderr := newEnv()
		work := func() {
			p := env.Progress("open a", 10e6)
			for range 10 {
				<-time.After(150 * time.Millisecond) // in fake time
				if _, err := io.Copy(p, strings.NewReader(strings.Repeat("x", 1e6))); err != nil {
					t.Error(err)
				}
			}
			p.Done()
			p.Done()
		}
		if work(); stderr.Len() > 0 {
			t.Errorf("without a terminal: %q", stderr)
		}
		env.Terminal = true
		work()
		steps := strings.Split(stderr.String(), "\r")
		if len(steps) != 8 || steps[1] != "open a: 20 % of 10.0 MB" || steps[5] != "open a: 100 % of 10.0 MB" ||
			strings.TrimSpace(steps[6]) != "" || steps[7] != "" {
			t.Errorf("%d steps: %q", len(steps), steps)
		}
		stderr.Reset()
		p := env.Progress("verify", 0)
		p.Add(1)
		p.Done()
		if stderr.Len() > 0 {
			t.Errorf("a short operation shows %q", stderr)
		}
		p = env.Progress("verify\x07", 0)
		<-time.After(time.Second)
		p.Add(12345)
		if stderr.String() != "\rverify\ufffd: 12 kB" {
			t.Errorf("got %q", stderr)
		}
	})
}

// Making a key prints what was left out of the file. Opening one also tries what used not to be
// left out.
func TestPassphraseFileFromWindows(t *testing.T) {
	for content, want := range map[string]struct {
		tries []string
		note  string
	}{
		"correct horse\r\n": {[]string{"correct horse"}, ""},
		"\ufeffcorrect horse\r\n": {[]string{"correct horse", "\ufeffcorrect horse"},
			"is in UTF-8 with a byte-order mark: the passphrase is its text"},
		"\xff\xfeh\x00i\x00": {[]string{"hi", "\xff\xfeh\x00i\x00"}, "is in UTF-16: the passphrase is its text"},
		"corr\xe9ct horse\n": {[]string{"corr\xe9ct horse"}, "is not in UTF-8, so most terminals can't type it"},
	} {
		file := filepath.Join(t.TempDir(), "passphrase")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		env, _, stderr := newEnv()
		if got, err := env.Passphrases("passphrase", file); err != nil || !slices.Equal(got, want.tries) {
			t.Errorf("%q: tries %q, %v", content, got, err)
		}
		if stderr.Len() > 0 {
			t.Errorf("opening prints %q", stderr)
		}
		got, err := env.NewPassphrase("passphrase", file)
		if err != nil || got != want.tries[0] || !strings.Contains(stderr.String(), want.note) ||
			(want.note == "") != (stderr.Len() == 0) {
			t.Errorf("%q: makes %q, %v, and prints %q", content, got, err, stderr)
		}
	}
}
