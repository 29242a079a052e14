package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/cmd/tacet-demo/demotest"
)

// patience is how long a test waits for something that must happen.
const patience = 60 * time.Second

// running is a tacet-demo that a test has started.
type running struct {
	*demotest.Page
	t   *testing.T
	cmd *exec.Cmd
	dir string

	broker string        // its address
	done   chan struct{} // closed when it has ended
}

// start runs tacet-demo and waits for its page. At the end of the test it is stopped, and must end
// in order.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := &running{t: t, cmd: exec.Command(self, append([]string{"-listen", "127.0.0.1:0"}, args...)...),
		done: make(chan struct{})}
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
	url := ""
	lines := bufio.NewScanner(out)
	for d.dir == "" && lines.Scan() {
		what, is, _ := strings.Cut(lines.Text(), ":")
		switch is = strings.TrimSpace(is); what {
		case "page":
			url = strings.TrimSuffix(is, "/")
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
			t.Logf("the demo's log:\n%s", log)
		}
	})
	if url == "" || d.dir == "" {
		<-d.done
		t.Fatalf("the demo ended with %v:\n%s", d.cmd.ProcessState, log)
	}
	d.Page = demotest.OpenPage(t, url, d.done)
	return d
}

// showing wants a phase and a pattern of the light. The phase changes before the light does.
func showing(p, light string) func(demotest.Panel) bool {
	return func(f demotest.Panel) bool { return f.Phase == p && f.Light == light }
}

// ready wants a unit that has checked everything it needs. It must have a status light, which pulses
// where an ordinary user may not lock memory.
func ready(f demotest.Panel) bool {
	return f.Phase == "idle" && (f.StatusLight == "on" || f.StatusLight == "pulse" && !demotest.MayLockMemory())
}

// consent gives every party's consent and waits for the recording.
func (d *running) consent() {
	d.t.Helper()
	d.Insist("patient", "the wait", func(f demotest.Panel) bool { return f.Phase != "idle" })
	d.Insist("clinician", "the recording",
		func(f demotest.Panel) bool { return f.Phase != "idle" && f.Phase != "waiting" })
	d.Until("the recording", showing("recording", "on"))
}

// rest waits until presses count again after an end. The unit gives no sign of that, and a press
// would start the time anew, so this waits in real time.
func rest() { <-time.After(3200 * time.Millisecond) }

func TestAVisitAndAPowerCut(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	f := d.Until("readiness", ready)
	if f.Light != "off" || len(f.Buttons) != 2 || f.Drive == nil || !*f.Drive || len(f.Recordings) != 0 {
		t.Errorf("at first: %+v", f)
	}
	d.Post("/panel/press?party=patient")
	f = d.Until("the wait for the other party", showing("waiting", "pulse"))
	if !f.Buttons[0].Consented || f.Buttons[1].Consented {
		t.Errorf("while waiting: %+v", f)
	}
	d.Post("/panel/press?party=clinician")
	f = d.Until("the recording", showing("recording", "on"))
	if !f.Buttons[1].Consented {
		t.Errorf("while recording: %+v", f)
	}
	d.Until("two seconds", demotest.Recorded(1, 2))
	d.Post("/panel/press?party=patient")
	f = d.Until("the end", func(f demotest.Panel) bool {
		return f.Phase == "idle" && f.Light == "off" && f.Recordings[0].State == "whole"
	})
	if f.Buttons[0].Consented || f.Buttons[1].Consented {
		t.Errorf("consent outlived the recording: %+v", f)
	}

	rest()
	d.consent()
	d.Until("two seconds more", demotest.Recorded(2, 2))
	d.Post("/panel/power-cut")
	if f := d.Panel(); f.Light != "off" || f.Phase == "recording" {
		t.Errorf("without power: %+v", f)
	}
	f = d.Until("what was saved", func(f demotest.Panel) bool {
		return len(f.Recordings) == 2 &&
			f.Recordings[1].State == "interrupted"
	})
	if f.Recordings[1].Seconds < 2 || f.Light != "off" {
		t.Errorf("after the power cut: %+v", f)
	}
	d.Until("readiness", demotest.Phase("idle"))
}

// children returns the processes that a process has started.
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

// gone reports whether a process has ended, even if its new parent has not waited for it.
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
	d.Until("readiness", ready)
	d.consent()
	before := d.Until("three seconds", demotest.Recorded(1, 3)).Recordings[0]
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
	f := again.Until("what was saved",
		func(f demotest.Panel) bool { return len(f.Recordings) > 0 && f.Recordings[0].State != "unfinished" })
	if len(f.Recordings) != 1 || f.Recordings[0].File != before.File || f.Recordings[0].State != "interrupted" ||
		f.Recordings[0].Seconds < before.Seconds {
		t.Errorf("%+v became %+v", before, f.Recordings)
	}
}
