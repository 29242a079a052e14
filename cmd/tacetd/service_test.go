package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
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

// enough is how long anything in a test may take.
const enough = 30 * time.Second

// systemd is the other end of the service's notification socket.
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

// next returns the next message. what is what the test waits for.
func (s systemd) next(t *testing.T, what string) string {
	t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(enough)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := s.Read(buf)
	if err != nil {
		t.Fatalf("no message %q: %v", what, err)
	}
	return string(buf[:n])
}

// hears waits for a message that contains what.
func (s systemd) hears(t *testing.T, what string) {
	t.Helper()
	for !strings.Contains(s.next(t, what), what) {
	}
}

// unit is a service on simulated lines, with a spool. Its microphone is missing unless device says
// otherwise.
type unit struct {
	*service
	t       *testing.T
	board   *hwtest.Board
	opened  chan hw.Wiring // as the service opens it
	hangups chan os.Signal
	stop    context.CancelFunc // as SIGTERM does
	ended   chan error         // the service's result; then closed

	recipient, device, light string
}

func newUnit(t *testing.T) *unit {
	t.Helper()
	dir := t.TempDir()
	office, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	u := &unit{
		t: t, board: hwtest.NewBoard("GPIO5", "GPIO6", "GPIO17", "GPIO22", "GPIO27"),
		opened: make(chan hw.Wiring, 10), hangups: make(chan os.Signal), ended: make(chan error, 1),
		recipient: office.Recipient().String(), device: "hw:CARD=NoSuchCard,DEV=0", light: "GPIO27",
	}
	u.service = &service{
		config: filepath.Join(dir, "tacet.toml"), state: dir, run: dir,
		log: slog.New(slog.DiscardHandler),
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

// configure writes a configuration with this name of the room.
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

// garble breaks the configuration.
func (u *unit) garble() {
	u.t.Helper()
	u.write("[room")
}

// write replaces the configuration at once, so that a reader finds the old one or the new one.
func (u *unit) write(config string) {
	u.t.Helper()
	err := os.WriteFile(u.config+".new", []byte(config), 0o600)
	if err == nil {
		err = os.Rename(u.config+".new", u.config)
	}
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

// start starts the service.
func (u *unit) start() {
	u.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	u.stop = stop
	cfg := u.load()
	go func() {
		defer close(u.ended)
		u.ended <- u.runDaemons(ctx, cfg, u.hangups)
	}()
	u.t.Cleanup(func() {
		stop()
		for range u.ended {
		}
	})
}

// reload sends a SIGHUP, and returns when the service has received it.
func (u *unit) reload() {
	u.t.Helper()
	select {
	case u.hangups <- syscall.SIGHUP:
	case err := <-u.ended:
		u.t.Fatalf("the service ended: %v", err)
	case <-time.After(enough):
		u.t.Fatal("the service does not take a SIGHUP")
	}
}

// reloadAndWait returns when the service has obeyed a SIGHUP: when it receives another one. It may
// read a later configuration for that one. The daemon must not be about to end.
func (u *unit) reloadAndWait() {
	u.t.Helper()
	u.reload()
	u.reload()
}

// says waits until status.json is as it should be.
func (u *unit) says(ok func(*report) bool) {
	u.t.Helper()
	for limit := time.After(enough); ; {
		r, err := readReport(filepath.Join(u.run, statusFile))
		if err == nil && ok(r) {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond): // a file can only be polled
		case err := <-u.ended:
			u.t.Fatalf("the service ended: %v", err)
		case <-limit:
			u.t.Fatalf("status.json says %+v, %v", r, err)
		}
	}
}

func isIdle(r *report) bool { return r.Phase == "idle" }

// end waits until the service ends, and returns its result.
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

// startWithOneConsent starts a unit and gives the consent of one of two parties. Until it is
// withdrawn, the daemon does not retire.
func (u *unit) startWithOneConsent() {
	u.t.Helper()
	u.device = "null" // taken to be there, and never opened
	u.configure("Consulting room")
	u.start()
	u.says(isIdle)
	for range 20 {
		u.board.Drive("GPIO5", gpio.Low)
		// Nothing announces from when on a press counts: first each line must have been read at
		// rest. So press again until the light pulses, as it does while the other party's consent
		// is awaited.
		for range 50 {
			<-time.After(10 * time.Millisecond)
			if u.board.Level("GPIO27") {
				return
			}
		}
		u.board.Float("GPIO5")
		<-time.After(200 * time.Millisecond) // longer than the debounce time
	}
	u.t.Fatal("no consent can be given")
}

func (u *unit) withdraw() { u.board.Float("GPIO5") }

func TestSystemdNotifications(t *testing.T) {
	manager := beSystemd(t)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt((200*time.Millisecond).Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	u := newUnit(t)
	u.start()
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
		t.Error("status.json is still there")
	}
}

// The watchdog is fed while the next daemon opens its lines, which may take 20 of its 30 seconds.
func TestWatchdogIsFedBetweenDaemons(t *testing.T) {
	manager := beSystemd(t)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(time.Hour.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	u := newUnit(t)
	u.start()
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

// A configuration that can't be used, or says the same, changes nothing. A new one is used.
func TestReload(t *testing.T) {
	u := newUnit(t)
	u.device = "null"
	u.configure("Consulting room")
	u.start()
	u.says(isIdle)
	u.reloadAndWait()
	u.garble()
	u.reload()
	u.says(configRefused)

	u.configure("Another name")
	u.reload()
	for range 2 {
		<-u.opened
	}
	u.says(func(r *report) bool { return isIdle(r) && !configRefused(r) })
	u.stop()
	if err := u.end(); err != nil || len(u.opened) > 0 {
		t.Errorf("%v, and the lines were opened %d times more", err, len(u.opened))
	}
}

// Guards: a daemon that ends before it has seen its disk, and leaves it locked for the next.
func TestReloadAtOnce(t *testing.T) {
	u := newUnit(t)
	u.device = "null"
	u.configure("Consulting room")
	u.start()
	u.configure("Another name")
	u.reload()
	for range 2 {
		<-u.opened
	}
	u.says(isIdle)
}

// Guards: a second SIGHUP that ends the service while the first one still has to wait.
func TestReloadTwice(t *testing.T) {
	const before, first, other = "GPIO27", "GPIO22", "GPIO17" // the light's line
	for name, c := range map[string]struct {
		second  func(*unit)
		want    string
		refused bool
	}{
		"broken":      {(*unit).garble, first, true},
		"put back":    {func(u *unit) { u.configureLight(before) }, before, false},
		"yet another": {func(u *unit) { u.configureLight(other) }, other, false},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnit(t)
			u.startWithOneConsent()
			<-u.opened
			u.configureLight(first)
			u.reloadAndWait()
			c.second(u)
			u.reloadAndWait()
			u.withdraw()
			if got := (<-u.opened).Light.Line; got != c.want {
				t.Errorf("it goes on with the light at %s, want %s", got, c.want)
			}
			u.says(func(r *report) bool { return isIdle(r) && configRefused(r) == c.refused })
			u.stop()
			if err := u.end(); err != nil || len(u.opened) > 0 {
				t.Errorf("%v, and the lines were opened %d times more", err, len(u.opened))
			}
		})
	}
}

func (u *unit) configureLight(line string) {
	u.t.Helper()
	u.light = line
	u.configure("Consulting room")
}

// configRefused reports whether the warning is up that the configuration file is not in use.
func configRefused(r *report) bool { return warns(r, "config-reload-failed") }

// A configuration whose lines can't be opened is not used, and a warning says so.
func TestReloadWithoutItsLines(t *testing.T) {
	u := newUnit(t)
	u.device = "null"
	u.configure("Consulting room")
	u.start()
	u.says(isIdle)
	u.configureLight("GPIO18")
	u.reload()
	u.says(func(r *report) bool {
		return configRefused(r) && strings.Contains(fmt.Sprint(r.Warnings), "GPIO18")
	})
	u.configureLight("GPIO27")
	u.reload()
	u.says(func(r *report) bool { return !configRefused(r) })

	// If the old lines can't be opened either, the service ends with an error, and systemd restarts
	// it.
	u.board.Fail("GPIO27", hwtest.Request, syscall.EIO)
	u.configure("Another name")
	u.reload()
	if err := u.end(); !errors.Is(err, syscall.EIO) || cli.Code(err) != cli.ExitFailed {
		t.Errorf("it ends with %v", err)
	}
}

// SIGTERM is obeyed at once, even while the daemon waits to retire.
func TestStopWhileRetiring(t *testing.T) {
	u := newUnit(t)
	u.startWithOneConsent()
	u.configure("Another name")
	u.reloadAndWait()
	u.stop()
	if err := u.end(); err != nil || len(u.opened) != 1 {
		t.Errorf("%v, and the lines were opened %d times", err, len(u.opened))
	}
}

func TestStopWhileWaitingForLines(t *testing.T) {
	for _, daemons := range []int{0, 1} { // at the start, and at a new configuration
		u := newUnit(t)
		open, waits := u.open, make(chan bool)
		u.open = func(ctx context.Context, w hw.Wiring) (*hw.Panel, error) {
			if len(u.opened) < daemons {
				return open(ctx, w)
			}
			close(waits) // panics at a second wait, which must not happen
			<-ctx.Done()
			return nil, fmt.Errorf("wait for a GPIO chip: %w", ctx.Err())
		}
		u.start()
		if daemons > 0 {
			u.configure("Another name")
			u.reload()
		}
		<-waits
		u.stop()
		if err := u.end(); err != nil {
			t.Errorf("after %d daemons: %v", daemons, err)
		}
	}
}
