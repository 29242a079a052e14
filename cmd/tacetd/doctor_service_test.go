package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/cmd/internal/cli"
)

// manager is a fake systemctl that reports every call.
type manager struct {
	t     *testing.T
	calls chan string
}

// newManager puts a fake systemctl into PATH that runs script.
func newManager(t *testing.T, script string) *manager {
	t.Helper()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "calls")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	program := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> %s\n%s\n", pipe, script)
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	f, err := os.OpenFile(pipe, os.O_RDWR, 0) // also for writing, so that reading never meets the end
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t: t, calls: make(chan string, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(f); lines.Scan(); {
			m.calls <- lines.Text()
		}
	}()
	t.Cleanup(func() { f.Close(); <-read })
	return m
}

// wants waits for these calls, in this order.
func (m *manager) wants(verbs ...string) {
	m.t.Helper()
	for _, verb := range verbs {
		select {
		case got := <-m.calls:
			if got != "--no-ask-password "+verb+" tacetd" {
				m.t.Fatalf("systemctl %s, want %s", got, verb)
			}
		case <-time.After(enough):
			m.t.Fatalf("systemctl was not called for %s", verb)
		}
	}
}

// wantsNone checks that systemctl was not called again. A caller waits for the answer, so a call
// would have arrived.
func (m *manager) wantsNone() {
	m.t.Helper()
	select {
	case got := <-m.calls:
		m.t.Errorf("systemctl %s", got)
	default:
	}
}

// statusOf writes a status.json with this phase, or none if phase is empty, and returns its path.
func statusOf(t *testing.T, phase string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), statusFile)
	if phase != "" {
		if err := os.WriteFile(path, []byte(`{"pid":`+strconv.Itoa(os.Getpid())+`,"phase":"`+phase+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// A service that is recording, or that doesn't say whether it is, is not stopped: no consultation
// may be ended.
func TestStopNeverEndsAConsultation(t *testing.T) {
	for _, c := range []struct{ state, phase, err string }{
		{"active", "recording", "not stopped: the unit is recording"},
		{"active", "", "doesn't say whether it is recording"},
		{"reloading", "recording", "the unit is recording"},
		{"activating", "recording", "the unit is recording"},
		{"inactive", "", ""},
		{"failed", "", ""},
		{"", "idle", "ask systemctl for the service"},
	} {
		m := newManager(t, "echo "+c.state+"; exit 3")
		restart, err := stopService(statusOf(t, c.phase))
		if restart != nil {
			t.Errorf("%+v: the service would be started, but was not stopped", c)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%+v: %v", c, err)
		}
		m.wants("is-active")
		m.wantsNone()
	}
}

func TestStopAndStartAgain(t *testing.T) {
	for _, c := range []struct{ state, phase string }{{"active", "idle"}, {"active", "fault"}, {"activating", ""}} {
		m := newManager(t, "[ $2 = is-active ] && echo "+c.state+"; exit 0")
		restart, err := stopService(statusOf(t, c.phase))
		if err != nil || restart == nil {
			t.Fatalf("%+v: %v", c, err)
		}
		m.wants("is-active", "stop")
		m.wantsNone()
		if err := restart(); err != nil {
			t.Error(err)
		}
		m.wants("start")
	}
	newManager(t, "[ $2 = is-active ] && echo active && exit 0; [ $2 = stop ] && exit 0; echo no such thing; exit 1")
	restart, err := stopService(statusOf(t, "idle"))
	if err != nil {
		t.Fatal(err)
	}
	if err := restart(); err == nil ||
		!strings.Contains(err.Error(), "it does not start again: exit status 1: no such thing") {
		t.Errorf("a start that fails: %v", err)
	}
	m := newManager(t, "[ $2 = is-active ] && echo active && exit 0; [ $2 = stop ] && echo denied; exit 1")
	if _, err := stopService(statusOf(t, "idle")); err == nil ||
		!strings.Contains(err.Error(), "stop the service: exit status 1: denied") {
		t.Errorf("a stop that fails: %v", err)
	}
	m.wants("is-active", "stop", "start") // it may have stopped all the same
}

// However doctor ends, the service runs again: somebody in the room will press a button.
func TestServiceIsStartedWhateverHappens(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGSEGV,
		syscall.SIGKILL} {
		t.Run(s.String(), func(t *testing.T) {
			m := newManager(t, "[ $2 = is-active ] && echo active; exit 0")
			u := newUnit(t)
			if err := os.WriteFile(filepath.Join(u.run, statusFile), []byte(`{"pid":1,"phase":"idle"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("tacetd", "doctor", "-stop", "-config", u.config, "-run", u.run, "-user", "nobody-at-all")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as at a terminal, where a signal goes to the whole group
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			m.wants("is-active", "stop")
			if err := syscall.Kill(-cmd.Process.Pid, s); err != nil {
				t.Fatal(err)
			}
			m.wants("start")
			err := cmd.Wait()
			var exit *exec.ExitError
			if s == syscall.SIGINT && (!errors.As(err, &exit) || exit.ExitCode() != cli.ExitInterrupted) {
				t.Errorf("it ended with %v:\n%s", err, &out)
			}
			m.wantsNone()
		})
	}
}
