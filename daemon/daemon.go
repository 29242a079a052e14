package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"tacet/audio/monitor"
	"tacet/config"
	"tacet/daemon/consent"
	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/journal"
	"tacet/daemon/recording"
	"tacet/daemon/store"
)

const (
	// queuedEvents bounds what the owner has not come to. Whoever posts waits.
	queuedEvents = 64
	// keyTime is what the child that makes a recording's key may take.
	keyTime = 10 * time.Second
	// stopTime is what a stop may take: the rest of the recording has to reach the disk.
	stopTime = 20 * time.Second
	// probeEnds is how long the end waits for a look at a disk that does not answer.
	probeEnds = 2 * time.Second
	// heldTime is how long a button may be held before it counts as stuck.
	heldTime = time.Minute
	// firstLook is how long the first look at card, disk, lines and light may take before something
	// is said of the unit all the same.
	firstLook = 5 * time.Second
	// darkTime is how long the lights are waited for at the end.
	darkTime = time.Second
	// farWake is when the owner looks again at the latest, with nothing to do.
	farWake = 10 * time.Second
)

// Options are what a program gives the daemon beside its configuration. The zero value is that of
// tacetd.
type Options struct {
	Log     *slog.Logger // its reader may stop reading: nobody waits for it
	Version string
	Boot    string // names this start; made up where empty
	// Dir is the unit's own folder, where its ledger lies: /var/lib/tacet
	Dir string
	// FS opens a folder; durable.OS over an os.Root where nil.
	FS func(dir string) (durable.FS, error)
	// Store makes the kinds of store that the configuration names; without it recordings stay on
	// the unit.
	Store StoreKind
	// Confirmed reads what somebody has confirmed at the unit, nil where there is nothing; without
	// it nothing ever is.
	Confirmed func() (*Confirmation, error)
	// NewKey makes a recording's key pair; recording.NewKey where nil.
	NewKey func(ctx context.Context, recipients []string, comment string) (recording.Key, error)
}

// Daemon is the recorder of one room.
type Daemon struct {
	cfg      *config.Config
	settings consent.Settings
	hw       Hardware
	o        Options
	log      *slog.Logger     // never waits for its reader
	journal  *journal.Handler // where log is of the daemon's making; nil: whoever gave it flushes it

	buttons        int           // the inputs behind them are contacts
	debounce       time.Duration // the longest of the buttons'
	bytesPerSecond int64         // of a recording's file, about

	events    chan event
	blocks    chan *block
	nudge     chan struct{} // warnings have changed
	gone      chan struct{} // closed when the owner has gone
	ring      *ring
	health    *health.Tracker
	prober    *prober
	warned    atomic.Uint64 // counts the changes of what is up
	published atomic.Pointer[Status]
	storesNew atomic.Bool // the stores may have something new to say
	changed   chan struct{}

	// All below is the owner goroutine's.
	machine     *consent.Machine
	inbox       []consent.Event
	levels      []bool // of the lines, as the machine knows them
	lines       lineReader
	linesKnown  bool      // they have been read since the start
	linesSettle time.Time // since start: before, no press can give
	readFailing time.Time // since when the lines can't be read
	contrary    time.Time // since when their levels have not been what their edges say
	watchErr    error     // why nobody watches the buttons any more
	lamp        *lamp
	light       lightState
	lightKnown  bool          // it has been driven dark since the start
	statusLamp  *statusLamp   // nil: there is none
	statusLight string        // what it was last driven to
	asleep      time.Duration // how long the machine had been suspended when last looked
	firstLookBy time.Time
	looked      bool // the first look is over
	mic         microphone
	meter       monitor.Meter
	gaps        *monitor.Gaps
	heldRetry   time.Time // not before this is the hold-back looked at again
	recorder    *recorder
	disk        *disk
	copies      *copies
	stores      []store.Status // as last looked at
	pending     int            // recordings that some store still has to get
	oldest      store.Since    // since when the first of them has waited
	free        time.Duration  // room on it, as recording time
	freeTold    *float64       // as it was told last, in hours
	probeAt     time.Time      // when the prober last said something
	probeKnown  bool           // it has said something
	micKnown    bool           // whether the card is there can be told without opening it
	synced      bool           // the wall clock is, when last looked
	warnings    []health.Active
	upAsOf      uint64 // of warned
	teller      teller
	ready       bool
	since       time.Time
	stopBy      time.Time // zero: not told to stop
	retiring    bool      // to stop as soon as nothing is open
	fatal       error
}

// New makes a daemon. Its hardware is not touched before Run.
func New(cfg *config.Config, hw Hardware, o Options) (*Daemon, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	var ours *journal.Handler
	if j := journal.New(o.Log.Handler()); j != o.Log.Handler() {
		ours, o.Log = j, slog.New(j)
	}
	if o.Dir == "" {
		o.Dir = "/var/lib/tacet"
	}
	if o.FS == nil {
		o.FS = openFolder
	}
	if o.NewKey == nil {
		o.NewKey = recording.NewKey
	}
	if o.Boot == "" {
		o.Boot = recording.NewID()
	}
	d := &Daemon{
		cfg: cfg, hw: hw, o: o, log: o.Log, journal: ours,
		settings: consent.Settings{Max: cfg.Consent.Max, Quiet: cfg.Consent.Quiet},
		buttons:  len(cfg.Buttons),
		events:   make(chan event, queuedEvents),
		blocks:   make(chan *block, ringBlocks),
		nudge:    make(chan struct{}, 1),
		gone:     make(chan struct{}),
		health:   health.NewTracker(),
		changed:  make(chan struct{}, 1),
		lines:    lineReader{ask: make(chan struct{}, 1)},
		levels:   make([]bool, len(cfg.Buttons), len(cfg.Buttons)+1),
	}
	for _, b := range cfg.Buttons {
		style := consent.Momentary
		if b.Style == "latching" {
			style = consent.Latching
		}
		d.settings.Buttons = append(d.settings.Buttons, consent.Button{
			Party: b.Party, Line: b.Line, Style: style, Debounce: b.Debounce,
		})
		d.debounce = max(d.debounce, b.Debounce)
	}
	if cfg.Door != nil {
		d.levels = append(d.levels, false)
	}
	d.bytesPerSecond = fileRate(cfg.Audio)
	d.health.OnChange(func() {
		d.warned.Add(1)
		select {
		case d.nudge <- struct{}{}:
		default:
		}
	})
	return d, nil
}

// fileRate is what a second of a recording takes on disk: sound, and about 2 KiB around it.
func fileRate(a config.Audio) int64 {
	sound := int64(a.Rate) * int64(a.Channels) * 2
	if a.Codec == "opus" {
		sound = int64(a.Bitrate) / 8
	}
	return sound + 2200
}

// Run is the daemon's life: it returns nil after ctx has ended and all is closed as it should be,
// and an error when the process has to end, with the microphone perhaps open.
func (d *Daemon) Run(ctx context.Context) error {
	if d.journal != nil {
		defer d.journal.Flush(journal.Patience) // a reader that takes nothing must not keep the process
	}
	var err error
	if d.ring, err = newRing(d.cfg.Audio.Rate, d.cfg.Audio.Channels); err != nil {
		return err
	}
	defer close(d.gone)
	now := time.Now()
	d.machine = consent.New(d.settings, now)
	d.since, d.probeAt = now, now
	d.firstLookBy = now.Add(firstLook)
	d.synced, d.asleep = d.hw.Clock.Synced(), d.hw.Clock.Suspended()

	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go d.readLines(work)
	d.lamp = newLamp(d.hw.Light, d.post)
	d.show(glowOff, false)
	go d.lamp.run(work)
	if d.hw.StatusLight != nil {
		d.statusLamp = newStatusLamp(d.hw.StatusLight)
		go d.statusLamp.run(work, d.post)
	}
	d.prober = newProber(d)
	probe, stopProbing := context.WithCancel(work)
	defer stopProbing()
	probed := make(chan struct{})
	go func() { defer close(probed); d.prober.run(probe) }()

	told := make(chan struct{})
	go func() { defer close(told); d.tell(work) }()

	fatal := d.own(ctx)
	if d.recorder != nil && d.recorder.items != nil { // what it was given goes to the disk; the next start closes it
		close(d.recorder.items)
	}
	stopProbing()
	if fatal == nil { // whoever opens the disk next must not find it held
		select {
		case <-probed: // perhaps with a disk that nobody was there to take any more
			d.disk, d.copies = d.prober.disk, d.prober.copies
		case <-time.After(probeEnds):
		}
	}
	err = errors.Join(fatal, d.shutDown(fatal))
	cancel()
	<-told
	if fatal == nil { // nothing is open any more that could touch it
		err = errors.Join(err, d.ring.close())
	}
	return err
}

// shutDown leaves the unit as it should be found. After a fatal error the light stays as it is: the
// microphone may be open until the process has gone.
func (d *Daemon) shutDown(fatal error) error {
	if d.hw.StatusLight != nil {
		within(darkTime, d.hw.StatusLight.Off)
	}
	if fatal != nil {
		return nil
	}
	within(darkTime, d.hw.Light.Off)
	if d.copies != nil {
		d.copies.stop()
	}
	if d.disk != nil {
		return d.disk.close()
	}
	return nil
}

// within calls what may hang, and waits no longer.
func within(limit time.Duration, call func() error) {
	done := make(chan struct{})
	go func() { defer close(done); _ = call() }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// Ping returns nil when the owner goroutine has answered.
func (d *Daemon) Ping(ctx context.Context) error {
	p := ping{make(chan struct{})}
	select {
	case d.events <- p:
	case <-d.gone:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.answered:
		return nil
	case <-d.gone:
		return errGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errGone = errors.New("the daemon has ended")

// Retire has Run return nil as soon as nothing is given and nothing open, so that another daemon
// can go on with a new configuration.
func (d *Daemon) Retire() { d.post(retire{}) }

// Changed is sent to, without waiting, whenever Status has changed.
func (d *Daemon) Changed() <-chan struct{} { return d.changed }

// ConfigRefused puts up, or with nil takes down, the warning that a new configuration could not be
// used.
func (d *Daemon) ConfigRefused(err error) { d.set(health.ConfigReloadFailed, err) }
