package clitest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"tacet/cmd/internal/cli"
)

// Help checks every help text of a program: it fits a terminal, names its command, and exits with
// 0. Without arguments, a program that has commands lists them and exits with 2. sub are commands
// of commands, such as "drive init".
func Help(t *testing.T, name string, commands []cli.Command, run func(*cli.Env) error, sub ...string) {
	t.Helper()
	asked := [][]string{{"help"}, {"-h"}, {"--help"}, {"version"}, {"-version"}}
	for _, c := range commands {
		if c.Name == "" {
			continue
		}
		asked = append(asked, []string{c.Name, "-h"}, []string{"help", c.Name})
	}
	for _, s := range sub {
		asked = append(asked, append(strings.Fields(s), "-h"))
	}
	for _, args := range asked {
		stdout, stderr, code := runProgram(t, name, run, args)
		if code != 0 || stderr != "" || !strings.Contains(stdout, name) {
			t.Errorf("%s %s: exits with %d, prints %q and %q", name, strings.Join(args, " "), code, stdout, stderr)
		}
		Fits(t, name+" "+strings.Join(args, " "), stdout)
	}
	described := max(1, len(commands)) // a program without commands is described as one
	if d, err := cli.Describe(name, run); err != nil || len(d.Commands) != described {
		t.Errorf("%s can't be described for its manual page: %d commands, %v", name, len(d.Commands), err)
	}
	stdout, stderr, code := runProgram(t, name, run, []string{"no-such-command"})
	if code != cli.ExitUsage || stdout != "" || !strings.Contains(stderr, "no-such-command") ||
		strings.Contains(stderr, "commands are \n") {
		t.Errorf("%s no-such-command: exits with %d, prints %q and %q", name, code, stdout, stderr)
	}
	if len(commands) > 0 && commands[0].Name != "" {
		stdout, stderr, code := runProgram(t, name, run, nil)
		if code != cli.ExitUsage || stdout != "" {
			t.Errorf("%s without arguments: exits with %d, prints %q", name, code, stdout)
		}
		for _, c := range commands {
			if !strings.Contains(stderr, name+" "+c.Name) {
				t.Errorf("%s without arguments doesn't list %s: %q", name, c.Name, stderr)
			}
		}
		Fits(t, name, stderr)
	}
}

// Fits checks that every line of a text fits a terminal.
func Fits(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); n > cli.Width || strings.TrimRight(line, " ") != line ||
			strings.Contains(line, "\t") {
			t.Errorf("%s has a line of %d characters: %q", what, n, line)
		}
	}
}

func runProgram(t *testing.T, name string, run func(*cli.Env) error, args []string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs strings.Builder
	env := &cli.Env{Name: name, Args: args, Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
	code = env.Finish(run(env))
	return out.String(), errs.String(), code
}
