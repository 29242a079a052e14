package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tacet/audio"
	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/diagnosis"
	"tacet/cmd/internal/diagnosis/host"
	"tacet/cmd/internal/diagnosis/mixer"
	"tacet/config"
	"tacet/daemon/memory"
	"tacet/daemon/wallclock"
)

var doctorCommand = cli.Command{
	Name: "doctor", Usage: "[-stop] [-json | -support | -wire] [-config F] [-run DIR] [-user NAME]",
	About: "try each part of the unit, and say what is wrong",
	Help: `
Tries memory, recipients, buttons, light, microphone, sound cards, spool, stores, broker, clock and
what the kernel tells of the machine, one by one. Prints "ok", "FAIL" or "not tried" for each, or a
tick, with the cause of each failure, what to do, and the command for it. The last line is the
verdict in one sentence.

Nothing is recorded: the microphone is open for twelve seconds, while the light is on, and no sample
is kept. Nothing is left behind in a store. At a terminal, doctor asks for each button to be pressed
and for somebody to speak, and shows the level meanwhile.

While the daemon is running, doctor does not touch the buttons, the light and the microphone. With
-stop it first stops the service, unless the unit is recording, and always starts it again. Run
doctor as root: it then tries everything in the sandbox of the service, as its user. Where systemd
doesn't run, it tries with the rights of that user.

With -json it prints one object. With -support it prints a file for whoever helps you, without
secrets, sound, names of recordings and times of day: tacetd doctor -support > support.txt. With
-wire it tries nothing, but shows the level of each input while you wire it, until Ctrl-C.

Exits with 0 if nothing failed, 1 if something did, 78 if the configuration can't be used.`,
	Run: runDoctor,
}

// doctorFlags are what the technician asks for.
type doctorFlags struct {
	stop, json, support, wire bool
	config, run, user         string
}

func parseDoctorFlags(env *cli.Env, args []string) (o doctorFlags, err error) {
	f := env.Flags()
	f.BoolVar(&o.stop, "stop", false, "stop the service for the test, and start it again")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.BoolVar(&o.support, "support", false, "print a file for whoever helps, without secrets")
	f.BoolVar(&o.wire, "wire", false, "show the inputs' levels, until Ctrl-C")
	f.StringVar(&o.config, "config", defaultConfig, "configuration `file`")
	f.StringVar(&o.run, "run", defaultRun, "`folder` of status.json")
	f.StringVar(&o.user, "user", "tacet", "the service's `user`")
	rest, err := env.Parse(f, args)
	switch {
	case err != nil:
		return o, err
	case len(rest) > 0:
		return o, env.Usage("doctor takes no arguments")
	case o.json && o.support || o.json && o.wire || o.support && o.wire:
		return o, env.Usage("of -json, -support and -wire, doctor takes one")
	}
	return o, nil
}

func runDoctor(env *cli.Env, args []string) error {
	o, err := parseDoctorFlags(env, args)
	if err != nil {
		return err
	}
	ctx, ignore := signal.NotifyContext(env.Ctx, syscall.SIGHUP)
	defer ignore()
	outer, ctx, err := connectOutside(ctx)
	if err != nil {
		return err
	}
	d := newDoctor(env, o)
	d.seen, d.hostSeen, d.help = outer.running(), outer.host(), outer.help()
	done, unreadable := d.prepare(ctx, outer != nil)
	if done {
		return unreadable
	}
	var restart func() error
	if o.stop {
		if d.lastReport, restart, err = outer.stopService(d.statusPath); err != nil {
			return err
		}
	}
	_ = memory.Lift() // needs root, so before dropPrivileges
	if outer != nil {
		d.report(ok, "sandbox", "all this is tried inside that of the service")
	}
	if unreadable != nil {
		d.failed("config", fix{"put it, and the files that it names, where the group tacet may read them: /etc/tacet",
			"ls -l " + diagnosis.Quote(filepath.Dir(d.path))}, "the service can't read it, but root can: %v", unreadable)
	} else if err = dropPrivileges(env, o.user); err == nil {
		err = d.look(ctx)
	}
	d.startAgain(restart)
	if o.wire || err != nil {
		return cmp.Or(err, unreadable)
	}
	d.found.Interrupted = ctx.Err() != nil
	return cmp.Or(ctx.Err(), d.print(ctx))
}

// look shows the inputs if that was asked for, and otherwise tries every part.
func (d *doctor) look(ctx context.Context) error {
	if d.flags.wire {
		return d.wire(ctx)
	}
	return d.tryAll(ctx)
}

// newDoctor returns a doctor for the real unit. What the configuration decides is set up by tryAll.
func newDoctor(env *cli.Env, o doctorFlags) *doctor {
	d := &doctor{env: env, flags: o, path: o.config, statusPath: filepath.Join(o.run, statusFile),
		clock: wallclock.System{},
		cards: audio.Cards, formats: audio.Offers, mixer: mixer.Read, lockLimit: lockLimit, host: host.Host{Root: "/"}}
	ticks := env.Screen() && diagnosis.Ticks(os.Getenv)
	switch {
	case o.json || o.wire:
	case o.support:
		d.found.Passed = func(f diagnosis.Finding) { env.Note("%s", f.Line(false)) }
	default:
		d.found.Passed = func(f diagnosis.Finding) { env.Printf("%s\n", f.Line(ticks)) }
	}
	return d
}

// startAgain starts the service that was stopped.
func (d *doctor) startAgain(restart func() error) {
	switch {
	case restart != nil:
		if err := restart(); err != nil {
			d.failed("service", fix{"see why", "systemctl status " + serviceName}, "%v", err)
			if d.flags.wire {
				d.env.Warn("%v", err)
			}
		} else {
			d.report(ok, "service", "stopped for the test, and started again")
		}
	case d.flags.stop:
		d.report(absent, "service", "it was not running, so it is not started")
	}
}

// reportBadConfig reports what can be said without a configuration. To write one, one needs the
// names of the sound cards.
func (d *doctor) reportBadConfig(err error) {
	check := fix{"correct it", "tacet check " + diagnosis.Quote(d.path)}
	var problems config.Errors
	if !errors.As(err, &problems) {
		d.failed("config", check, "%v", err)
	}
	for _, p := range problems {
		check.remedy = p.Instead
		d.failed("config", check, "%s: %s", p.Where(), p.Text())
	}
	d.listCards()
}

// print prints the verdict or, if that was asked for, the object or the file for help. It returns
// the error for the exit code if anything failed.
func (d *doctor) print(ctx context.Context) error {
	var err error
	switch {
	case d.flags.json:
		err = d.env.PrintJSON(d.document())
	case d.flags.support:
		err = d.writeHelp(ctx)
	default:
		err = d.env.Printf("%s\n%s\n", d.found.Counts(), d.found.Verdict())
	}
	if err == nil && d.found.Count(diagnosis.Failed) > 0 {
		err = cli.Exit(cli.ExitFailed, nil)
	}
	return err
}

// document is the report for a program.
func (d *doctor) document() diagnosis.Document {
	all := d.found.Document()
	all.Version, all.Time, all.Listening = cli.Version, d.clock.Now().UTC(), d.heard
	if d.cfg != nil {
		all.Site, all.Room = d.cfg.Room.Site, d.cfg.Room.ID
	}
	return all
}
