package main

import (
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tacet/audio"
	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/stores"
	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/memory"
	"tacet/daemon/spool"
	"tacet/daemon/wallclock"
	"tacet/hw"
)

var doctorCommand = cli.Command{
	Name: "doctor", Usage: "[-stop] [-config F] [-run DIR] [-user NAME]",
	About: "try each part of the unit, and say what is wrong",
	Help: `
Tries memory, recipients, buttons, light, microphone, sound cards, spool, stores, broker and clock,
one by one. Prints "ok", "FAIL" or "not tried" for each, and what to do.

Nothing is recorded: the microphone is open for twelve seconds, while the light is on, and no sample
is kept. Nothing is left behind in a store. At a terminal, doctor asks for each button to be pressed.

While the daemon is running, doctor does not touch the buttons, the light and the microphone. With
-stop it first stops the service, unless the unit is recording, and always starts it again. Run
doctor as root: it then tries everything in the sandbox of the service, as its user. Where systemd
doesn't run, it tries with the rights of that user.

Exits with 0 if nothing failed, 1 if something did, 78 if the configuration can't be used.`,
	Run: runDoctor,
}

func runDoctor(env *cli.Env, args []string) error {
	f := env.Flags()
	stop := f.Bool("stop", false, "stop the service for the test, and start it again")
	path := f.String("config", defaultConfig, "configuration `file`")
	run := f.String("run", defaultRun, "`folder` of status.json")
	name := f.String("user", "tacet", "the service's `user`")
	if rest, err := env.Parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return env.Usage("doctor takes no arguments")
	}
	ctx, ignore := signal.NotifyContext(env.Ctx, syscall.SIGHUP)
	defer ignore()
	d := &doctor{env: env, statusPath: filepath.Join(*run, statusFile), clock: wallclock.System{},
		cards: audio.Cards, formats: audio.Offers, lockLimit: lockLimit}
	outer, ctx, err := connectOutside(ctx)
	if err != nil {
		return err
	}
	d.seen = outer.running()
	done, unreadable := d.prepare(ctx, *path, *name, *stop, outer != nil)
	if done {
		return unreadable
	}
	var restart func() error
	if *stop {
		if d.lastReport, restart, err = outer.stopService(d.statusPath); err != nil {
			return err
		}
	}
	_ = memory.Lift() // needs root, so before dropPrivileges
	if outer != nil {
		d.report(ok, "sandbox", "all this is tried inside that of the service")
	}
	if unreadable != nil {
		d.report(failed, "config", "the service can't read it, but root can: %v; put it, and the files that it names, "+
			"into /etc/tacet, where the group tacet may read them", unreadable)
	} else if err = dropPrivileges(env, *name); err == nil {
		err = d.tryAll(ctx, *path)
	}
	return d.finish(ctx, *stop, restart, err)
}

// finish starts the service again if it was stopped, and prints the verdict unless doctor could not
// go on.
func (d *doctor) finish(ctx context.Context, stop bool, restart func() error, err error) error {
	switch {
	case restart != nil:
		if err := restart(); err != nil {
			d.report(failed, "service", "%v", err)
		} else {
			d.report(ok, "service", "stopped for the test, and started again")
		}
	case stop:
		d.report(untried, "service", "it was not running, so it is not started")
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = d.verdict()
	}
	return err
}

// doctor tries one part of the unit after another.
type doctor struct {
	env        *cli.Env
	cfg        *config.Config
	statusPath string

	openPanel func(context.Context) (*hw.Panel, error)
	mic       microphone
	cards     func() ([]audio.Card, error)
	formats   func(ctx context.Context, device string) (string, error) // what a PCM supports
	storeKind daemon.StoreKind
	clock     wallclock.Clock
	lockLimit func(context.Context) (string, error) // how much memory the service may lock

	seen       *report // of the running daemon, as seen from outside of the sandbox; nil in all other cases
	lastReport *report // of the daemon, even if doctor has stopped it; nil if there is none

	running  string    // names the running daemon; "" if none runs
	reported string    // what it reports about its hardware; "" if it reports nothing
	warnings []warning // what it warns of
	lock     *spool.Held
	lockErr  error
	count    [3]int // by outcome
}

// tryAll sets up the real hardware and tries every part.
func (d *doctor) tryAll(ctx context.Context, path string) error {
	if err := harden(); err != nil {
		return err
	}
	// For the samples that are measured here. lockLimit looks at what the service may lock.
	_ = memory.Lock()
	// Read it again: root may read what the service may not.
	if _, _, err := config.Load(path); err != nil {
		d.report(failed, "config", "%v", err)
	} else {
		d.report(ok, "config", "%s is valid, for %s/%s", path, d.cfg.Room.Site, d.cfg.Room.ID)
	}
	log := slog.New(slog.DiscardHandler)
	maker, err := stores.New(ctx, log)
	if err != nil {
		return err
	}
	a := d.cfg.Audio
	d.storeKind = maker.Kind(d.cfg)
	d.openPanel = func(ctx context.Context) (*hw.Panel, error) { return hw.Open(ctx, wiring(d.cfg)) }
	d.mic = audio.NewMic(a.Device, a.Rate, a.Channels, log)
	d.tryParts(ctx)
	return nil
}

// tryParts tries every part in order, until ctx ends.
func (d *doctor) tryParts(ctx context.Context) {
	d.findDaemon(ctx)
	if d.lock != nil {
		defer d.lock.Close()
	}
	for _, try := range []func(context.Context){d.memory, d.recipients, d.trust, d.panel, d.spool, d.stores,
		d.broker, d.systemTime} {
		if ctx.Err() == nil {
			try(ctx)
		}
	}
}

// findDaemon finds out whether a daemon is running. If none is, it takes the spool's lock, so that
// none starts meanwhile.
func (d *doctor) findDaemon(ctx context.Context) {
	r := d.seen
	if r == nil {
		r, _ = readReport(d.statusPath)
	}
	if r != nil {
		d.lastReport, d.running = r, fmt.Sprintf("the running daemon (process %d)", r.PID)
		d.warnings = r.Warnings
		d.reported = fmt.Sprintf("microphone %s, light %s", r.Mic, r.Light)
		return
	}
	d.lockSpool(ctx)
}

// outcome is what came of trying a part.
type outcome int

const (
	ok outcome = iota
	failed
	untried
)

// report prints one line about a part.
func (d *doctor) report(o outcome, part, format string, args ...any) {
	d.count[o]++
	text := strings.ReplaceAll(part+": "+fmt.Sprintf(format, args...), "\n", "; ")
	d.env.Printf("%-10s %s\n", [...]string{"ok", "FAIL", "not tried"}[o], text)
}

// fail reports why a part failed, or that it was interrupted.
func (d *doctor) fail(ctx context.Context, part string, err error) {
	if ctx.Err() != nil {
		d.report(untried, part, "interrupted")
	} else {
		d.report(failed, part, "%s", strings.TrimPrefix(err.Error(), part+" "))
	}
}

// verdict prints the counts. It returns an error if any part failed.
func (d *doctor) verdict() error {
	d.env.Printf("%d tried: %d ok, %d failed; %d not tried\n", d.count[ok]+d.count[failed], d.count[ok],
		d.count[failed], d.count[untried])
	if d.count[failed] > 0 {
		return cli.Exit(cli.ExitFailed, nil)
	}
	return nil
}

const (
	diskTimeout    = 10 * time.Second
	networkTimeout = 20 * time.Second
	// graceTime is how much longer than its timeout a part may take to say what it waited for.
	graceTime = time.Second
)

// try runs f, which may hang, and reports the text or the error that it returns. It reports whether
// f succeeded.
func (d *doctor) try(ctx context.Context, part string, limit time.Duration,
	f func(context.Context) (string, error)) bool {
	text, err := within(ctx, limit, f)
	if err != nil {
		d.fail(ctx, part, err)
	} else {
		d.report(ok, part, "%s", text)
	}
	return err == nil
}

// within runs f, and gives up on it if it does not return in time: a system call may hang for ever.
func within(ctx context.Context, limit time.Duration,
	f func(context.Context) (string, error)) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := f(ctx)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.text, r.err
	case <-time.After(graceTime):
		return "", fmt.Errorf("no answer in %v: it hangs", limit)
	}
}
