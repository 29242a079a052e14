// Package power is a unit's power supply: it runs the unit as a process, restarts it when it has
// ended, and can cut its power.
//
// A cut kills the process and everything that it started, in the middle of whatever it does.
// Microphone, network and file locks go with it. Only data that was written but not synced
// survives, unlike in a real power cut, because the kernel lives on. The unit never outlives the
// program that powers it.
package power

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tacet/cmd/tacet-demo/page"
	"tacet/cmd/tacet-demo/wire"
	"tacet/hw/simpanel"
)

// outage is how long the power stays off after a cut, and how long a unit that ended by itself
// waits before it restarts.
const outage = time.Second

// BadConfig is the exit code of a unit that can't use its config. It is not restarted.
const BadConfig = 78 // as tacetd exits

// File descriptors at which a unit finds its connection to the panel, and its window to it.
const (
	WireFD   = 3
	WindowFD = 4
)

// Supply powers one unit. It implements page.Unit.
type Supply struct {
	// StopWithin is how long an orderly stop may take before the unit is killed.
	StopWithin time.Duration

	command []string // the unit's program and arguments
	panel   *simpanel.Panel
	log     *slog.Logger
	cuts    chan chan struct{} // a request to cut; closed when the unit is dead
	ended   chan struct{}      // closed when Run has returned

	mu      sync.Mutex // guards all below
	status  page.Status
	changed chan struct{}
	first   chan struct{} // closed at the first report
}

// dark returns the status of a unit without power.
func dark() page.Status { return page.Status{Phase: "fault", Since: time.Now()} }

// New returns a supply for the unit that command starts. The unit uses panel p.
func New(command []string, p *simpanel.Panel, log *slog.Logger) *Supply {
	return &Supply{StopWithin: 25 * time.Second, command: command, panel: p, log: log, status: dark(),
		cuts: make(chan chan struct{}), ended: make(chan struct{}),
		changed: make(chan struct{}), first: make(chan struct{})}
}

// Status returns the unit's last status.
func (s *Supply) Status() page.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Changed returns a channel that is closed when Status next differs.
func (s *Supply) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Reported returns a channel that is closed at a unit's first report.
func (s *Supply) Reported() <-chan struct{} { return s.first }

// CutPower kills the unit and returns when it is dead. It does nothing if there is no power.
func (s *Supply) CutPower() {
	done := make(chan struct{})
	select {
	case s.cuts <- done:
		<-done
	case <-s.ended:
	}
}

func (s *Supply) set(status page.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
	close(s.changed)
	s.changed = make(chan struct{})
	if status.Power {
		select {
		case <-s.first:
		default:
			close(s.first)
		}
	}
}

// Run starts the unit, and restarts it whenever it has ended, until ctx ends; then the unit stops
// in order. A unit that can't use its config is not restarted.
func (s *Supply) Run(ctx context.Context) error {
	// A child dies with the thread that started it, not with the process, so this thread must live
	// as long as the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.ended)
	for {
		cut, err := s.powered(ctx)
		s.panel.PowerOff()
		s.set(dark())
		var exit *exec.ExitError
		switch {
		case cut != nil:
			s.log.Info("power cut")
			close(cut)
		case ctx.Err() != nil:
			return err
		case errors.As(err, &exit) && exit.ExitCode() == BadConfig:
			return fmt.Errorf("the unit can't start: %w", err)
		default:
			s.log.Error("the unit ended", "err", err)
		}
		if !s.outage(ctx) {
			return nil
		}
	}
}

// outage waits until the power is back. It ignores cuts meanwhile.
func (s *Supply) outage(ctx context.Context) bool {
	back := time.After(outage)
	for {
		select {
		case <-back:
			return true
		case done := <-s.cuts:
			close(done)
		case <-ctx.Done():
			return false
		}
	}
}

// powered runs the unit once, from power-up to its end. After that nothing is reported for it. If
// the power was cut, it returns the request.
func (s *Supply) powered(ctx context.Context) (cut chan struct{}, err error) {
	window, err := wire.NewWindow()
	if err != nil {
		return nil, err
	}
	defer window.Close()
	unit, wires, err := s.start(window)
	if err != nil {
		return nil, err
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		wire.Serve(context.Background(), wires, window, s.panel, s.set)
	}()
	defer func() { wires.Close(); <-served }()
	exited := make(chan error, 1)
	go func() { exited <- unit.Wait() }()
	select {
	case err := <-exited:
		if err == nil {
			err = errors.New("it stopped by itself")
		}
		return nil, err
	case cut = <-s.cuts:
		kill(unit)
		<-exited
		return cut, nil
	case <-ctx.Done():
		unit.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-exited:
			return nil, err
		case <-time.After(s.StopWithin):
			kill(unit)
			<-exited
			return nil, errors.New("the unit didn't stop in time and was killed")
		}
	}
}

// kill kills the unit and everything that it started.
func kill(unit *exec.Cmd) {
	syscall.Kill(-unit.Process.Pid, syscall.SIGKILL)
	unit.Process.Kill()
}

// timerSlack is the daemon's, in nanoseconds; systemd/tacetd.service says why.
const timerSlack = 1_000_000

// stacks is from the daemon's environment; systemd/tacetd.service says why.
const stacks = "GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0"

// start starts the unit, on the caller's own thread. wires connect it to the panel.
func (s *Supply) start(window *wire.Window) (*exec.Cmd, net.Conn, error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("wire the unit: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "front"), os.NewFile(uintptr(ends[1]), "unit")
	defer ours.Close()
	defer theirs.Close()
	wires, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, fmt.Errorf("wire the unit: %w", err)
	}
	unit := exec.Command(s.command[0], s.command[1:]...)
	unit.Stdout, unit.Stderr = os.Stderr, os.Stderr
	unit.Env = append(os.Environ(), stacks)
	unit.ExtraFiles = []*os.File{theirs, window.File()}
	// A process group of its own: Ctrl-C in a terminal reaches only us, and we stop the unit in
	// order.
	unit.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	// A process inherits the timer slack of the thread that starts it; 0 resets the thread's own.
	unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0)
	defer unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
	if err := unit.Start(); err != nil {
		wires.Close()
		return nil, nil, fmt.Errorf("start the unit: %w", err)
	}
	return unit, wires, nil
}
