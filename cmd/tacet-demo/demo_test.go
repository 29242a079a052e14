package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// running is a tacet-demo that a test has started.
type running struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	dir string

	broker string        // its address
	done   chan struct{} // closed when it has ended
	news   chan struct{} // something changed
}

// start runs tacet-demo and waits until it says where its page is. It is stopped
// with the test, and must end in order then.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := &running{t: t, cmd: exec.Command(self, append([]string{"-listen", "127.0.0.1:0"}, args...)...), done: make(chan struct{})}
	d.cmd.Env = append(os.Environ(), asDemo+"=1")
	log := &strings.Builder{}
	d.cmd.Stderr = log
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for d.dir == "" && lines.Scan() {
		what, is, _ := strings.Cut(lines.Text(), ":")
		switch is = strings.TrimSpace(is); what {
		case "page":
			d.url = strings.TrimSuffix(is, "/")
		case "broker":
			d.broker = is
		case "folder":
			d.dir = is
		}
	}
	go func() {
		io.Copy(io.Discard, out)
		d.cmd.Wait()
		close(d.done)
	}()
	t.Cleanup(func() {
		d.cmd.Process.Signal(syscall.SIGTERM)
		<-d.done
		if t.Failed() {
			t.Logf("the demo said:\n%s", log)
		}
	})
	if d.url == "" || d.dir == "" {
		<-d.done
		t.Fatalf("the demo ended with %v:\n%s", d.cmd.ProcessState, log)
	}
	d.listen()
	return d
}

// listen has the page's own events tell of every change, until the demo ends.
func (d *running) listen() {
	d.t.Helper()
	answer, err := http.Get(d.url + "/live")
	if err != nil {
		d.t.Fatal(err)
	}
	d.news = make(chan struct{}, 1)
	go func() {
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if !strings.HasPrefix(lines.Text(), "data: ") {
				continue
			}
			select {
			case d.news <- struct{}{}:
			default:
			}
		}
	}()
}

// first is the first event that a viewer is sent: the unit as it is.
func (d *running) first() string {
	d.t.Helper()
	answer, err := http.Get(d.url + "/live")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Scan()
	return strings.TrimPrefix(lines.Text(), "data: ")
}

// front is what GET /panel says.
type front struct {
	Light       string
	StatusLight string `json:"status_light"`
	Phase       string
	Buttons     []struct {
		Party              string
		Pressed, Consented bool
	}
	Drive      *bool
	Recordings []struct {
		File, State string
		Seconds     float64
	}
}

func (d *running) panel() (f front) {
	d.t.Helper()
	answer, err := http.Get(d.url + "/panel")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&f); err != nil {
		d.t.Fatal(err)
	}
	return f
}

// until asks for the panel at each change until it is as wanted.
func (d *running) until(what string, wanted func(front) bool) front {
	d.t.Helper()
	f, ok := d.within(patience, wanted)
	if !ok {
		d.t.Fatalf("%s: never seen; the last was %+v", what, f)
	}
	return f
}

func (d *running) within(limit time.Duration, wanted func(front) bool) (f front, ok bool) {
	d.t.Helper()
	late := time.After(limit)
	for {
		if f = d.panel(); wanted(f) {
			return f, true
		}
		select {
		case <-d.news:
		case <-late:
			return f, false
		}
	}
}

func (d *running) post(path string) {
	d.t.Helper()
	answer, err := http.Post(d.url+path, "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		d.t.Fatalf("POST %s: %s", path, answer.Status)
	}
}

func phase(p string) func(front) bool { return func(f front) bool { return f.Phase == p } }

// showing waits for a phase and what the light shows in it: a phase is said
// before the light is driven.
func showing(p, light string) func(front) bool {
	return func(f front) bool { return f.Phase == p && f.Light == light }
}

// ready waits until a unit with a status light has looked at all it needs.
func ready(f front) bool { return f.Phase == "idle" && f.StatusLight == "on" }

// recorded waits until the last of n recordings has some seconds.
func recorded(n int, seconds float64) func(front) bool {
	return func(f front) bool {
		return len(f.Recordings) == n && f.Recordings[n-1].Seconds >= seconds
	}
}

// consent gives every party's consent and waits for the recording.
func (d *running) consent() {
	d.t.Helper()
	d.give("patient", func(f front) bool { return f.Phase != "idle" })
	d.give("clinician", func(f front) bool { return f.Phase != "idle" && f.Phase != "waiting" })
	d.until("the recording", showing("recording", "on"))
}

// give presses a button until that has an effect, as a person does: on a busy
// machine a press may arrive with its release on its heels, as a bounce does.
func (d *running) give(party string, given func(front) bool) {
	d.t.Helper()
	const tries, each = 5, 5 * time.Second
	for range tries {
		d.post("/panel/press?party=" + party)
		if _, ok := d.within(each, given); ok {
			return
		}
	}
	d.t.Fatalf("%d presses of %s's button had no effect", tries, party)
}

// rest lets the time pass in which presses count as nothing after an end. The
// unit gives no sign when it is over, and each press would start it anew.
func rest() { <-time.After(3200 * time.Millisecond) }

func TestAVisitAndAPowerCut(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	f := d.until("readiness", ready)
	if f.Light != "off" || len(f.Buttons) != 2 || f.Drive == nil || !*f.Drive || len(f.Recordings) != 0 {
		t.Errorf("at first: %+v", f)
	}
	d.post("/panel/press?party=patient")
	f = d.until("the wait for the other party", showing("waiting", "pulse"))
	if !f.Buttons[0].Consented || f.Buttons[1].Consented {
		t.Errorf("while waiting: %+v", f)
	}
	d.post("/panel/press?party=clinician")
	f = d.until("the recording", showing("recording", "on"))
	if !f.Buttons[1].Consented {
		t.Errorf("while recording: %+v", f)
	}
	d.until("two seconds", recorded(1, 2))
	d.post("/panel/press?party=patient")
	f = d.until("the end", func(f front) bool { return f.Phase == "idle" && f.Light == "off" && f.Recordings[0].State == "whole" })
	if f.Buttons[0].Consented || f.Buttons[1].Consented {
		t.Errorf("consent outlived the recording: %+v", f)
	}

	rest()
	d.consent()
	d.until("two seconds more", recorded(2, 2))
	d.post("/panel/power-cut")
	if f := d.panel(); f.Light != "off" || f.Phase == "recording" {
		t.Errorf("without power: %+v", f)
	}
	f = d.until("what was saved", func(f front) bool { return len(f.Recordings) == 2 && f.Recordings[1].State == "interrupted" })
	if f.Recordings[1].Seconds < 2 || f.Light != "off" {
		t.Errorf("after the power cut: %+v", f)
	}
	d.until("readiness", phase("idle"))
}

// children are the processes that a process has started.
func children(t *testing.T, of int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if parent, _ := strconv.Atoi(fields[1]); parent == of && fields[0] != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone reports whether a process has ended; whoever inherits it may not have
// looked after it yet.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(text), ") Z ")
}

func TestAKilledDemoLeavesNoChildAndLosesNothing(t *testing.T) {
	dir := t.TempDir()
	d := start(t, "-mic", "voice", "-dir", dir)
	d.until("readiness", ready)
	d.consent()
	before := d.until("three seconds", recorded(1, 3)).Recordings[0]
	unit := children(t, d.cmd.Process.Pid)
	if len(unit) != 1 {
		t.Fatalf("its children are %v", unit)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.done
	for late := time.After(patience); !gone(unit[0]); {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatal("the unit outlived its power")
		}
	}
	again := start(t, "-mic", "voice", "-dir", dir)
	f := again.until("what was saved", func(f front) bool { return len(f.Recordings) > 0 && f.Recordings[0].State != "unfinished" })
	if len(f.Recordings) != 1 || f.Recordings[0].File != before.File || f.Recordings[0].State != "interrupted" || f.Recordings[0].Seconds < before.Seconds {
		t.Errorf("of %+v is left %+v", before, f.Recordings)
	}
}
