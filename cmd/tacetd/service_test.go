package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"tacet/config"
	"tacet/hw"
	"tacet/hw/hwtest"
)

// enough is how long anything may take.
const enough = 30 * time.Second

// systemd is the other end of the service's socket.
type systemd struct{ *net.UnixConn }

func beSystemd(t *testing.T) systemd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return systemd{c}
}

// next is the next message; what is awaited.
func (s systemd) next(t *testing.T, what string) string {
	t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(enough)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := s.Read(buf)
	if err != nil {
		t.Fatalf("%q was not said: %v", what, err)
	}
	return string(buf[:n])
}

// hears waits for a message with what in it.
func (s systemd) hears(t *testing.T, what string) {
	t.Helper()
	for !strings.Contains(s.next(t, what), what) {
	}
}

// unit is a service on simulated lines, with a spool, and without a microphone.
type unit struct {
	*service
	t     *testing.T
	board *hwtest.Board

	recipient string
}

func newUnit(t *testing.T) *unit {
	t.Helper()
	dir := t.TempDir()
	office, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	u := &unit{
		service: &service{config: filepath.Join(dir, "tacet.toml"), state: dir, run: dir, log: slog.New(slog.DiscardHandler)},
		t:       t, board: hwtest.NewBoard("GPIO5", "GPIO27"), recipient: office.Recipient().String(),
	}
	if err := os.Mkdir(filepath.Join(dir, "spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	u.configure("Consulting room")
	return u
}

func (u *unit) configure(name string) {
	u.t.Helper()
	err := os.WriteFile(u.config, fmt.Appendf(nil, `[room]
site = "site"
id = "room-3"
name = %q
[unit]
key = "%[2]s/unit.key"
[consent]
notice = "1"
purpose = "Trying"
[[button]]
line = "GPIO5"
[light]
line = "GPIO27"
[audio]
device = "hw:CARD=NoSuchCard,DEV=0"
[encrypt]
recipients = ["%[3]s"]
[spool]
path = "%[2]s/spool"
reserve = "1m"
`, name, u.state, u.recipient), 0o600)
	if err != nil {
		u.t.Fatal(err)
	}
}

func (u *unit) load() *config.Config {
	u.t.Helper()
	cfg, _, err := config.Load(u.config)
	if err != nil {
		u.t.Fatal(err)
	}
	return cfg
}

// what became of a daemon's life.
type outcome struct {
	next *config.Config
	err  error
}

// live runs one daemon.
func (u *unit) live(ctx context.Context, reload <-chan os.Signal) <-chan outcome {
	u.t.Helper()
	cfg := u.load()
	panel, err := hw.OpenOn(u.board, wiring(cfg))
	if err != nil {
		u.t.Fatal(err)
	}
	done := make(chan outcome, 1)
	go func() {
		next, err := u.life(ctx, cfg, panel, reload)
		panel.Close()
		done <- outcome{next, err}
	}()
	return done
}

func (u *unit) outcome(done <-chan outcome) outcome {
	u.t.Helper()
	select {
	case o := <-done:
		return o
	case <-time.After(enough):
		u.t.Fatal("the daemon does not end")
		return outcome{}
	}
}

func TestSystemdIsTold(t *testing.T) {
	manager := beSystemd(t)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt((200*time.Millisecond).Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	u := newUnit(t)
	ctx, stop := context.WithCancel(t.Context())
	done := u.live(ctx, nil)
	manager.hears(t, "READY=1\nSTATUS=can't record; Microphone missing")
	manager.hears(t, "WATCHDOG=1")
	r, err := readReport(filepath.Join(u.run, statusFile))
	if err != nil || r.Phase != "fault" || r.Mic != "missing" {
		t.Errorf("status.json says %+v, %v", r, err)
	}
	stop()
	if o := u.outcome(done); o.err != nil || o.next != nil {
		t.Errorf("after a stop: %+v", o)
	}
	if _, err := os.Stat(filepath.Join(u.run, statusFile)); err == nil {
		t.Error("status.json stays behind")
	}
}

// A configuration that can't be used, or says the same, changes nothing; another one ends this daemon's life.
func TestReload(t *testing.T) {
	manager := beSystemd(t)
	u := newUnit(t)
	reload := make(chan os.Signal)
	done := u.live(t.Context(), reload)
	manager.hears(t, "READY=1")

	reload <- syscall.SIGHUP
	if err := os.WriteFile(u.config, []byte("[room"), 0o600); err != nil {
		t.Fatal(err)
	}
	reload <- syscall.SIGHUP
	for told := false; !told; {
		manager.hears(t, "STATUS=") // at each change; it gives up where there is none any more
		r, err := readReport(filepath.Join(u.run, statusFile))
		if err != nil {
			t.Fatal(err)
		}
		told = warns(r, "config-reload-failed")
	}
	select {
	case o := <-done:
		t.Fatalf("it ended: %+v", o)
	default:
	}

	u.configure("Another name")
	reload <- syscall.SIGHUP
	o := u.outcome(done)
	if o.err != nil || o.next == nil || o.next.Room.Name != "Another name" {
		t.Errorf("with a new configuration: %+v", o)
	}
}

func warns(r *report, code string) bool {
	for _, w := range r.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}
