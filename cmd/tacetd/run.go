package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"tacet/audio"
	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/stores"
	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/journal"
	"tacet/daemon/memory"
	"tacet/daemon/take"
	"tacet/daemon/trust"
	"tacet/daemon/update"
	"tacet/daemon/wallclock"
	"tacet/hw"
)

var runCommand = cli.Command{
	Usage: "[-config F] [-state DIR] [-run DIR] [-confirmed FILE]",
	About: "run the recorder until SIGTERM",
	Run: func(env *cli.Env, args []string) error {
		f := env.Flags()
		var s service
		s.define(f)
		rest, err := env.Parse(f, args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return env.Usage("%q is no command", rest[0])
		}
		lines := journal.New(slog.NewTextHandler(env.Stderr, nil))
		defer lines.Flush(journal.Patience)
		s.log, s.open = slog.New(lines), hw.Open
		s.updates.Running = cli.Version
		return s.serve(env)
	},
}

// service is tacetd as systemd runs it.
type service struct {
	config, state, run string
	confirmed          string // root's file
	owner              int    // its owner's user id: 0 except in tests
	updates            update.Unit
	log                *slog.Logger
	open               func(context.Context, hw.Wiring) (*hw.Panel, error)
	stores             *stores.Maker
	unlocked           error // why its memory could not be locked; nil if it is
	refused            error // why the configuration file is not in use; nil if it is, or will be
}

// define defines the flags, whose defaults are the places of an installed unit.
func (s *service) define(f *flag.FlagSet) {
	f.StringVar(&s.config, "config", defaultConfig, "configuration `file`")
	f.StringVar(&s.state, "state", defaultState, "`folder` of the unit's ledger")
	f.StringVar(&s.run, "run", defaultRun, "`folder` in memory for status.json; need not exist")
	f.StringVar(&s.confirmed, "confirmed", defaultConfirmed, "root's `file` of what was confirmed at the unit")
}

// serve runs the service until SIGTERM, or until a new version is to be started.
func (s *service) serve(env *cli.Env) error {
	if err := harden(); err != nil {
		return err
	}
	s.unlocked = memory.Lock()
	daemon.TuneRuntime()
	// Before anything that takes time. A second SIGTERM while stopping must not kill.
	ctx, stop := signal.NotifyContext(env.Ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	cfg, err := load(s.config, s.state, s.warn)
	if err != nil {
		return err
	}
	s.keepSigned(cfg)
	s.log.Info("starting", "version", cli.Version, "hash", cfg.Hash())
	if s.stores, err = stores.New(ctx, s.log); err != nil {
		return err
	}
	return s.runDaemons(ctx, cfg, reload)
}

// runDaemons runs one daemon after another, one for each new configuration, until ctx ends.
func (s *service) runDaemons(ctx context.Context, cfg *config.Config, reload <-chan os.Signal) error {
	panel, err := s.panel(ctx, cfg)
	for err == nil {
		var next *config.Config
		next, err = s.runDaemon(ctx, cfg, panel, reload)
		closed := panel.Close()
		if err != nil || next == nil {
			return errors.Join(err, closed)
		}
		cfg, panel, err = s.reopen(ctx, cfg, next)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped while it waited for the lines: nothing is open
	}
	return err
}

// panel opens the hardware that the configuration names.
func (s *service) panel(ctx context.Context, cfg *config.Config) (*hw.Panel, error) {
	panel, err := s.open(ctx, wiring(cfg))
	if err != nil {
		return nil, cli.WithHint(err, "\"gpioinfo\" lists the lines; the service's user must be in the group gpio")
	}
	return panel, nil
}

// reopen opens the hardware for the next configuration, or, if that fails, for the old one.
func (s *service) reopen(ctx context.Context, old, next *config.Config) (*config.Config, *hw.Panel, error) {
	panel, err := s.panel(ctx, next)
	if err == nil {
		if next != old {
			s.log.Info("new configuration", "changed", config.Changed(old, next), "hash", next.Hash())
		}
		return next, panel, nil
	}
	if next == old || ctx.Err() != nil {
		return nil, nil, err
	}
	s.log.Error("new configuration refused: its lines can't be opened", "err", err)
	s.refused = errors.Join(fmt.Errorf("its lines can't be opened: %w", err), s.refused)
	panel, err = s.panel(ctx, old)
	return old, panel, err
}

// runDaemon runs one daemon. It returns nil when ctx ends, and when systemd is to start a new
// version. It returns the next configuration when the daemon has retired to make way for it; that
// may be cfg again.
func (s *service) runDaemon(ctx context.Context, cfg *config.Config, panel *hw.Panel,
	reload <-chan os.Signal) (next *config.Config, err error) {
	d, err := daemon.New(cfg, s.hardware(cfg, panel), daemon.Options{
		Log: s.log, Version: cli.Version, Dir: s.state, Store: s.stores.Kind(cfg),
		Confirmed: func() (*trust.Confirmation, error) { return trust.ReadConfirmation(s.confirmed, s.owner) },
		Updates:   s.updates.Look, Rest: s.rest(),
	})
	if err != nil {
		return nil, err
	}
	d.MemoryUnlocked(s.unlocked)
	d.ConfigRefused(s.refused) // the warning of the previous daemon went with it
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	reports := newReporter(s.run, s.log)
	defer reports.close()
	watchdog := newWatchdog()
	defer watchdog.stop()
	next = cfg
	for {
		select {
		case err := <-ended:
			if err != nil || ctx.Err() != nil || d.Replaced() {
				return nil, err
			}
			return next, nil
		case <-d.Changed():
			reports.report(d.Status())
		case <-watchdog.due:
			watchdog.ping(d)
		case <-reload:
			if next = s.reread(d, cfg, next); next != cfg {
				d.Retire()
			}
		}
	}
}

// reread reads the configuration again, and returns the one to go on with when this daemon has
// retired. The daemon may be retiring already, which can't be undone. So a file that can't be used
// leaves the accepted configuration, and a file that says the same as cfg brings back cfg.
func (s *service) reread(d *daemon.Daemon, cfg, accepted *config.Config) *config.Config {
	next, warnings, err := loadUnit(s.config, s.state)
	s.refused = err
	d.ConfigRefused(err)
	if err != nil {
		s.log.Error("new configuration refused", "err", err)
		return accepted
	}
	s.keepSigned(next)
	for _, w := range warnings {
		s.warn("%s", w)
	}
	if next.Hash() == cfg.Hash() {
		s.log.Info("the configuration has not changed")
		return cfg
	}
	s.log.Info("new configuration, waiting until nothing is being recorded")
	return next
}

// keepSigned keeps newly signed recipients. If it can't, the unit records all the same.
func (s *service) keepSigned(cfg *config.Config) {
	if err := keepSigned(cfg, s.state); err != nil {
		s.log.Warn("configuration", "err", err)
	}
}

// warn logs a doubtful setting.
func (s *service) warn(format string, args ...any) {
	s.log.Warn("configuration", "problem", fmt.Sprintf(format, args...))
}

// load reads the configuration. Its errors exit with 78, which keeps systemd from trying again.
func load(path, state string, warn func(format string, args ...any)) (*config.Config, error) {
	cfg, warnings, err := loadUnit(path, state)
	for _, w := range warnings {
		warn("%s", w)
	}
	if errs := (config.Errors)(nil); errors.As(err, &errs) && !errs.Unread() {
		err = cli.WithHint(err, "check a configuration at a desk with \"tacet check\"")
	}
	if err != nil {
		return nil, cli.Exit(cli.ExitConfig, err)
	}
	return cfg, nil
}

func (s *service) hardware(cfg *config.Config, panel *hw.Panel) daemon.Hardware {
	a := cfg.Audio
	h := daemon.Hardware{
		Buttons: panel.Buttons(), Light: panel.Light(),
		Microphone: audio.NewMic(a.Device, a.Rate, a.Channels, s.log), Clock: wallclock.System{},
		NewEncoder: func(id string) (take.Encoder, error) {
			return audio.NewEncoder(audio.Format{
				Codec: a.Codec, Rate: a.Rate, Channels: a.Channels, Bitrate: a.Bitrate, ID: id,
			})
		},
	}
	if cfg.StatusLight != nil {
		h.StatusLight = panel.StatusLight()
	}
	if cfg.Buzzer != nil {
		h.Buzzer = panel.Buzzer()
	}
	return h
}

// wiring returns the configured lines as hw takes them.
func wiring(cfg *config.Config) hw.Wiring {
	line := func(l *config.Line) *hw.Input {
		if l == nil {
			return nil
		}
		return &hw.Input{Line: l.Line, ActiveLow: l.ActiveLow()}
	}
	w := hw.Wiring{
		Door:  line(cfg.Door),
		Light: hw.Output{Line: cfg.Light.Line, ActiveLow: cfg.Light.Active == config.Low},
	}
	for _, b := range cfg.Buttons {
		w.Buttons = append(w.Buttons, hw.Input{Line: b.Line, ActiveLow: b.ActiveLow()})
	}
	if cfg.Light.Sense != "" {
		w.Sense = &hw.Input{Line: cfg.Light.Sense, ActiveLow: cfg.Light.SenseActive == config.Low}
	}
	if l := cfg.StatusLight; l != nil {
		w.Status = &hw.Output{Line: l.Line, ActiveLow: l.ActiveLow()}
	}
	if b := cfg.Buzzer; b != nil {
		w.Buzzer = &hw.Output{Line: b.Line, ActiveLow: b.ActiveLow()}
	}
	return w
}

var lightsOutCommand = cli.Command{
	Name: "lights-out", Usage: "[-config F]",
	About: "turn the lights and the buzzer off after a crash",
	Run: func(env *cli.Env, args []string) error {
		f := env.Flags()
		path := f.String("config", defaultConfig, "configuration `file`")
		if rest, err := env.Parse(f, args); err != nil {
			return err
		} else if len(rest) > 0 {
			return env.Usage("lights-out takes no arguments")
		}
		// A mistake elsewhere must not keep the light lit: it says that the microphone is open.
		cfg, err := config.LoadPanel(*path)
		if err != nil {
			return cli.Exit(cli.ExitConfig, err)
		}
		if err := hw.LightsOut(env.Ctx, wiring(cfg)); err != nil {
			return fmt.Errorf("lights out: %w", err)
		}
		return nil
	},
}
