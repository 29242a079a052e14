package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/cmd/internal/cli"
	"tacet/daemon/spool"
	"tacet/hw"
)

// -wire shows each input of the configuration until Ctrl-C. Meanwhile the light stays dark, no
// daemon can start, and the microphone is never opened.
func TestWire(t *testing.T) {
	p := newPatient(t, "[door]\nline = \"GPIO17\"\n")
	p.board.AddChip("gpiochip9", "more", "GPIO17")
	var wired hw.Wiring
	p.openPanel = func(context.Context) (*hw.Panel, error) {
		_, wired = wiredInputs(p.cfg)
		return hw.OpenOn(p.board, wired)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.wire(ctx) }()
		time.Sleep(time.Second)
		p.board.Drive("GPIO6", gpio.Low)
		time.Sleep(time.Second)
		if lock, err := spool.Lock(p.cfg.Spool.Path); err == nil {
			lock.Close()
			t.Error("a daemon can start meanwhile")
		}
		if !p.board.Held("GPIO27") || bool(p.board.Level("GPIO27")) {
			t.Error("the light is not held dark")
		}
		cancel()
		if err := <-ended; err != nil || cli.Code(err) != 0 {
			t.Errorf("Ctrl-C: %v", err)
		}
	})
	want := []string{"input line pin level reads as edges last edge", "button of patient GPIO5 29 high not pressed 0 -",
		"button of clinician GPIO6 31 high not pressed 0 -", "door GPIO17 11 high closed 0 -", "sense line GPIO22 15 low dark 0 -",
		"button of clinician GPIO6 31 low pressed 1 "}
	lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), &p.out)
	}
	for i, line := range lines {
		if got := strings.Join(strings.Fields(line), " "); !strings.HasPrefix(got, want[i]) {
			t.Errorf("%q, want %q", got, want[i])
		}
	}
	if len(p.mic.lit) > 0 || p.board.Held("GPIO27") || p.board.Held("GPIO22") {
		t.Error("the microphone was opened, or a line is still held")
	}
}

// It takes no line from a daemon, and names a line that isn't there by what is wired to it.
func TestWireRefuses(t *testing.T) {
	p := newPatient(t, "")
	p.openPanel = func(context.Context) (*hw.Panel, error) {
		t.Error("the lines were opened")
		return nil, os.ErrClosed
	}
	lock, err := spool.Lock(p.cfg.Spool.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.wire(t.Context()); err == nil || !strings.Contains(err.Error(), "the running daemon holds the lines") {
		t.Errorf("beside a daemon: %v", err)
	}
	lock.Close()
	if err := os.WriteFile(p.statusPath, []byte(`{"pid":1,"phase":"idle"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.wire(t.Context()); err == nil || !strings.Contains(err.Error(), "(process 1) holds the lines") {
		t.Errorf("beside a daemon that reports: %v", err)
	}

	p = newPatient(t, "")
	p.cfg.Light.Sense = "GPIO25"
	p.openPanel = func(context.Context) (*hw.Panel, error) {
		_, w := wiredInputs(p.cfg)
		return hw.OpenOn(p.board, w)
	}
	if err := p.wire(t.Context()); err == nil || !strings.Contains(err.Error(), "sense line: line GPIO25 not found") {
		t.Errorf("without the sense line: %v", err)
	}
}

// With -stop the service is stopped for it, and started again although there is no line to watch.
func TestWireStopsTheService(t *testing.T) {
	m := newManager(t, "[ $2 = is-active ] && echo active; exit 0")
	u := newUnit(t)
	if err := os.WriteFile(filepath.Join(u.run, statusFile), []byte(`{"pid":999999999,"phase":"idle"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	doctor := func() ([]byte, error) {
		return exec.Command("tacetd", "doctor", "-stop", "-wire", "-config", u.config, "-run", u.run, "-user",
			"nobody-at-all").CombinedOutput()
	}
	if out, err := doctor(); err == nil || !bytes.Contains(out, []byte("not stopped")) {
		t.Errorf("a service that doesn't say whether it records: %v, %s", err, out)
	}
	m.wants("is-active")
	status := []byte(`{"pid":1,"phase":"recording"}`)
	if err := os.WriteFile(filepath.Join(u.run, statusFile), status, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := doctor(); err == nil || !bytes.Contains(out, []byte("the unit is recording")) {
		t.Errorf("while it records: %v, %s", err, out)
	}
	m.wants("is-active")
	// The daemon's status goes with the daemon.
	m2 := newManager(t, "[ $2 = is-active ] && echo active; [ $2 = stop ] && rm "+filepath.Join(u.run, statusFile)+"; exit 0")
	if err := os.WriteFile(filepath.Join(u.run, statusFile), []byte(`{"pid":1,"phase":"idle"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := doctor()
	if err == nil || !bytes.Contains(out, []byte("gpioinfo")) {
		t.Errorf("without lines: %v, %s", err, out)
	}
	m2.wants("is-active", "stop", "start")
	m2.wantsNone()
}
