package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/cmd/internal/cli"
)

// patience is how long a command may take to end by itself.
const patience = 30 * time.Second

// startTacet starts tacet. ended is closed when it has ended.
func startTacet(t *testing.T, args ...string) (cmd *exec.Cmd, ended chan struct{}, output *bytes.Buffer) {
	t.Helper()
	self, err := exec.LookPath("tacet") // testscript made it from this test
	if err != nil {
		t.Fatal(err)
	}
	output = &bytes.Buffer{}
	cmd = exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	return cmd, ended, output
}

func await(t *testing.T, ended chan struct{}, what string) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatalf("%s: it hangs", what)
	}
}

// openPipe waits until somebody reads the pipe, and returns the write end.
func openPipe(t *testing.T, name string) (w *os.File) {
	t.Helper()
	opened := make(chan error, 1)
	go func() {
		var err error
		w, err = os.OpenFile(name, os.O_WRONLY, 0) // waits for a reader
		opened <- err
	}()
	select {
	case err := <-opened:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("nobody reads the pipe")
	}
	return w
}

// pipe returns a folder with fixtures, and with a pipe that nobody writes to.
func pipe(t *testing.T) (in func(name string) string) {
	dir := t.TempDir()
	in = func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"wav.tacet", "office.key", "unit.pub"} {
		if err := os.WriteFile(in(name), fixtures(t)[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(in("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return in
}

// A recording must be a file. A pipe is refused, without waiting for a writer.
func TestPipeAsRecording(t *testing.T) {
	in := pipe(t)
	for _, args := range [][]string{
		{"verify", in("pipe")},
		{"ls", in("pipe")},
		{"open", "-i", in("office.key"), "-o", in("out.wav"), in("pipe")},
	} {
		cmd, ended, output := startTacet(t, args...)
		await(t, ended, args[0])
		if cmd.ProcessState.ExitCode() != cli.ExitFailed ||
			!strings.Contains(output.String(), "pipe is not an ordinary file") {
			t.Errorf("%s: %v, %s", args[0], cmd.ProcessState, output)
		}
	}
}

// A key may come from a pipe, such as the shell's <(pass show office), so tacet waits for it. An
// interrupt ends the wait.
func TestInterruptWhileWaitingForAPipe(t *testing.T) {
	in := pipe(t)
	for i, args := range [][]string{
		{"open", "-i", in("pipe"), "-unit", in("unit.pub"), "-o", in("out.wav"), in("wav.tacet")},
		{"verify", "-unit", in("pipe"), in("wav.tacet")},
		{"check", in("pipe")},
		{"keygen", "-passphrase-file", in("pipe"), "-o", in("new.key")},
		{"sign", "-i", in("pipe")},
	} {
		sig := []os.Signal{syscall.SIGINT, syscall.SIGTERM}[i%2]
		cmd, ended, output := startTacet(t, args...)
		w := openPipe(t, in("pipe"))
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		await(t, ended, args[0])
		w.Close()
		if cmd.ProcessState.ExitCode() != cli.ExitInterrupted || !strings.Contains(output.String(), "error: interrupted") {
			t.Errorf("%s, %v: %v, %s", args[0], sig, cmd.ProcessState, output)
		}
	}
	cmd, ended, output := startTacet(t, "open", "-i", in("pipe"), "-unit", in("unit.pub"), "-o", in("out.wav"),
		in("wav.tacet"))
	if err := os.WriteFile(in("pipe"), fixtures(t)["office.key"], 0); err != nil {
		t.Fatal(err)
	}
	await(t, ended, "open")
	if !cmd.ProcessState.Success() {
		t.Errorf("with a key from a pipe: %v, %s", cmd.ProcessState, output)
	}
}
