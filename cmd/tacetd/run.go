package main

import (
	"context"
	"errors"
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
	"tacet/daemon/wallclock"
	"tacet/hw"
)

var runCommand = cli.Command{
	Usage: "[-config F] [-state DIR] [-run DIR] [-confirmed FILE]",
	About: "run the recorder until SIGTERM",
	Run: func(env *cli.Env, args []string) error {
		f := env.Flags()
		var s service
		f.StringVar(&s.config, "config", usualConfig, "configuration `file`")
		f.StringVar(&s.state, "state", usualState, "`folder` of the unit's ledger")
		f.StringVar(&s.run, "run", usualRun, "`folder` in memory, for status.json; need not exist")
		f.StringVar(&s.confirmed, "confirmed", usualConfirmed, "root's `file` of what somebody has confirmed at the unit")
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
		return s.serve(env)
	},
}

// service is tacetd as systemd runs it.
type service struct {
	config, state, run string
	confirmed          string // root's file
	owner              int    // whose it must be: 0, but in tests
	log                *slog.Logger
	open               func(context.Context, hw.Wiring) (*hw.Panel, error)
	stores             *stores.Maker
	unlocked           error // why its memory could not be locked
	refused            error // why the configuration that lies there is not in use; nil: it is, or will be
}

// serve runs the service until SIGTERM.
func (s *service) serve(env *cli.Env) error {
	if err := harden(); err != nil {
		return err
	}
	s.unlocked = memory.Lock()
	daemon.Frugal()
	// Before all that takes time. Another SIGTERM while stopping is not a second signal to die of.
	ctx, stop := signal.NotifyContext(env.Ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	cfg, err := load(s.config, s.state, s.warn)
	if err != nil {
		return err
	}
	s.keep(cfg)
	s.log.Info("starting", "version", cli.Version, "hash", cfg.Hash())
	if s.stores, err = stores.New(ctx, s.log); err != nil {
		return err
	}
	return s.lives(ctx, cfg, reload)
}

// lives runs one daemon after another, a new one for each new configuration, until ctx ends.
func (s *service) lives(ctx context.Context, cfg *config.Config, reload <-chan os.Signal) error {
	panel, err := s.panel(ctx, cfg)
	for err == nil {
		var next *config.Config
		next, err = s.life(ctx, cfg, panel, reload)
		closed := panel.Close()
		if err != nil || next == nil {
			return errors.Join(err, closed)
		}
		cfg, panel, err = s.change(ctx, cfg, next)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop while it waited for the lines: nothing is open
	}
	return err
}

// panel opens the hardware as the configuration has it.
func (s *service) panel(ctx context.Context, cfg *config.Config) (*hw.Panel, error) {
	panel, err := s.open(ctx, wiring(cfg))
	if err != nil {
		return nil, cli.WithHint(err, "\"gpioinfo\" lists the lines that there are; the service's user must be in the group gpio")
	}
	return panel, nil
}

// change opens the hardware as the next configuration has it, or again as the old one had it.
func (s *service) change(ctx context.Context, old, next *config.Config) (*config.Config, *hw.Panel, error) {
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

// life is one daemon's, until it is told to stop (next is nil), or has made room for the next
// configuration; that may be its own.
func (s *service) life(ctx context.Context, cfg *config.Config, panel *hw.Panel,
	reload <-chan os.Signal) (next *config.Config, err error) {
	d, err := daemon.New(cfg, s.hardware(cfg, panel), daemon.Options{
		Log: s.log, Version: cli.Version, Dir: s.state, Store: s.stores.Kind(cfg),
		Confirmed: func() (*trust.Confirmation, error) { return trust.ReadConfirmation(s.confirmed, s.owner) },
	})
	if err != nil {
		return nil, err
	}
	d.MemoryUnlocked(s.unlocked)
	d.ConfigRefused(s.refused) // the daemon before has taken its warning along
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
			if err != nil || ctx.Err() != nil {
				return nil, err
			}
			return next, nil
		case <-d.Changed():
			reports.report(d.Status())
		case <-watchdog.due:
			watchdog.feed(d)
		case <-reload:
			if next = s.reread(d, cfg, next); next != cfg {
				d.Retire()
			}
		}
	}
}

// reread reads the configuration anew, and returns which to go on with when this daemon has made
// room; it may be about to, and can't be called back. So a file that can't be used leaves what was
// accepted before, and one that says the same as cfg brings cfg again.
func (s *service) reread(d *daemon.Daemon, cfg, accepted *config.Config) *config.Config {
	next, warnings, err := loadUnit(s.config, s.state)
	s.refused = err
	d.ConfigRefused(err)
	if err != nil {
		s.log.Error("new configuration refused", "err", err)
		return accepted
	}
	s.keep(next)
	for _, w := range warnings {
		s.warn("%s", w)
	}
	if next.Hash() == cfg.Hash() {
		s.log.Info("the configuration has not changed")
		return cfg
	}
	s.log.Info("new configuration, as soon as nothing is being recorded")
	return next
}

// keep keeps recipients that are good. Without that the unit records all the same.
func (s *service) keep(cfg *config.Config) {
	if err := keep(cfg, s.state); err != nil {
		s.log.Warn("configuration", "err", err)
	}
}

// warn says what is doubtful in the configuration.
func (s *service) warn(format string, args ...any) {
	s.log.Warn("configuration", "problem", fmt.Sprintf(format, args...))
}

// load reads the configuration; its errors exit with 78, which tells systemd not to try again.
func load(path, state string, warn func(format string, args ...any)) (*config.Config, error) {
	cfg, warnings, err := loadUnit(path, state)
	for _, w := range warnings {
		warn("%s", w)
	}
	if errs := (config.Errors)(nil); errors.As(err, &errs) && !errs.Unread() {
		err = cli.WithHint(err, "\"tacet check\" checks a configuration at a desk")
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
			return audio.NewEncoder(audio.Format{Codec: a.Codec, Rate: a.Rate, Channels: a.Channels, Bitrate: a.Bitrate, ID: id})
		},
	}
	if cfg.StatusLight != nil {
		h.StatusLight = panel.StatusLight()
	}
	return h
}

// wiring is the configuration's, as hw has it.
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
	return w
}

var lightsOutCommand = cli.Command{
	Name: "lights-out", Usage: "[-config F]",
	About: "drive the lights dark, after a crash",
	Run: func(env *cli.Env, args []string) error {
		f := env.Flags()
		path := f.String("config", usualConfig, "configuration `file`")
		if rest, err := env.Parse(f, args); err != nil {
			return err
		} else if len(rest) > 0 {
			return env.Usage("lights-out takes no arguments")
		}
		cfg, _, err := loadUnit(*path, usualState)
		if err != nil {
			return cli.Exit(cli.ExitConfig, err)
		}
		if err := hw.LightsOut(env.Ctx, wiring(cfg)); err != nil {
			return fmt.Errorf("lights out: %w", err)
		}
		return nil
	},
}
