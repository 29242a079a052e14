//go:build linux

// Package storetest starts real servers for tests of stores: OpenSSH's sshd and the S3 server
// versitygw, each on a loopback address of its own, with all that it writes in a temporary folder.
// A test may kill, freeze and restart them; they end with the test, and with the test's process. A
// [Proxy] in front of either counts, holds and cuts what goes through.
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

// patience is how long a server may take to start, on a machine that is busy with other tests.
const patience = 60 * time.Second

// process is a server that can be killed and started again. One goroutine uses it.
type process struct {
	t       testing.TB
	command func() *exec.Cmd
	ready   string // what a line of its output contains when it serves
	running *exec.Cmd
	over    chan struct{} // closed when running has ended, and been waited for
}

// start runs the command until it is ready. It fails the test if it ends before.
func (p *process) start() {
	p.t.Helper()
	said, ok := p.try()
	if !ok {
		p.t.Fatalf("%s does not start:\n%s", p.command().Path, said)
	}
}

// try returns what the server said until it was ready, or ended.
func (p *process) try() (said string, ok bool) {
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
	lines := make(chan string)
	go func() {
		defer out.Close()
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			select {
			case lines <- scan.Text():
			case <-over: // what it says later is of no interest
			}
		}
	}()
	timeout := time.After(patience)
	for {
		select {
		case line, more := <-lines:
			said += line + "\n"
			if more && strings.Contains(line, p.ready) {
				go func() {
					for range lines {
					}
				}()
				return said, true
			}
			if !more {
				p.kill()
				return said, false
			}
		case <-timeout:
			p.kill()
			return said + "(no more within " + patience.String() + ")", false
		}
	}
}

// kill ends the server and all that it started, as a crash of the machine would.
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

// signal sends to the server and all that it started.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if p.running == nil {
		p.t.Fatal("the server does not run")
	}
	for _, pid := range p.family() {
		syscall.Kill(pid, s)
	}
}

// family is the server and its descendants, parents first. A child keeps its parent until it has
// been reaped.
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

// freePort is one that nobody listened at a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// folder is a temporary folder in another one ("": where they usually are) that another user can
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
