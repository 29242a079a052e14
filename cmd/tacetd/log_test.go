package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// When nobody reads standard error and the pipe is full, the program still starts, obeys SIGTERM,
// and exits with the code that systemd expects.
func TestNobodyReadsStderr(t *testing.T) {
	u := newUnit(t)
	u.light = "gpiochip99:5" // does not exist: the program waits for it
	u.configure("Consulting room")
	text, err := os.ReadFile(u.config)
	if err != nil {
		t.Fatal(err)
	}
	u.garble()
	fifo := filepath.Join(u.run, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		args []string
		code int
	}{
		"SIGTERM":                             {[]string{"-config", fifo, "-state", u.state, "-run", u.run}, 0},
		"bad configuration":                   {[]string{"-config", u.config}, 78},
		"bad arguments":                       {[]string{"no-such-command"}, 2},
		"lights-out with a bad configuration": {[]string{"lights-out", "-config", u.config}, 78},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			cmd := exec.CommandContext(ctx, "tacetd", c.args...)
			cmd.Stderr = fullPipe(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if c.code == 0 {
				f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits for the program to read
				if err != nil {
					t.Fatal(err)
				}
				err = errors.Join(cmd.Process.Signal(syscall.SIGTERM), write(f, text))
				if err != nil {
					t.Error(err)
				}
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("%v, want exit status %d", cmd.ProcessState, c.code)
			}
		})
	}
}

func write(f *os.File, text []byte) error {
	_, err := f.Write(text)
	return errors.Join(err, f.Close())
}

// fullPipe returns the write end of a full pipe that nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var ends [2]int
	err := unix.Pipe2(ends[:], unix.O_CLOEXEC) // blocking, like the standard error of a program
	if err != nil {
		t.Fatal(err)
	}
	size, err := unix.FcntlInt(uintptr(ends[1]), unix.F_SETPIPE_SZ, 4096)
	if err == nil {
		_, err = unix.Write(ends[1], make([]byte, size))
	}
	read, write := os.NewFile(uintptr(ends[0]), "read end"), os.NewFile(uintptr(ends[1]), "write end")
	t.Cleanup(func() { err = errors.Join(read.Close(), write.Close()) })
	if err != nil {
		t.Fatal(err)
	}
	return write
}
