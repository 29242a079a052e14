package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/confinement"
)

// Doctor tries everything in the sandbox of the service: systemd-run starts it a second time, with
// the settings of the service's unit. The process outside keeps root's rights. It stops the service
// and starts it again, and has no other part in the test. What it got as standard input, output and
// error are the inner one's own, so that there a terminal is a terminal.

// socketVariable names, for the inner doctor, the socket of the one outside.
const socketVariable = "TACETD_DOCTOR"

// prepare reads the configuration. Outside of the sandbox it then runs doctor inside, if it can. done
// reports whether that was all there was to do; err is then the result. In the sandbox, err is why
// the service can't read the configuration.
func (d *doctor) prepare(ctx context.Context, inside bool) (done bool, err error) {
	var doubts []string // the inner doctor has the same
	d.cfg, err = load(d.path, defaultState, func(format string, args ...any) {
		doubts = append(doubts, fmt.Sprintf(format, args...))
	})
	if !inside && err == nil {
		if d.flags.support {
			d.beforeHelp(ctx) // the log needs root
		}
		if ran, err := d.runInSandbox(ctx); ran {
			return true, err
		}
	}
	for _, doubt := range doubts {
		d.env.Warn("%s", doubt)
	}
	if !inside && err != nil {
		d.reportBadConfig(err)
		_ = d.print(ctx) // err decides the exit code
		return true, err
	}
	return false, err
}

// runInSandbox runs doctor in the service's sandbox, and reports whether it did; err is then the
// result. If there is no sandbox here, it says so: doctor can still try with the service's rights.
func (d *doctor) runInSandbox(ctx context.Context) (ran bool, err error) {
	name := d.flags.user
	if os.Geteuid() != 0 {
		return false, nil
	}
	if _, err := user.Lookup(name); err != nil {
		return false, nil // dropPrivileges says what follows
	}
	sandbox, err := findSandbox(ctx, name)
	if err != nil {
		d.report(untried, "sandbox", "doctor has only the service's rights, and not its sandbox: %v", err)
		return false, nil
	}
	inner, err := sandbox.listen()
	if err != nil {
		return true, err
	}
	defer inner.close()
	greeting := toInner{Host: d.host.Findings(), Help: d.help}
	greeting.Report, _ = readReport(d.statusPath)
	if d.flags.stop {
		if inner.restart, err = stopService(d.statusPath); err != nil {
			return true, err
		}
		greeting.Stopped = inner.restart != nil
	}
	return true, inner.run(ctx, d.env, greeting)
}

// sandbox is how systemd-run confines a program as systemd confines the service.
type sandbox struct {
	dir      string // in which the socket's folder is made
	program  string
	settings []string
	user     *user.User
}

var errNoSystemd = errors.New("systemd doesn't run here")

// findSandbox takes the sandbox from the service's unit, and tries whether this program runs in it.
func findSandbox(ctx context.Context, name string) (*sandbox, error) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil, errNoSystemd
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	unit, err := exec.CommandContext(ctx, "systemctl", "cat", "--no-pager", serviceName).Output()
	if err != nil {
		return nil, fmt.Errorf("systemd has no service %s", serviceName)
	}
	s := &sandbox{dir: "/run", settings: confinement.Settings(string(unit))}
	if own := confinement.Last(s.settings, "User"); own != name {
		return nil, fmt.Errorf("the service runs as %q, not as %q", own, name)
	}
	if s.program, err = os.Executable(); err != nil {
		return nil, err
	}
	if s.user, err = user.Lookup(name); err != nil {
		return nil, err
	}
	if out, err := s.command(ctx, "", "-version").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("start %s in it: %w: %s", s.program, err, strings.TrimSpace(string(out)))
	}
	return s, nil
}

// command returns the command that runs this program in the sandbox. A signal from the terminal
// doesn't reach it: the inner doctor is interrupted over the socket, and ends in its own time.
func (s *sandbox) command(ctx context.Context, socket string, args ...string) *exec.Cmd {
	run := []string{"--quiet", "--pipe", "--wait", "--collect", "--description=Tacet, doctor in the recorder's sandbox"}
	for _, setting := range s.settings {
		run = append(run, "--property="+setting)
	}
	if socket != "" {
		run = append(run, "--setenv="+socketVariable+"="+socket)
	}
	for _, name := range []string{"TERM", "LANG", "LC_ALL", "COLUMNS", "NO_COLOR"} {
		if value := os.Getenv(name); value != "" {
			run = append(run, "--setenv="+name+"="+value)
		}
	}
	run = append(run, "--", s.program)
	for _, arg := range args {
		run = append(run, strings.ReplaceAll(arg, "$", "$$")) // systemd would take it for a variable
	}
	cmd := exec.CommandContext(ctx, "systemd-run", run...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// inner is the doctor in the sandbox, as the one outside sees it.
type inner struct {
	sandbox *sandbox
	dir     string
	socket  *net.UnixListener
	restart func() error // starts the service again; nil if it was not stopped
}

// listen makes the socket, which only the service's user can reach.
func (s *sandbox) listen() (*inner, error) {
	dir, err := os.MkdirTemp(s.dir, "tacet-doctor-")
	if err != nil {
		return nil, err
	}
	in := &inner{sandbox: s, dir: dir}
	path := filepath.Join(dir, "socket")
	in.socket, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		uid, e := strconv.Atoi(s.user.Uid)
		gid, e2 := strconv.Atoi(s.user.Gid)
		err = errors.Join(e, e2, os.Chown(path, uid, gid), os.Chown(dir, uid, gid))
	}
	if err != nil {
		in.close()
		return nil, fmt.Errorf("make a socket for doctor's sandbox: %w", err)
	}
	return in, nil
}

func (in *inner) close() {
	if in.socket != nil {
		in.socket.Close()
	}
	os.RemoveAll(in.dir)
}

// run runs the inner doctor, and serves it until it has ended. Its exit code becomes this one's. If
// it could not ask for that, the service is started all the same.
func (in *inner) run(ctx context.Context, env *cli.Env, greeting toInner) error {
	cmd := in.sandbox.command(context.WithoutCancel(ctx), in.socket.Addr().String(), env.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.Stdin, env.Stdout, env.Stderr
	err := cmd.Start()
	if err == nil {
		served := make(chan struct{})
		go func() {
			defer close(served)
			in.serve(ctx, greeting)
		}()
		err = cmd.Wait()
		in.socket.Close()
		<-served
	}
	if in.restart != nil {
		err = errors.Join(err, in.restart())
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return cli.Exit(exit.ExitCode(), nil) // it has said why
	}
	return err
}

// serve answers the inner doctor until it ends or the socket is closed.
func (in *inner) serve(ctx context.Context, greeting toInner) {
	conn, err := in.socket.AcceptUnix()
	if err != nil {
		return
	}
	defer conn.Close()
	out := json.NewEncoder(conn)
	if out.Encode(greeting) != nil {
		return
	}
	interrupt := context.AfterFunc(ctx, func() { _ = json.NewEncoder(conn).Encode(toInner{Interrupt: true}) })
	defer interrupt()
	var request [1]byte // each byte asks for the service to be started
	for {
		if _, err := conn.Read(request[:]); err != nil {
			return
		}
		var answer toInner
		if in.restart != nil {
			if err := in.restart(); err != nil {
				answer.Problem = err.Error()
			}
			in.restart = nil
		}
		answer.Started = true
		if out.Encode(answer) != nil {
			return
		}
	}
}
