package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"periph.io/x/conn/v3/gpio"

	"tacet/cmd/internal/cli"
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

// unit is a service on simulated lines, with a spool. It has no microphone, unless device says
// otherwise.
type unit struct {
	*service
	t       *testing.T
	board   *hwtest.Board
	opened  chan hw.Wiring
	lines   logLines
	hangups chan os.Signal
	stop    context.CancelFunc // SIGTERM
	ended   chan error         // closed when it has

	recipient, device, light string
}

// logLines is what a service logs.
type logLines chan string

func (l logLines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

func newUnit(t *testing.T) *unit {
	t.Helper()
	dir := t.TempDir()
	office, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	u := &unit{
		t: t, board: hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27"),
		opened: make(chan hw.Wiring, 10), lines: make(logLines, 1000), hangups: make(chan os.Signal),
		ended:     make(chan error, 1),
		recipient: office.Recipient().String(), device: "hw:CARD=NoSuchCard,DEV=0", light: "GPIO27",
	}
	u.service = &service{
		config: filepath.Join(dir, "tacet.toml"), state: dir, run: dir,
		log: slog.New(slog.NewTextHandler(u.lines, &slog.HandlerOptions{Level: slog.LevelDebug})),
		open: func(_ context.Context, w hw.Wiring) (*hw.Panel, error) {
			u.opened <- w
			return hw.OpenOn(u.board, w)
		},
	}
	if err := os.Mkdir(filepath.Join(dir, "spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	u.configure("Consulting room")
	return u
}

func (u *unit) configure(name string) {
	u.t.Helper()
	u.write(fmt.Sprintf(`[room]
site = "site"
id = "room-3"
name = %q
[unit]
key = "%[2]s/unit.key"
[consent]
notice = "1"
purpose = "Trying"
[[button]]
party = "patient"
line = "GPIO5"
style = "latching"
[[button]]
party = "clinician"
line = "GPIO6"
style = "latching"
[light]
line = %[3]q
[audio]
device = %[4]q
[encrypt]
recipients = [%[5]q]
[spool]
path = "%[2]s/spool"
reserve = "1m"
`, name, u.state, u.light, u.device, u.recipient))
}

// garble leaves half a line in the configuration.
func (u *unit) garble() {
	u.t.Helper()
	u.write("[room")
}

func (u *unit) write(config string) {
	u.t.Helper()
	if err := os.WriteFile(u.config, []byte(config), 0o600); err != nil {
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

// live runs the service.
func (u *unit) live() {
	u.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	u.stop = stop
	cfg := u.load()
	go func() {
		defer close(u.ended)
		u.ended <- u.lives(ctx, cfg, u.hangups)
	}()
	u.t.Cleanup(func() {
		stop()
		for range u.ended {
		}
	})
}

// reload sends a SIGHUP, and returns when it is being obeyed.
func (u *unit) reload() {
	u.t.Helper()
	select {
	case u.hangups <- syscall.SIGHUP:
	case err := <-u.ended:
		u.t.Fatalf("it ended: %v", err)
	case <-time.After(enough):
		u.t.Fatal("it does not hear a SIGHUP")
	}
}

// logs waits for a line with any of what in it.
func (u *unit) logs(what ...string) string {
	u.t.Helper()
	late := time.After(enough)
	for {
		select {
		case line := <-u.lines:
			if slices.ContainsFunc(what, func(w string) bool { return strings.Contains(line, w) }) {
				return line
			}
		case err := <-u.ended:
			u.t.Fatalf("it ended before it logged %q: %v", what, err)
		case <-late:
			u.t.Fatalf("%q is not logged", what)
		}
	}
}

// says waits until status.json is as it should be.
func (u *unit) says(manager systemd, ok func(*report) bool) {
	u.t.Helper()
	for {
		manager.hears(u.t, "STATUS=") // at each change; it gives up where there is none any more
		if r, err := readReport(filepath.Join(u.run, statusFile)); err == nil && ok(r) {
			return
		}
	}
}

// end waits until the service has ended.
func (u *unit) end() error {
	u.t.Helper()
	select {
	case err := <-u.ended:
		return err
	case <-time.After(enough):
		u.t.Fatal("it does not end")
		return nil
	}
}

// giving runs a unit until one of two parties has given its consent: what may only be done while
// nothing is given has to wait.
func (u *unit) giving() {
	u.t.Helper()
	u.device = "null" // taken to be there, and never opened
	u.configure("Consulting room")
	u.live()
	u.logs("to=idle")
	for range 20 {
		// A hand that comes too early, before the lines were seen at rest, gives nothing.
		<-time.After(200 * time.Millisecond)
		u.board.Drive("GPIO5", gpio.Low)
		if strings.Contains(u.logs("active=true"), "fresh=true") {
			u.logs("to=waiting")
			return
		}
		u.board.Float("GPIO5")
		u.logs("active=false")
	}
	u.t.Fatal("nobody can give")
}

// withdraw lets what had to wait go on.
func (u *unit) withdraw() { u.board.Float("GPIO5") }

func TestSystemdIsTold(t *testing.T) {
	manager := beSystemd(t)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt((200*time.Millisecond).Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	u := newUnit(t)
	u.live()
	manager.hears(t, "READY=1\nSTATUS=can't record; Microphone missing")
	manager.hears(t, "WATCHDOG=1")
	r, err := readReport(filepath.Join(u.run, statusFile))
	if err != nil || r.Phase != "fault" || r.Mic != "missing" {
		t.Errorf("status.json says %+v, %v", r, err)
	}
	u.stop()
	if err := u.end(); err != nil {
		t.Errorf("after a stop: %v", err)
	}
	if _, err := os.Stat(filepath.Join(u.run, statusFile)); err == nil {
		t.Error("status.json stays behind")
	}
}

// Until the next daemon answers, systemd waits for the lines, which may take 20 s of its 30.
func TestWatchdogIsFedBetweenDaemons(t *testing.T) {
	manager := beSystemd(t)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(time.Hour.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	u := newUnit(t)
	u.live()
	manager.hears(t, "WATCHDOG=1")
	open, come := u.open, make(chan bool)
	opens := sync.OnceFunc(func() { close(come) })
	t.Cleanup(opens)
	u.open = func(ctx context.Context, w hw.Wiring) (*hw.Panel, error) {
		<-come
		return open(ctx, w)
	}
	u.configure("Another name")
	u.reload()
	manager.hears(t, "WATCHDOG=1")
	opens()
	manager.hears(t, "WATCHDOG=1")
}

// A configuration that can't be used, or says the same, changes nothing; another one is taken over.
func TestReload(t *testing.T) {
	manager := beSystemd(t)
	u := newUnit(t)
	u.device = "null"
	u.configure("Consulting room")
	u.live()
	u.logs("to=idle")
	u.reload()
	u.logs("the configuration has not changed")
	u.garble()
	u.reload()
	u.says(manager, refused)

	u.configure("Another name")
	u.reload()
	u.logs("changed=[room]")
	u.says(manager, func(r *report) bool { return !refused(r) })
	u.stop()
	if err := u.end(); err != nil {
		t.Error(err)
	}
	if n := len(u.opened); n != 2 {
		t.Errorf("%d daemons had the lines, want 2", n)
	}
}

// Guards: a daemon that ends before it has seen its disk, and leaves it locked for the next.
func TestReloadAtOnce(t *testing.T) {
	u := newUnit(t)
	u.device = "null"
	u.configure("Consulting room")
	u.live()
	u.configure("Another name")
	u.reload()
	u.logs("changed=[room]")
	u.logs("to=idle")
}

// Guards: the second SIGHUP while the first has to wait, which ended the service for good.
func TestReloadTwice(t *testing.T) {
	const before, first, other = "Consulting room", "Another name", "A third"
	for name, c := range map[string]struct {
		second  func(*unit)
		logs    string
		goesOn  string // the room's name
		refused bool
	}{
		"broken":      {(*unit).garble, "new configuration refused", first, true},
		"put back":    {func(u *unit) { u.configure(before) }, "has not changed", before, false},
		"yet another": {func(u *unit) { u.configure(other) }, "as soon as nothing", other, false},
	} {
		t.Run(name, func(t *testing.T) {
			manager := beSystemd(t)
			u := newUnit(t)
			u.giving()
			u.configure(c.goesOn)
			want := "changed=[room] hash=" + u.load().Hash()
			if c.goesOn == before {
				want = "to=idle" // and nothing is said of another one
			}
			u.configure(first)
			u.reload()
			u.logs("as soon as nothing")
			c.second(u)
			u.reload()
			u.logs(c.logs)
			u.withdraw()
			u.logs("to=idle")
			line := u.logs("new configuration", "to=idle")
			if !strings.Contains(line, want) {
				t.Errorf("it goes on with %s", line)
			}
			if strings.Contains(line, "new configuration") {
				u.logs("to=idle")
			}
			u.says(manager, func(r *report) bool { return refused(r) == c.refused })
			u.stop()
			if err := u.end(); err != nil || len(u.opened) != 2 {
				t.Errorf("%v, and the lines were opened %d times", err, len(u.opened))
			}
		})
	}
}

// refused says that the file is not in use, and that this is said.
func refused(r *report) bool {
	return slices.ContainsFunc(r.Warnings, func(w warning) bool { return w.Code == "config-reload-failed" })
}

// A configuration whose lines are not there is not used, and said not to be.
func TestReloadWithoutItsLines(t *testing.T) {
	manager := beSystemd(t)
	u := newUnit(t)
	u.device = "null"
	u.configure("Consulting room")
	u.live()
	u.logs("to=idle")
	u.light = "GPIO17"
	u.configure("Consulting room")
	u.reload()
	u.says(manager, func(r *report) bool {
		return refused(r) && strings.Contains(fmt.Sprint(r.Warnings), "GPIO17")
	})
	u.light = "GPIO27"
	u.configure("Consulting room")
	u.reload()
	u.says(manager, func(r *report) bool { return !refused(r) })

	// Where the old ones can't be had either it ends with an error, and is started again.
	u.board.Fail("GPIO27", hwtest.Request, syscall.EIO)
	u.configure("Another name")
	u.reload()
	u.logs("its lines can't be opened")
	if err := u.end(); !errors.Is(err, syscall.EIO) || cli.Code(err) != cli.ExitFailed {
		t.Errorf("it ends with %v", err)
	}
}

// SIGTERM is obeyed at once, whatever waits.
func TestStopWhileRetiring(t *testing.T) {
	u := newUnit(t)
	u.giving()
	u.configure("Another name")
	u.reload()
	u.logs("as soon as nothing")
	u.stop()
	if err := u.end(); err != nil || len(u.opened) != 1 {
		t.Errorf("%v, and the lines were opened %d times", err, len(u.opened))
	}
}

func TestStopWhileTheLinesAreAwaited(t *testing.T) {
	for _, lives := range []int{0, 1} { // at the start, and at a change
		u := newUnit(t)
		open, waits := u.open, make(chan bool)
		u.open = func(ctx context.Context, w hw.Wiring) (*hw.Panel, error) {
			if len(u.opened) < lives {
				return open(ctx, w)
			}
			close(waits) // once: a second wait would be one too many
			<-ctx.Done()
			return nil, fmt.Errorf("wait for a GPIO chip: %w", ctx.Err())
		}
		u.live()
		if lives > 0 {
			u.configure("Another name")
			u.reload()
		}
		<-waits
		u.stop()
		if err := u.end(); err != nil {
			t.Errorf("after %d lives: %v", lives, err)
		}
	}
}
