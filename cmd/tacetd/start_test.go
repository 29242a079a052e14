package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Guards: a SIGTERM during the start that exits as an interrupt does (130), and a SIGHUP during the
// start that kills. The configured chip does not exist, so the program waits for it.
func TestStopAtStart(t *testing.T) {
	for name, c := range map[string]struct {
		reading, waiting syscall.Signal // sent while the program reads its configuration, and while it waits for the chip
	}{
		"while it reads":             {syscall.SIGTERM, 0},
		"while it waits":             {0, syscall.SIGTERM},
		"interrupted while it waits": {0, syscall.SIGINT},
		"after a reload":             {syscall.SIGHUP, syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUnit(t)
			u.light = "gpiochip99:5"
			u.configure("Consulting room")
			text, err := os.ReadFile(u.config)
			if err != nil {
				t.Fatal(err)
			}
			pipe := filepath.Join(u.run, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			cmd := exec.CommandContext(ctx, "tacetd", "-config", pipe, "-state", u.state, "-run", u.run)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			send := func(s syscall.Signal) {
				if s == 0 {
					return
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Error(err)
				}
			}
			go func() { // opening the pipe waits for the reader
				f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				send(c.reading)
				f.Write(text)
				f.Close()
			}()
			var output strings.Builder
			lines := bufio.NewScanner(stderr)
			for first := true; lines.Scan(); first = false {
				output.WriteString(lines.Text() + "\n")
				if first { // it has read its configuration
					send(c.waiting)
				}
			}
			cmd.Wait()
			if cmd.ProcessState.ExitCode() != 0 || strings.Contains(output.String(), "error:") {
				t.Errorf("%v; its log:\n%s", cmd.ProcessState, &output)
			}
		})
	}
}
