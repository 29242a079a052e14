package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tacet/cmd/internal/cli/clitest"
	"tacet/daemon/topic/topictest"
)

// The scripts in testdata run the program itself, in a new process for each line that says tacet.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tacet": func() {
			workFactor, clipWorkFactor = 10, 10 // fast
			main()
		},
	})
}

func TestScripts(t *testing.T) {
	tools := stockAge(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", tools+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("LANG", "C")
			env.Setenv("RECIPIENTS", strings.Join(topictest.Recipients, " "))
			env.Setenv("RECIPIENTS_HASH", topictest.RecipientsHash)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": clitest.Exits, "mode": mode, "mark": markFile,
		},
	})
}

// mode WANT FILE checks a file's permissions.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode WANT FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] && runtime.GOOS != "windows" {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// mark FILE TO copies a text file as an editor on Windows saves it.
func markFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mark FILE TO")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte("\ufeff"+text), 0o600))
}

// stockAge finds age itself, in TACET_TOOLS or in PATH, and returns its folder. Versions before 1.3
// can't read post-quantum keys.
func stockAge(t *testing.T) string {
	t.Helper()
	program := filepath.Join(os.Getenv("TACET_TOOLS"), "age")
	if _, err := os.Stat(program); os.Getenv("TACET_TOOLS") == "" || errors.Is(err, fs.ErrNotExist) {
		program, _ = exec.LookPath("age")
	}
	const wanted = "the tests need age 1.3 or later: run \"make test\", which installs it, or set TACET_TOOLS to its folder"
	if program == "" {
		t.Fatal(wanted)
	}
	version, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v; %s", program, err, wanted)
	}
	var major, minor int
	_, err = fmt.Sscanf(strings.TrimPrefix(string(version), "v"), "%d.%d", &major, &minor)
	if err != nil || major == 1 && minor < 3 {
		t.Fatalf("%s has version %q; %s", program, strings.TrimSpace(string(version)), wanted)
	}
	folder, err := filepath.Abs(filepath.Dir(program))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
