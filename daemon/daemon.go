package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"tacet/config"
	"tacet/daemon/capture"
	"tacet/daemon/consent"
	"tacet/daemon/disk"
	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/journal"
	"tacet/daemon/lamp"
	"tacet/daemon/mqtt"
	"tacet/daemon/readiness"
	"tacet/daemon/recording"
	"tacet/daemon/ring"
	"tacet/daemon/store"
	"tacet/daemon/take"
	"tacet/daemon/trust"
	"tacet/daemon/update"
	"tacet/daemon/wallclock"
)

// Options are what a program gives the daemon besides its configuration. The zero value is that of
// tacetd.
type Options struct {
	Log     *slog.Logger // its reader may be stuck: nobody waits for it
	Version string
	Boot    string // names this start; empty: made up
	// Dir is the unit's own folder, with its ledger: /var/lib/tacet if empty.
	Dir string
	// FS opens a folder; durable.OS over an os.Root if nil.
	FS func(dir string) (durable.FS, error)
	// Store makes the kinds of store that the configuration names; without it recordings stay on
	// the unit.
	Store StoreKind
	// Confirmed reads what somebody has confirmed at the unit, nil if there is nothing. Without it
	// nothing ever is.
	Confirmed func() (*trust.Confirmation, error)
	// Updates looks for a version that was installed since the start. Run ends for it: see Replaced.
	Updates func() update.Found
	// Rest is how long the unit must have been at rest before Run ends for a new version; ten
	// minutes if zero.
	Rest time.Duration
	// NewKey makes a recording's key pair; recording.NewKey if nil.
	NewKey func(ctx context.Context, recipients []string, comment string) (recording.Key, error)
}

// StoreKind makes the kind of store that a configuration asks for. A drive asks the judge whether
// it may be used.
type StoreKind func(config.Store, trust.Judge) store.Kind

// Daemon is the recorder of one room.
type Daemon struct {
	cfg     *config.Config
	hw      Hardware
	options Options
	log     *slog.Logger     // never waits for its reader
	journal *journal.Handler // behind log, if the daemon made it; nil: its maker flushes it

	events        chan any
	blocks        chan *ring.Block
	nudge         chan struct{} // wakes the owner: warnings or stores have changed
	gone          chan struct{} // closed when the owner has ended
	changed       chan struct{}
	last          atomic.Pointer[published]
	storesChanged atomic.Bool
	replaced      atomic.Bool // see Replaced
	warnings      *warnings
	ring          *ring.Ring
	takeSettings  take.Settings
	checker       *readiness.Checker

	// Everything below is the owner goroutine's.
	machine *consent.Machine
	inbox   []consent.Event
	hands   hands
	light   light
	status  *lamp.StatusDriver // nil: there is none
	tones   *tones             // nil: there is no buzzer
	mic     *capture.Mic
	take    *current // nil: there is none

	disk        *disk.Disk   // nil: not open yet
	copies      *disk.Copies // nil: not started yet
	checks      checks
	backlog     backlog
	updates     updates
	suspend     wallclock.SuspendWatch
	firstLookBy time.Time
	looked      bool // the first look is over
	shown       shown
	announcer   mqtt.Announcer

	ready    bool      // a recording could start
	stopBy   time.Time // zero: not stopping
	retiring bool      // to stop as soon as nothing is open
	fatal    error     // ends the process
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
	if o.Rest == 0 {
		o.Rest = restTime
	}
	if o.NewKey == nil {
		o.NewKey = recording.NewKey
	}
	if o.Boot == "" {
		o.Boot = recording.NewID()
	}
	d := &Daemon{
		cfg: cfg, hw: hw, options: o, log: o.Log, journal: ours,
		events:  make(chan any, queuedEvents),
		blocks:  make(chan *ring.Block, ring.Blocks),
		nudge:   make(chan struct{}, 1),
		gone:    make(chan struct{}),
		changed: make(chan struct{}, 1),
	}
	d.warnings = newWarnings(d.log, d.wake)
	for _, b := range cfg.Buttons {
		style := consent.Momentary
		if b.Style == "latching" {
			style = consent.Latching
		}
		d.hands.buttons = append(d.hands.buttons, consent.Button{
			Party: b.Party, Line: b.Line, Style: style, Debounce: b.Debounce,
		})
		d.hands.debounce = max(d.hands.debounce, b.Debounce)
	}
	inputs := len(cfg.Buttons)
	if cfg.Door != nil {
		inputs++
	}
	d.hands.levels = make([]bool, inputs)
	return d, nil
}

func openFolder(dir string) (durable.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return durable.OS(root), nil
}

// bytesPerSecond returns what a second of a recording takes on disk: sound, and about 2 KiB around
// it.
func bytesPerSecond(a config.Audio) int64 {
	sound := int64(a.Rate) * int64(a.Channels) * 2
	if a.Codec == "opus" {
		sound = int64(a.Bitrate) / 8
	}
	return sound + 2200
}

// wake wakes the owner. It may be called from any goroutine, and does not block.
func (d *Daemon) wake() {
	select {
	case d.nudge <- struct{}{}:
	default:
	}
}

// Ping returns nil once the owner goroutine has answered.
func (d *Daemon) Ping(ctx context.Context) error {
	p := ping{make(chan struct{})}
	select {
	case d.events <- p:
	case <-d.gone:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.answered:
		return nil
	case <-d.gone:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errEnded = errors.New("the daemon has ended")

// Retire makes Run return nil once no consent is given and nothing is open, so that a daemon with a
// new configuration can start.
func (d *Daemon) Retire() { d.post(retire{}) }

// ConfigRefused raises the warning that a new configuration can't be used; nil clears it.
func (d *Daemon) ConfigRefused(err error) { d.warnings.While(health.ConfigReloadFailed, err) }

// MemoryUnlocked raises the warning that what is said in the room may reach swap, because
// memory.Lock failed; nil clears it.
func (d *Daemon) MemoryUnlocked(err error) { d.warnings.While(health.MemoryUnlocked, err) }
