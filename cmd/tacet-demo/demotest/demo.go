package demotest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Demo is a running tacet-demo.
type Demo struct {
	*Unit
	*Page
	cmd    *exec.Cmd
	output *log
	done   chan struct{} // closed when it has ended
}

// log collects a process's output.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Start starts the demo, and returns when its panel can be reached. It is killed at the end of the
// test at the latest.
func (u *Unit) Start(t testing.TB, env ...string) *Demo {
	t.Helper()
	d := &Demo{Unit: u, output: &log{}, done: make(chan struct{})}
	command := append(slices.Clone(u.Through), Program("tacet-demo"), "-listen", "127.0.0.1:0", "-config", u.Config,
		"-dir", u.Dir)
	d.cmd = exec.Command(command[0], command[1:]...)
	d.cmd.Env = append(append(os.Environ(), env...), "TMPDIR="+u.Temp)
	d.cmd.Stderr = d.output
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	url := ""
	for url == "" && lines.Scan() {
		if is, ok := strings.CutPrefix(lines.Text(), "page:"); ok {
			url = strings.TrimSuffix(strings.TrimSpace(is), "/")
		}
	}
	go func() {
		defer close(d.done)
		io.Copy(io.Discard, out)
		d.cmd.Wait()
	}()
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		<-d.done
		if t.Failed() {
			t.Logf("tacet-demo's log:\n%s", d.output)
		}
	})
	if url == "" {
		<-d.done
		t.Fatalf("tacet-demo ended: %v", d.cmd.ProcessState)
	}
	d.Page = OpenPage(t, url, d.done)
	return d
}

// Consent presses every party's button, and waits for the recording.
func (d *Demo) Consent() {
	d.t.Helper()
	d.Until("readiness", Phase("idle"))
	for i, party := range d.Parties {
		last := i == len(d.Parties)-1
		d.Insist(party, "consent", func(p Panel) bool { return p.Phase != "idle" && last == (p.Phase != "waiting") })
	}
	d.Until("the recording", func(p Panel) bool { return p.Phase == "recording" && p.Light == "on" })
}

// Stop stops the unit in order, and returns its exit code.
func (d *Demo) Stop() int {
	d.cmd.Process.Signal(syscall.SIGTERM)
	<-d.done
	return d.cmd.ProcessState.ExitCode()
}

// Kill cuts the power with SIGKILL. No child survives.
func (d *Demo) Kill() {
	d.cmd.Process.Kill()
	<-d.done
}

// Log returns what it has logged.
func (d *Demo) Log() string { return d.output.String() }

// Pid returns the process that serves the page. The unit is its child.
func (d *Demo) Pid() int { return d.cmd.Process.Pid }

// UnitPid returns the unit's process.
func (d *Demo) UnitPid() int {
	d.t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", d.Pid()))
	if err != nil {
		d.t.Fatal(err)
	}
	var children []string
	for _, path := range tasks {
		text, _ := os.ReadFile(path)
		children = append(children, strings.Fields(string(text))...)
	}
	if len(children) != 1 {
		d.t.Fatalf("tacet-demo has the children %v", children)
	}
	pid, err := strconv.Atoi(children[0])
	if err != nil {
		d.t.Fatal(err)
	}
	return pid
}
