//go:build linux

// Package storetest starts real servers for tests of stores: OpenSSH's sshd and the S3 server
// versitygw, each on its own loopback address, with its files in a temporary folder. Tests can
// kill, freeze and restart them; they end with the test, and with its process. A [Proxy] in front
// of them counts, holds and cuts traffic.
package storetest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start on a busy machine.
const patience = 60 * time.Second

// process is a server that can be killed and started again. One goroutine uses it.
type process struct {
	t       testing.TB
	command func() *exec.Cmd
	ready   string // text in its output once it serves
	running *exec.Cmd
	over    chan struct{} // closed when running has ended and was reaped
}

// start starts the command and waits until it is ready. If it ends before, the test fails.
func (p *process) start() {
	p.t.Helper()
	output, ok := p.try()
	if !ok {
		p.t.Fatalf("%s does not start:\n%s", p.command().Path, output)
	}
}

// try starts the command and returns its output until it is ready, or has ended.
func (p *process) try() (output string, ok bool) {
	p.t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = in, in
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	err = cmd.Start()
	in.Close()
	if err != nil {
		p.t.Fatal(err)
	}
	over := make(chan struct{})
	p.running, p.over = cmd, over
	go func() { cmd.Wait(); close(over) }()
	if output, ok = p.wait(linesOf(out, over)); !ok {
		p.kill()
	}
	return output, ok
}

// linesOf sends the lines of a command's output until it is over.
func linesOf(out *os.File, over <-chan struct{}) <-chan string {
	lines := make(chan string)
	go func() {
		defer out.Close()
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			select {
			case lines <- scan.Text():
			case <-over: // later output doesn't matter
			}
		}
	}()
	return lines
}

// wait returns the output until the command is ready, or has ended.
func (p *process) wait(lines <-chan string) (output string, ready bool) {
	timeout := time.After(patience)
	for {
		select {
		case line, more := <-lines:
			output += line + "\n"
			if !more {
				return output, false
			}
			if strings.Contains(line, p.ready) {
				go func() {
					for range lines {
					}
				}()
				return output, true
			}
		case <-timeout:
			return output + "(no more within " + patience.String() + ")", false
		}
	}
}

// kill kills the server and all its descendants, like a crash of the machine.
func (p *process) kill() {
	if p.running == nil {
		return
	}
	for _, pid := range p.family() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.over
	p.running = nil
}

// signal sends a signal to the server and all its descendants.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if p.running == nil {
		p.t.Fatal("the server is not running")
	}
	for _, pid := range p.family() {
		syscall.Kill(pid, s)
	}
}

// family returns the server and its descendants, parents first. A child keeps its parent until it
// is reaped.
func (p *process) family() []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, _ := os.ReadFile(name)
		_, rest, ok := strings.Cut(string(text), ") ") // after the command's name: state, parent
		fields := strings.Fields(rest)
		if !ok || len(fields) < 2 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
	}
	all := []int{p.running.Process.Pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// tryPorts calls configure with free ports until the server starts, as another process may take
// one.
func (p *process) tryPorts(configure func(port int)) {
	p.t.Helper()
	var output string
	for range 5 {
		configure(freePort(p.t))
		var ok bool
		if output, ok = p.try(); ok {
			p.t.Cleanup(p.kill)
			return
		}
		if !strings.Contains(output, "in use") {
			break
		}
	}
	p.t.Fatalf("%s does not start:\n%s", p.command().Path, output)
}

// freePort returns a port on which nobody listened a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// folder makes a temporary folder in another one ("" means the usual one) that other users can
// enter.
func folder(t testing.TB, in string) string {
	t.Helper()
	dir, err := os.MkdirTemp(in, "storetest-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, name, format string, args ...any) {
	t.Helper()
	must(t, os.WriteFile(name, fmt.Appendf(nil, format, args...), 0o600))
}
