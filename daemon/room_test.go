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
	"tacet/daemon/recording"
	"tacet/hw/simpanel"
)

// rate is low, so that hours of it cost little.
const (
	rate  = 8000
	perMS = rate / 1000 // frames a millisecond
)

// room is a consulting room in fake time: a daemon with everything around it made to fail on
// demand, and a watcher who checks the promises at each change and every 50 ms.
type room struct {
	*testing.T
	cfg    *config.Config
	front  *simpanel.Panel
	lines  daemon.Buttons // the front's, if nothing else
	mic    *mic
	spool  *durabletest.Disk
	own    *durabletest.Disk           // the unit's folder: its key, its ledger
	keep   func(durable.FS) durable.FS // in between; nil: nothing
	clock  *clock
	slow   time.Duration     // of the key's making
	sticks map[string]*stick // by the store's name
	slots  map[string]*slot  // by the store's name
	gates  gates             // what hangs
	logs   io.Writer         // nil: the test's

	mu       sync.Mutex
	faults   simpanel.Faults // of the front
	sealedTo [][]string      // whom each key was encrypted to
	word     *daemon.Confirmation
	encoders []*encoder
	keys     error // that the making of a key fails with
	encoder  error // and of an encoder
	d        *daemon.Daemon
	stop     context.CancelFunc
	ended    chan error
	boots    int
}

// newRoom is called inside a synctest bubble.
func newRoom(t *testing.T, parties ...string) *room {
	r := &room{T: t, mic: &mic{}, spool: durabletest.NewDisk(1), own: durabletest.NewDisk(2), clock: &clock{}}
	r.mic.room = r
	s := simpanel.Settings{Sense: true, StatusLight: true}
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

// boot starts a daemon on what is there, and waits until it is ready or not.
func (r *room) boot() {
	r.Helper()
	r.boots++
	if r.logs == nil {
		r.logs = gatedLog{r}
	}
	d, err := daemon.New(r.cfg, daemon.Hardware{
		Buttons: gatedButtons{r.lines, r}, Light: guardedLight{r}, StatusLight: gatedStatus{r}, Microphone: r.mic,
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
		NewKey: r.newKey, Store: r.storeKind, Confirmed: r.confirmed,
	})
	if err != nil {
		r.Fatal(err)
	}
	ctx, stop := context.WithCancel(r.Context())
	r.d, r.stop, r.ended = d, stop, make(chan error, 1)
	go func() { r.ended <- d.Run(ctx) }()
	go r.watch(ctx, d)
	pause(100 * time.Millisecond) // no line has settled before
	synctest.Wait()
}

// halt is SIGTERM: it returns what Run returned.
func (r *room) halt() error {
	r.stop()
	return <-r.ended
}

// watch is the watcher.
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

// check holds what is said and seen against what is.
func (r *room) check(d *daemon.Daemon) {
	s, now := d.Status(), time.Now()
	if s.Boot != "" && s.Phase == "fault" && !slices.ContainsFunc(s.Warnings, isFault) {
		r.Errorf("a fault is said, and not which: %v", r.warnings())
	}
	// The light is looked at before and behind: both may change meanwhile.
	dark := r.front.State().Light != simpanel.On
	open, last := r.mic.is()
	if dark && open && r.front.State().Light != simpanel.On && r.lampWorks() {
		r.Errorf("the microphone is open and the light is %s", r.front.State().Light)
	}
	if s.Phase != "recording" {
		return
	}
	if !open && r.d == d && d.Status().Phase == "recording" {
		r.Error("recording is said while the microphone is closed")
	}
	// One period may be under way beside what the daemon allows.
	if age := now.Sub(last); age > 1600*time.Millisecond {
		r.Errorf("recording is said %s after the last sample", age)
	}
	if age := now.Sub(r.spoolSynced()); age > 6200*time.Millisecond {
		r.Errorf("recording is said %s after samples last reached the disk", age)
	}
}

// shows is what the light shows when everybody has done what there is to do: it is driven by a
// goroutine of its own.
func (r *room) shows() simpanel.Glow {
	synctest.Wait()
	return r.front.State().Light
}

// isFault says of a warning that a unit with it can be said to be out of order.
func isFault(w health.Active) bool {
	return w.Severity == health.Fault || w.Code == health.SpoolSlow || w.Code == health.UnitBusy
}

func (r *room) lampWorks() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faults == (simpanel.Faults{})
}

// spoolSynced is when the encoder's last segment can have been synced at the latest: the disk in
// these tests takes no time unless told to.
func (r *room) spoolSynced() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.encoders[len(r.encoders)-1].latest()
}

// phase waits until the daemon says p, and fails after limit.
func (r *room) phase(p string, limit time.Duration) {
	r.Helper()
	r.until(fmt.Sprintf("phase %s (it is %s)", p, r.d.Status().Phase), limit,
		func() bool { return r.d.Status().Phase == p })
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

// setKeys has the making of keys fail, or not.
func (r *room) setKeys(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = err
}

// setEncoder has the making of encoders fail, or not.
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
	gate     gate // where whoever asks hangs
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

// guardedLight fails the test where the daemon darkens the light under an open microphone.
type guardedLight struct{ r *room }

func (g guardedLight) guard(what string) {
	if open, _ := g.r.mic.is(); open {
		g.r.Errorf("light %s while the microphone is open", what)
	}
}

// call waits where the light hangs.
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

// kept is every sample that reached an encoder's segments, of one recording.
func (r *room) kept(i int) (all []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.encoders[i].segments {
		all = append(all, s...)
	}
	return all
}

// spoolHolds searches every byte on the spool.
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
