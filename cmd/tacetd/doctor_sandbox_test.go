package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/diagnosis"
)

// fakeRun stands for systemd-run: it runs the program without any sandbox, and keeps its arguments.
const fakeRun = `#!/bin/sh
printf '%s\n' "$@" >"$RAN"
while [ "$1" != -- ]; do case $1 in --setenv=*) export "${1#--setenv=}" ;; esac; shift; done
shift
exec "$@"
`

// boxed runs doctor -stop as the process outside does. It returns the exit code, what was printed,
// and how often the service was started.
func boxed(t *testing.T, ctx context.Context, run string) (code int, out string, started int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemd-run"), []byte(run), 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("tacetd")
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("RAN", filepath.Join(dir, "ran"))
	u := newUnit(t)
	in, err := (&sandbox{dir: dir, program: program, settings: []string{"ProtectSystem=strict"}, user: me}).listen()
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	in.restart = func() error { started++; return nil }
	var printed bytes.Buffer
	env := &cli.Env{Name: "tacetd", Stdout: &printed, Stderr: &printed,
		Args: []string{"doctor", "-stop", "-config", u.config, "-run", u.run, "-user", "nobody-at-all"}}
	told := []diagnosis.Finding{{Part: "swap", Text: "as seen from outside"}}
	err = in.run(ctx, env, toInner{Stopped: true, Host: told, Report: &report{PID: 1, Phase: "idle"}})
	return cli.Code(err), printed.String(), started
}

// The doctor in the sandbox has the service started by the one outside, once, and its exit code is
// that of both.
func TestDoctorInTheSandbox(t *testing.T) {
	code, out, started := boxed(t, t.Context(), fakeRun)
	if code != cli.ExitFailed || started != 1 {
		t.Errorf("it exits with %d, after %d starts of the service", code, started)
	}
	for _, want := range []string{"ok         sandbox: ", " tried: ", "ok         swap: as seen from outside\n",
		"ok         service: stopped for the test, and started again\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it doesn't say %q:\n%s", want, out)
		}
	}
	ran, err := os.ReadFile(os.Getenv("RAN"))
	if err != nil || !strings.Contains(string(ran), "\n--property=ProtectSystem=strict\n") {
		t.Errorf("systemd-run got %q %v", ran, err)
	}
}

// An interrupt outside ends the doctor inside, which still has the service started.
func TestDoctorInTheSandboxIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, started := boxed(t, ctx, fakeRun)
	if code != cli.ExitInterrupted || started != 1 {
		t.Errorf("it exits with %d, after %d starts of the service:\n%s", code, started, out)
	}
}

// If the doctor inside can't start, the service is started all the same.
func TestServiceIsStartedWithoutASandbox(t *testing.T) {
	code, _, started := boxed(t, t.Context(), "#!/bin/sh\nexit 1\n")
	if code != cli.ExitFailed || started != 1 {
		t.Errorf("it exits with %d, after %d starts of the service", code, started)
	}
}

// The doctor inside ends when the one outside is gone: that one's guard starts the service again.
func TestDoctorInTheSandboxIsNotLeftAlone(t *testing.T) {
	u := newUnit(t)
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = json.NewEncoder(conn).Encode(toInner{})
		conn.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	cmd := exec.CommandContext(ctx, "tacetd", "doctor", "-config", u.config, "-run", u.run, "-user", "nobody-at-all")
	cmd.Env = append(os.Environ(), socketVariable+"="+path)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitInterrupted {
		t.Errorf("it exits with %d: %v\n%s", code, err, out)
	}
}

// What the running daemon reports comes from outside: the sandbox hides its process.
func TestRunningDaemonAsSeenFromOutside(t *testing.T) {
	p := newPatient(t, "")
	p.seen = (&outside{first: toInner{Report: &report{PID: 4711, Phase: "idle", Mic: "ok", Light: "proved"}}}).running()
	p.findDaemon(t.Context())
	if !strings.Contains(p.running, "4711") || !strings.Contains(p.reported, "microphone ok") {
		t.Errorf("running %q, reported %q", p.running, p.reported)
	}
	if r := (&outside{first: toInner{Stopped: true, Report: &report{PID: 4711}}}).running(); r != nil {
		t.Errorf("a daemon that was stopped is running: %+v", r)
	}
}
