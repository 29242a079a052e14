package demotest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binEnv names a folder with programs that have been built.
const binEnv = "TACET_BIN"

// bin is the folder of the programs.
var bin string

// Main builds the programs, unless TACET_BIN names their folder, and runs the tests. Call it in
// TestMain.
func Main(m *testing.M) { MainThen(m, func() {}) }

// MainThen is Main, and calls then at the end.
func MainThen(m *testing.M, then func()) {
	os.Exit(func() int {
		defer then()
		if bin = os.Getenv(binEnv); bin != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "tacet-bin-")
		if err == nil {
			defer os.RemoveAll(dir)
			bin = dir
			err = build(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "build the programs:", err)
			return 1
		}
		return m.Run()
	}())
}

// build builds as "make build" does, so that it can use Go's cache.
func build(dir string) error {
	for _, b := range []struct {
		env, args []string
	}{
		{[]string{"CGO_CFLAGS=-g -O2 -DMA_DATA_CONVERTER_STACK_BUFFER_SIZE=16384",
			"CGO_LDFLAGS=-Wl,--as-needed -l:libopus.a -lm"},
			[]string{"-buildmode=pie", "tacet/cmd/tacetd", "tacet/cmd/tacet-demo"}},
		{[]string{"CGO_ENABLED=0"}, []string{"tacet/cmd/tacet"}},
	} {
		c := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", dir + "/"}, b.args...)...)
		c.Env = append(os.Environ(), b.env...)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%w:\n%s", err, out)
		}
	}
	return nil
}

// Program returns the path of one of our programs.
func Program(name string) string { return filepath.Join(bin, name) }

// Tool returns the path of another program, from TACET_TOOLS or the system. If it is missing the
// test fails, because "make test" installs it.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if path := filepath.Join(os.Getenv("TACET_TOOLS"), name); os.Getenv("TACET_TOOLS") != "" {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: make installs it", err)
	}
	return path
}
