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

// Whoever reads what the program says has stopped, and the pipe is full: it starts, it hears
// SIGTERM, and it ends, with the code that systemd goes by.
func TestNobodyReadsStderr(t *testing.T) {
	u := newUnit(t)
	u.light = "gpiochip99:5" // on no machine: it waits for it
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
		"it is told to stop":          {[]string{"-config", fifo, "-state", u.state, "-run", u.run}, 0},
		"its configuration is bad":    {[]string{"-config", u.config}, 78},
		"its arguments make no sense": {[]string{"no-such-command"}, 2},
		"lights-out can't be done":    {[]string{"lights-out", "-config", u.config}, 78},
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

// fullPipe is one that takes nothing, and that nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var ends [2]int
	err := unix.Pipe2(ends[:], unix.O_CLOEXEC) // which waits, as a pipe does that a program is given
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
