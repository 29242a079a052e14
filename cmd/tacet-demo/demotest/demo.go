package demotest

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Demo is a running tacet-demo.
type Demo struct {
	*Unit
	t    testing.TB
	cmd  *exec.Cmd
	url  string
	said *log
	done chan struct{} // closed when it has ended
	news chan struct{} // gets something after each change
}

// log is what a process has said so far.
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

// Start powers the unit up, and returns when its panel can be reached. It is killed with the test at the latest.
func (u *Unit) Start(t testing.TB, env ...string) *Demo {
	t.Helper()
	d := &Demo{Unit: u, t: t, said: &log{}, done: make(chan struct{}), news: make(chan struct{}, 1)}
	d.cmd = exec.Command(Program("tacet-demo"), "-listen", "127.0.0.1:0", "-config", u.Config, "-dir", u.Dir)
	d.cmd.Env = append(append(os.Environ(), env...), "TMPDIR="+u.Temp)
	d.cmd.Stderr = d.said
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for d.url == "" && lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "page:"); ok {
			d.url = strings.TrimSuffix(strings.TrimSpace(url), "/")
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
			t.Logf("tacet-demo said:\n%s", d.said)
		}
	})
	if d.url == "" {
		<-d.done
		t.Fatalf("tacet-demo ended: %v", d.cmd.ProcessState)
	}
	d.listen()
	return d
}

// listen has the page's own events tell of every change, until the demo ends.
func (d *Demo) listen() {
	d.t.Helper()
	answer, err := http.Get(d.url + "/live")
	if err != nil {
		d.t.Fatal(err)
	}
	go func() {
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			select {
			case d.news <- struct{}{}:
			default:
			}
		}
	}()
}

// Stop stops the unit in order and returns its exit code.
func (d *Demo) Stop() int {
	d.cmd.Process.Signal(syscall.SIGTERM)
	<-d.done
	return d.cmd.ProcessState.ExitCode()
}

// Kill cuts the power: SIGKILL, and no child outlives it.
func (d *Demo) Kill() {
	d.cmd.Process.Kill()
	<-d.done
}

// Said is all that it has logged.
func (d *Demo) Said() string { return d.said.String() }

// Pid is the process behind the page; the unit is its child.
func (d *Demo) Pid() int { return d.cmd.Process.Pid }
