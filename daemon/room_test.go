package daemon_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
	"tacet/daemon/lines"
	"tacet/daemon/recording"
	"tacet/daemon/trust"
	"tacet/daemon/update"
	"tacet/hw/simpanel"
)

// rate is low, so that hours of sound cost little.
const (
	rate  = 8000
	perMS = rate / 1000 // frames a millisecond
)

// room is a consulting room in fake time: a daemon with everything around it made to fail on
// demand, and a watcher that checks the promises at each change and every 50 ms.
type room struct {
	*testing.T
	cfg     *config.Config
	front   *simpanel.Panel
	lines   lines.Inputs // of the front, unless a test replaces them
	mic     *mic
	spool   *durabletest.Disk
	own     *durabletest.Disk           // the unit's folder, with its key and its ledger
	keep    func(durable.FS) durable.FS // wraps own; nil: nothing
	clock   *clock
	slow    time.Duration       // how long making a key takes
	sticks  map[string]*stick   // by the store's name
	slots   map[string]*slot    // by the store's name
	gates   gates               // what can hang
	logs    io.Writer           // nil: the test's log
	found   func() update.Found // what is installed beside the daemon; nil: nothing
	version string

	mu       sync.Mutex
	faults   simpanel.Faults // of the front
	sealedTo [][]string      // the recipients of each key
	word     *trust.Confirmation
	encoders []*encoder
	keys     error // why making a key fails
	encoder  error // why making an encoder fails
	d        *daemon.Daemon
	stop     context.CancelFunc
	ended    chan error
	boots    int
}

// newRoom must be called inside a synctest bubble.
func newRoom(t *testing.T, parties ...string) *room {
	r := &room{T: t, mic: &mic{}, spool: durabletest.NewDisk(1), own: durabletest.NewDisk(2), clock: &clock{}}
	r.mic.room = r
	s := simpanel.Settings{Sense: true, StatusLight: true, Buzzer: true}
	r.cfg = &config.Config{
		Room:    config.Room{Site: "high-street", ID: "room-3"},
		Unit:    config.Unit{Key: "/unit/unit.key"},
		Encrypt: config.Encrypt{Recipients: []string{"age1office", "age1second"}},
		Consent: config.Consent{Max: time.Hour, Quiet: 5 * time.Minute},
		Audio:   config.Audio{Rate: rate, Channels: 1, Codec: "wav"},
		Spool:   config.Spool{Path: t.TempDir(), Reserve: time.Hour},
	}
	for _, p := range parties {
		r.cfg.Buttons = append(r.cfg.Buttons,
			config.Button{Party: p, Line: "GPIO5", Style: config.Momentary, Debounce: 30 * time.Millisecond})
		s.Buttons = append(s.Buttons, simpanel.Button{Party: p})
	}
	r.front = simpanel.New(s)
	r.lines = r.front.Buttons
	return r
}

// boot starts a daemon, and waits until it is ready or can't be.
func (r *room) boot() {
	r.Helper()
	r.boots++
	if r.logs == nil {
		r.logs = gatedLog{r}
	}
	d, err := daemon.New(r.cfg, daemon.Hardware{
		Buttons: gatedButtons{r.lines, r}, Light: guardedLight{r}, StatusLight: gatedStatus{r},
		Buzzer: gatedBuzzer{r}, Microphone: r.mic,
		Clock:      r.clock,
		NewEncoder: r.newEncoder,
	}, daemon.Options{
		Log:  slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Boot: fmt.Sprintf("boot%d", r.boots), Dir: "/unit/",
		FS: func(dir string) (durable.FS, error) {
			if dir == r.cfg.Spool.Path {
				return r.spool, nil
			}
			if r.keep != nil {
				return r.keep(r.own), nil
			}
			return r.own, nil
		},
		NewKey: r.newKey, Store: r.storeKind, Confirmed: r.confirmed, Updates: r.found, Version: r.version,
	})
	if err != nil {
		r.Fatal(err)
	}
	ctx, stop := context.WithCancel(r.Context())
	r.d, r.stop, r.ended = d, stop, make(chan error, 1)
	go func() { r.ended <- d.Run(ctx) }()
	go r.watch(ctx, d)
	pause(100 * time.Millisecond) // until the lines have settled
	synctest.Wait()
}

// halt stops the daemon like SIGTERM, and returns what Run returned.
func (r *room) halt() error {
	r.stop()
	return <-r.ended
}

// watch checks the promises until ctx ends.
func (r *room) watch(ctx context.Context, d *daemon.Daemon) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-d.Changed():
		case <-ctx.Done():
			return
		}
		r.check(d)
	}
}

// check compares what is said and shown with what is.
func (r *room) check(d *daemon.Daemon) {
	s, now := d.Status(), time.Now()
	if s.Boot != "" && s.Phase == "fault" && !slices.ContainsFunc(s.Warnings, isFault) {
		r.Errorf("a fault is said without its cause: %v", r.warnings())
	}
	// The light is read before and after: both may change meanwhile.
	dark := r.front.State().Light != simpanel.On
	open, last := r.mic.is()
	if dark && open && r.front.State().Light != simpanel.On && r.lampWorks() {
		r.Errorf("the microphone is open and the light is %s", r.front.State().Light)
	}
	if s.Phase != "recording" || s.Ending {
		return
	}
	if now := d.Status(); !open && r.d == d && now.Phase == "recording" && !now.Ending {
		r.Error("recording is said while the microphone is closed")
	}
	// Beyond what the daemon allows, one period may be under way.
	if age := now.Sub(last); age > 1600*time.Millisecond {
		r.Errorf("recording is said %s after the last sample", age)
	}
	if age := now.Sub(r.spoolSynced()); age > 6200*time.Millisecond {
		r.Errorf("recording is said %s after the last sync", age)
	}
}

// shows returns what the light shows once every goroutine has done its work.
func (r *room) shows() simpanel.Glow {
	synctest.Wait()
	return r.front.State().Light
}

// isFault reports whether a warning is a reason to say fault.
func isFault(w health.Active) bool {
	return w.Severity == health.Fault || w.Code == health.SpoolSlow || w.Code == health.UnitBusy
}

func (r *room) lampWorks() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faults == (simpanel.Faults{})
}

// spoolSynced returns the latest time at which the encoder's last segment can have been synced.
// Unless told to be slow, the disk takes no time.
func (r *room) spoolSynced() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.encoders[len(r.encoders)-1].latest()
}

// sees returns the phase as people in the room see it, by the light.
func (r *room) sees() string {
	panel, s := r.d.Panel()
	return panel.Phase(s)
}

// phase waits until p is seen, and fails after limit.
func (r *room) phase(p string, limit time.Duration) {
	r.Helper()
	r.until(fmt.Sprintf("phase %s (it is %s)", p, r.sees()), limit,
		func() bool { return r.sees() == p })
}

func (r *room) until(what string, limit time.Duration, holds func() bool) {
	r.Helper()
	for end := time.Now().Add(limit); !holds(); {
		if time.Now().After(end) {
			r.Fatalf("no %s within %s; warnings: %v", what, limit, r.warnings())
		}
		pause(10 * time.Millisecond)
	}
}

// pause lets fake time pass.
func pause(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// wire breaks the front, or mends it.
func (r *room) wire(f simpanel.Faults) {
	r.mu.Lock()
	r.faults = f
	r.mu.Unlock()
	r.front.Break(f)
}

func (r *room) press(party string) {
	r.Helper()
	if err := r.front.Press(r.Context(), party); err != nil {
		r.Fatal(err)
	}
}

func (r *room) warnings() (codes []string) {
	for _, w := range r.d.Status().Warnings {
		codes = append(codes, string(w.Code))
	}
	return codes
}

// setKeys makes the making of keys fail; nil: it works.
func (r *room) setKeys(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = err
}

// setEncoder makes the making of encoders fail; nil: it works.
func (r *room) setEncoder(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.encoder = err
}

func (r *room) newKey(ctx context.Context, recipients []string, comment string) (recording.Key, error) {
	pause(r.slow)
	r.mu.Lock()
	err := r.keys
	r.sealedTo = append(r.sealedTo, slices.Clone(recipients))
	r.mu.Unlock()
	if err != nil {
		return recording.Key{}, err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return recording.Key{}, err
	}
	return recording.Key{Age: []byte("sealed to the office"), Recipient: id.Recipient()}, nil
}

// reports verifies every recording on the spool.
func (r *room) reports() (all []*recording.Report) {
	r.Helper()
	entries, err := r.spool.ReadDir(".")
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".tacet") {
			continue
		}
		f, err := r.spool.Open(e.Name())
		if err != nil {
			r.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			r.Fatal(err)
		}
		rep, err := recording.Verify(f, info.Size(), recording.Options{})
		if err != nil {
			r.Fatalf("%s: %v", e.Name(), err)
		}
		all = append(all, rep)
		f.Close()
	}
	return all
}

// clock is a wall clock that can be set.
type clock struct {
	mu       sync.Mutex
	ahead    time.Duration
	unsynced bool
	asleep   time.Duration
	gate     gate // where Suspended hangs
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) Synced() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.unsynced
}

func (c *clock) Suspended() time.Duration {
	c.gate.pass()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asleep
}

func (c *clock) sync(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsynced = !on
}

func (c *clock) set(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = ahead
}

// guardedLight fails the test if the daemon darkens the light while the microphone is open.
type guardedLight struct{ r *room }

func (g guardedLight) guard(what string) {
	if open, _ := g.r.mic.is(); open {
		g.r.Errorf("light %s while the microphone is open", what)
	}
}

// call waits while the light hangs.
func (g guardedLight) call(what string, drive func() error) error {
	if what != "" {
		g.guard(what)
	}
	g.r.gates.light.pass()
	return drive()
}

func (g guardedLight) On() error    { return g.call("", g.r.front.Light.On) }
func (g guardedLight) Off() error   { return g.call("off", g.r.front.Light.Off) }
func (g guardedLight) Pulse() error { return g.call("pulse", g.r.front.Light.Pulse) }
func (g guardedLight) Flash() error { return g.call("flash", g.r.front.Light.Flash) }

func (g guardedLight) Sense() (lit, ok bool, e error) {
	g.r.gates.light.pass()
	return g.r.front.Light.Sense()
}

// kept returns every sample of a recording's segments.
func (r *room) kept(i int) (all []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.encoders[i].segments {
		all = append(all, s...)
	}
	return all
}

// spoolHolds reports whether any file on the spool contains a text.
func (r *room) spoolHolds(text string) bool {
	r.Helper()
	entries, err := r.spool.ReadDir(".")
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range entries {
		data, err := durable.ReadFile(r.spool, e.Name(), 64<<20)
		if err != nil {
			r.Fatal(err)
		}
		if strings.Contains(string(data), text) {
			return true
		}
	}
	return false
}
