// Package power is a unit's power supply: it runs the unit as a process of its own, starts it again
// when it has gone, and can take its power away.
//
// A cut kills the process and all that it started, in the middle of whatever it does: the
// microphone, the network and the locks on its files go with it. What it wrote without a sync is
// the one thing that a real cut may lose and this one does not: the disk's owner, the kernel, lives
// on. The unit never outlives the program that powers it.
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

// outage is how long the power stays away after a cut, and how long a unit that ended by itself
// waits before it starts again.
const outage = time.Second

// BadConfig is the exit code of a unit that can't use its config: it isn't started again.
const BadConfig = 78 // as tacetd exits

// A unit finds its wires to the front, and its window to it, at these file descriptors.
const (
	WireFD   = 3
	WindowFD = 4
)

// Supply keeps one unit powered. It is what the page calls the unit.
type Supply struct {
	// StopWithin is what an orderly stop may take; then the unit is killed.
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

// dark is a unit without power.
func dark() page.Status { return page.Status{Phase: "fault", Since: time.Now()} }

// New is a supply for the unit that command starts; the front is wired to it.
func New(command []string, p *simpanel.Panel, log *slog.Logger) *Supply {
	return &Supply{StopWithin: 25 * time.Second, command: command, panel: p, log: log, status: dark(),
		cuts: make(chan chan struct{}), ended: make(chan struct{}),
		changed: make(chan struct{}), first: make(chan struct{})}
}

// Status is the unit's last word.
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

// Reported returns a channel that is closed when a unit first said something.
func (s *Supply) Reported() <-chan struct{} { return s.first }

// CutPower kills the unit and returns when it is dead. Without power already, there is nothing to
// cut.
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

// Run starts the unit, and starts it again whenever it has gone, until ctx ends; then the unit
// stops in order. A unit that can't use its config isn't tried again.
func (s *Supply) Run(ctx context.Context) error {
	// A child dies with the thread that started it, not with the process: this thread stays as long
	// as the child does.
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

// outage waits until the power is back. Cuts meanwhile find nothing to cut.
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

// powered is one life of the unit, from power-up to its end, after which nothing that it said is
// heard any more. Where its power was cut, it returns the request.
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

// kill ends the unit with everything that it started.
func kill(unit *exec.Cmd) {
	syscall.Kill(-unit.Process.Pid, syscall.SIGKILL)
	unit.Process.Kill()
}

// timerSlack is what systemd/tacetd.service gives the daemon, and why, in nanoseconds.
const timerSlack = 1_000_000

// stacks is what systemd/tacetd.service has in the daemon's environment, and why.
const stacks = "GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0"

// start powers the unit up, from a thread that is its caller's own; wires lead from it to the
// front.
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
	// A group of its own: Ctrl-C in a terminal stops it through us, and in order.
	unit.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	// What a thread's timers may be late by goes over to the processes that it starts; 0 is the
	// usual again.
	unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0)
	defer unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
	if err := unit.Start(); err != nil {
		wires.Close()
		return nil, nil, fmt.Errorf("start the unit: %w", err)
	}
	return unit, wires, nil
}
