package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tacet/audio"
	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/diagnosis"
	"tacet/cmd/internal/diagnosis/host"
	"tacet/cmd/internal/diagnosis/mixer"
	"tacet/cmd/internal/stores"
	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/memory"
	"tacet/daemon/spool"
	"tacet/daemon/wallclock"
	"tacet/hw"
)

// doctor tries one part of the unit after another.
type doctor struct {
	env        *cli.Env
	flags      doctorFlags
	path       string         // of the configuration
	cfg        *config.Config // nil if it can't be used
	statusPath string

	openPanel func(context.Context) (*hw.Panel, error)
	mic       microphone
	cards     func() ([]audio.Card, error)
	formats   func(ctx context.Context, device string) (string, error) // what a PCM supports
	mixer     func(ctx context.Context, mixer string) ([]mixer.Control, error)
	host      host.Host
	storeKind daemon.StoreKind
	clock     wallclock.Clock
	lockLimit func(context.Context) (string, error) // how much memory the service may lock

	seen       *report             // of the running daemon, as seen from outside of the sandbox; nil in all other cases
	hostSeen   []diagnosis.Finding // what the kernel told outside of the sandbox; nil: look here
	lastReport *report             // of the daemon, even if doctor has stopped it; nil if there is none

	running  string    // names the running daemon; "" if none runs
	reported string    // what it reports about its hardware; "" if it reports nothing
	warnings []warning // what it warns of
	lock     *spool.Held
	lockErr  error
	found    diagnosis.Report
	heard    *diagnosis.Listening // nil if the microphone was not opened
	help     *help                // nil unless a file for help is asked for
}

// tryAll sets up the real hardware and tries every part.
func (d *doctor) tryAll(ctx context.Context) error {
	if err := harden(); err != nil {
		return err
	}
	// For the samples that are measured here. lockLimit looks at what the service may lock.
	_ = memory.Lock()
	// Read it again: root may read what the service may not.
	if _, _, err := config.Load(d.path); err != nil {
		d.failed("config", fix{"let the service's user read it and the files that it names",
			"ls -l " + diagnosis.Quote(filepath.Dir(d.path))}, "%v", err)
	} else {
		d.report(ok, "config", "%s is valid, for %s/%s", d.path, d.cfg.Room.Site, d.cfg.Room.ID)
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
	for _, try := range []func(context.Context){d.service, d.memory, d.machine, d.recipients, d.trust, d.panel,
		d.spool, d.stores, d.broker, d.systemTime} {
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

// service reports what the running daemon says of itself.
func (d *doctor) service(context.Context) {
	switch {
	case d.running == "" || d.reported == "" || d.lastReport.Phase == "":
	case d.lastReport.Phase == "fault":
		why := "it doesn't say why"
		if len(d.warnings) > 0 {
			why = d.warnings[0].Message
		}
		d.failed("service", fix{"see what else it reports", "tacetd status"}, "%s can't record: %s", d.running, why)
	default:
		d.report(ok, "service", "%s reports that it can record", d.running)
	}
}

const (
	ok      = diagnosis.OK
	untried = diagnosis.Untried
	absent  = diagnosis.Absent
)

// fix is what to do about a failure, and the command for it, which may be "".
type fix struct{ remedy, command string }

// report reports a part that did not fail.
func (d *doctor) report(o diagnosis.Outcome, part, format string, args ...any) {
	d.found.Add(diagnosis.Finding{Part: part, Outcome: o, Text: fmt.Sprintf(format, args...)})
}

// failed reports why a part failed.
func (d *doctor) failed(part string, f fix, format string, args ...any) {
	d.found.Add(diagnosis.Finding{Part: part, Outcome: diagnosis.Failed, Text: fmt.Sprintf(format, args...),
		Remedy: f.remedy, Command: f.command})
}

// fail reports the error of a part, or that it was interrupted. Some errors end with a remedy of
// their own, which is better than f's.
func (d *doctor) fail(ctx context.Context, part string, err error, f fix) {
	if ctx.Err() != nil {
		d.report(untried, part, "interrupted")
		return
	}
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), part+" "), "\n", "; ")
	if cause, own, ok := strings.Cut(text, "; "); ok {
		text, f.remedy = cause, own
	}
	if file, ok := d.fileFix(err); ok {
		f = file
	}
	d.failed(part, f, "%s", text)
}

// fileFix is what to do about a file that the configuration names, and that is missing or closed to
// the service. ok is false for any other error.
func (d *doctor) fileFix(err error) (f fix, ok bool) {
	var e *fs.PathError
	if d.cfg == nil || !errors.As(err, &e) ||
		!slices.ContainsFunc(d.cfg.NamedFiles(), func(n config.NamedFile) bool { return n.Name == e.Path }) {
		return fix{}, false
	}
	f.command = "ls -l " + diagnosis.Quote(e.Path)
	switch {
	case errors.Is(e, fs.ErrNotExist):
		f.remedy = "put the file there, or correct the name in the configuration"
	case errors.Is(e, fs.ErrPermission):
		f.remedy = "let the service's user read the file: its group is to be tacet, and its mode 0640"
	default:
		return fix{}, false
	}
	return f, true
}

const (
	diskTimeout    = 10 * time.Second
	networkTimeout = 20 * time.Second
	// graceTime is how much longer than its timeout a part may take to say what it waited for.
	graceTime = time.Second
)

// try runs f, which may hang, and reports the text or the error that it returns, with what to do
// about an error. It reports whether f succeeded.
func (d *doctor) try(ctx context.Context, part string, limit time.Duration, remedy fix,
	f func(context.Context) (string, error)) bool {
	text, err := within(ctx, limit, f)
	if err != nil {
		d.fail(ctx, part, err, remedy)
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
