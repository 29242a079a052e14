package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tacet/audio"
	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/stores"
	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/health"
	"tacet/daemon/memory"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
	"tacet/daemon/store"
	"tacet/daemon/wallclock"
	"tacet/hw"
)

var doctorCommand = cli.Command{
	Name: "doctor", Usage: "[-stop] [-config F] [-run DIR] [-user NAME]",
	About: "try each part of the unit, and say what is wrong",
	Help: `
Says "ok", "FAIL" or "not tried" of each part, one by one, and what to do: memory, recipients, buttons, light, microphone, sound cards, spool,
stores, broker, clock. Nothing is recorded: the microphone is open for twelve seconds while the light is on, and no sample is kept. Nothing
is left behind in a store. At a terminal it asks for each button to be pressed. Beside a running daemon it doesn't touch
buttons, light and microphone; with -stop it stops the service first and starts it again in the end, however it ends, but not
while the unit records. Run it as root: it then tries with the rights of the service's user.

Exits with 0 if nothing failed, 1 if something did, 78 if the configuration can't be used.`,
	Run: func(env *cli.Env, args []string) error {
		f := env.Flags()
		stop := f.Bool("stop", false, "stop the service for the test, and start it again")
		path := f.String("config", usualConfig, "configuration `file`")
		run := f.String("run", usualRun, "`folder` of status.json")
		name := f.String("user", "tacet", "the service's `user`")
		if rest, err := env.Parse(f, args); err != nil {
			return err
		} else if len(rest) > 0 {
			return env.Usage("doctor takes no arguments")
		}
		ctx, done := signal.NotifyContext(env.Ctx, syscall.SIGHUP)
		defer done()
		d := &doctor{env: env, status: filepath.Join(*run, statusFile), clock: wallclock.System{}, cards: audio.Cards,
			offers: audio.Offers, lockLimit: lockLimit}
		var err error
		if d.cfg, err = load(*path, usualState, env.Warn); err != nil {
			d.listCards() // whoever writes it needs them
			return err
		}
		d.report, _ = readReport(d.status) // before the service stops, and with it what it says
		var start func() error
		if *stop {
			if start, err = stopService(d.status); err != nil {
				return err
			}
		}
		_ = memory.Lift() // which the service's user may not
		if err = become(env, *name); err == nil {
			err = d.machine(ctx, *path)
		}
		if start != nil {
			if err := start(); err != nil {
				d.say(failed, "service", "%v", err)
			} else {
				d.say(ok, "service", "stopped for the test, and started again")
			}
		} else if *stop {
			d.say(untried, "service", "it did not run, so it was not stopped, and is not started")
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = d.verdict()
		}
		return err
	},
}

const (
	// pressTime is how long the technician has for each button.
	pressTime = 15 * time.Second
	// micTime is how long the microphone is open.
	micTime = audio.ProbeTime
	// panelTime leaves hw.Open its wait for a chip.
	panelTime = 15 * time.Second
	// diskTime and netTime are what a disk and a server get; then they hang.
	diskTime = 10 * time.Second
	netTime  = 20 * time.Second
	// grace is for the part that can say better than we what it waited for.
	grace = time.Second
)

// microphone is the part of audio.Mic that is tried.
type microphone interface {
	Present() (known bool, err error)
	Probe(ctx context.Context, length time.Duration) (audio.Heard, error)
}

// doctor tries one part after the other.
type doctor struct {
	env    *cli.Env
	cfg    *config.Config
	status string // the path of status.json

	open   func(context.Context) (*hw.Panel, error)
	mic    microphone
	cards  func() ([]audio.Card, error)
	offers func(ctx context.Context, device string) (string, error)
	kind   daemon.StoreKind
	clock  wallclock.Clock

	lockLimit func(context.Context) (string, error) // of memory, for the service

	report  *report // what the daemon last said, running or stopped for this; nil: nothing
	running string  // the daemon that does, in words; "": none
	said    string  // what it says of itself
	warned  []warning
	lock    *spool.Held
	lockErr error
	count   [3]int
}

type finding int

const (
	ok finding = iota
	failed
	untried
)

// say prints one line on one part.
func (d *doctor) say(o finding, part, format string, args ...any) {
	d.count[o]++
	text := strings.ReplaceAll(part+": "+fmt.Sprintf(format, args...), "\n", "; ")
	d.env.Printf("%-10s %s\n", [...]string{"ok", "FAIL", "not tried"}[o], text)
}

// fail says why a part failed; not where it was interrupted.
func (d *doctor) fail(ctx context.Context, part string, err error) {
	if ctx.Err() != nil {
		d.say(untried, part, "interrupted")
	} else {
		d.say(failed, part, "%s", strings.TrimPrefix(err.Error(), part+" "))
	}
}

// machine readies the real parts, and tries all.
func (d *doctor) machine(ctx context.Context, path string) error {
	if err := harden(); err != nil {
		return err
	}
	// for the samples that are looked at; whether the service can is another matter
	_ = memory.Lock()
	if _, _, err := config.Load(path); err != nil { // root may read what the service may not
		d.say(failed, "config", "%v", err)
	} else {
		d.say(ok, "config", "%s is that of %s/%s", path, d.cfg.Room.Site, d.cfg.Room.ID)
	}
	log := slog.New(slog.DiscardHandler)
	maker, err := stores.New(ctx, log)
	if err != nil {
		return err
	}
	a := d.cfg.Audio
	d.kind = maker.Kind(d.cfg)
	d.open = func(ctx context.Context) (*hw.Panel, error) { return hw.Open(ctx, wiring(d.cfg)) }
	d.mic = audio.NewMic(a.Device, a.Rate, a.Channels, log)
	d.try(ctx)
	return nil
}

// try tries all parts, in order.
func (d *doctor) try(ctx context.Context) {
	d.meet(ctx)
	if d.lock != nil {
		defer d.lock.Close()
	}
	for _, part := range []func(context.Context){d.memory, d.recipients, d.trust, d.panel, d.spool, d.stores,
		d.broker, d.tellTime} {
		if ctx.Err() == nil {
			part(ctx)
		}
	}
}

// verdict counts, and is what to exit with.
func (d *doctor) verdict() error {
	d.env.Printf("%d tried: %d ok, %d failed; %d not tried\n", d.count[ok]+d.count[failed], d.count[ok], d.count[failed],
		d.count[untried])
	if d.count[failed] > 0 {
		return cli.Exit(cli.ExitFailed, nil)
	}
	return nil
}

// part tries what may hang.
func (d *doctor) part(ctx context.Context, part string, limit time.Duration,
	f func(context.Context) (string, error)) bool {
	text, err := within(ctx, limit, f)
	if err != nil {
		d.fail(ctx, part, err)
	} else {
		d.say(ok, part, "%s", text)
	}
	return err == nil
}

// within runs f, and leaves it alone where it doesn't come back.
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
	case <-time.After(grace):
		return "", fmt.Errorf("no answer in %v: it hangs", limit)
	}
}

// meet looks whether a daemon runs. Where none does it takes the spool's lock, so that none begins
// meanwhile.
func (d *doctor) meet(ctx context.Context) {
	if r, err := readReport(d.status); err == nil {
		d.report, d.running = r, fmt.Sprintf("the running daemon (process %d)", r.PID)
		d.warned = r.Warnings
		d.said = fmt.Sprintf("; it says: microphone %s, light %s", r.Mic, r.Light)
		return
	}
	var lock *spool.Held
	_, d.lockErr = within(ctx, diskTime, func(context.Context) (_ string, err error) {
		lock, err = spool.Lock(d.cfg.Spool.Path)
		return "", err
	})
	if e := (*spool.Error)(nil); errors.As(d.lockErr, &e) && e.Kind == spool.InUse {
		d.running, d.lockErr = "the running daemon", nil
	} else if d.lockErr == nil {
		d.lock = lock
	}
}

func (d *doctor) recipients(ctx context.Context) {
	if !d.part(ctx, "encryption", netTime, func(ctx context.Context) (string, error) {
		return "a recording's key was made and encrypted to all recipients", daemon.ProbeKey(ctx, d.cfg)
	}) {
		return
	}
	for _, r := range d.cfg.Encrypt.Recipients {
		kind := "classic"
		if strings.HasPrefix(r, "age1pq1") {
			kind = "hybrid, post-quantum"
		}
		found, but := ok, ""
		if d.report != nil && d.report.Unconfirmed != nil && slices.Contains(d.report.Unconfirmed.Recipients, r) {
			found = failed
			but = `: gets nothing that is recorded, since it is new to this unit: if it should, run "sudo tacetd confirm"`
		}
		d.say(found, "recipient", "%s…%s (%s), fingerprint %s%s", r[:12], r[len(r)-6:], kind, recording.Fingerprint(r), but)
	}
}

// trust says whom the unit gives nothing. The unit alone knows whom it trusts, so this is its word.
func (d *doctor) trust(context.Context) {
	if d.report == nil {
		return
	}
	for _, w := range d.report.Warnings {
		switch health.Code(w.Code) {
		case health.RecipientsBad, health.RecipientsChanged, health.LedgerNew, health.DriveNew, health.StoreForeign:
			d.say(failed, "trust", "the unit says: %s", w.Message)
		}
	}
}

// panel tries what hangs on the wall.
func (d *doctor) panel(ctx context.Context) {
	_, present := d.mic.Present()
	device := d.cfg.Audio.Device
	if d.running != "" {
		for _, part := range []string{"buttons", "light"} {
			d.say(untried, part, "%s holds them%s; -stop stops it for the test", d.running, d.said)
		}
		if present != nil {
			d.fail(ctx, "microphone", present)
		} else {
			d.say(untried, "microphone", "%s is %s's; -stop stops it for the test", device, d.running)
		}
		d.listCards()
		return
	}
	var panel *hw.Panel
	_, err := within(ctx, panelTime, func(ctx context.Context) (_ string, err error) {
		panel, err = d.open(ctx)
		return "", err
	})
	if err != nil {
		d.fail(ctx, "buttons and light", fmt.Errorf(`%w; "gpioinfo" lists the lines, and who holds them`, err))
		d.darkMic(ctx, present)
		return
	}
	d.lit(ctx, panel, present)
}

// darkMic says what can be said of the microphone without a light.
func (d *doctor) darkMic(ctx context.Context, present error) {
	if present != nil {
		d.fail(ctx, "microphone", present)
	} else {
		d.say(untried, "microphone", "it is opened only while the light is on")
	}
	d.listCards()
}

// lit tries the buttons, and then the light, with the microphone in its shine. Where the microphone
// may be open still, it leaves the light on, and its line held.
func (d *doctor) lit(ctx context.Context, panel *hw.Panel, present error) {
	d.buttons(ctx, panel.Buttons())
	if s := panel.StatusLight(); s != nil {
		if err := s.Flash(); err != nil {
			d.say(failed, "status light", "%v", err)
		} else {
			d.say(ok, "status light", "%s is driven, and flashes while the light is tried: look", d.cfg.StatusLight.Line)
		}
	}
	if d.env.Terminal {
		d.env.Note("look at the light: three flashes, and then it is on, and the microphone open for twelve seconds; nothing is kept")
	}
	tried, dark := false, true
	var heard audio.Heard
	var cards []offer
	err := present
	proved, lightErr := panel.Light().Probe(ctx, func(ctx context.Context) bool {
		tried = true
		if present == nil {
			heard, err = d.mic.Probe(ctx, micTime)
		}
		if !stuck(err) {
			cards = d.ask(ctx)
		}
		dark = !stuck(err) && !slices.ContainsFunc(cards, func(o offer) bool { return stuck(o.err) })
		return dark
	})
	if !dark {
		d.env.Hint(`the light stays on, since the microphone may be open; when this has ended, "tacetd lights-out" makes it dark`)
	} else if err := panel.Close(); lightErr == nil {
		lightErr = err
	}
	line, sense := d.cfg.Light.Line, "unproved: no sense line is configured, so look"
	if proved {
		sense = fmt.Sprintf("proved: the sense line %s saw it lit and dark", d.cfg.Light.Sense)
	}
	if lightErr != nil {
		d.fail(ctx, "light", fmt.Errorf("%s: %w; look at the wiring, and at [light] in the configuration", line, lightErr))
	} else {
		d.say(ok, "light", "%s flashed and was lit; %s", line, sense)
	}
	if !tried {
		d.darkMic(ctx, present)
		return
	}
	a := d.cfg.Audio
	switch {
	case err != nil:
		d.fail(ctx, "microphone", err)
	case heard.Frames == 0:
		d.say(failed, "microphone", "%s opens and delivers nothing: look at the plug and the cable", a.Device)
	case heard.Dead:
		d.say(failed, "microphone", "%s hears nothing: its signal does not move, as in no room; it is muted or broken",
			a.Device)
	case heard.Off:
		d.say(failed, "microphone", "%s says %d Hz and delivers %.0f samples a second: recordings would play at another speed; use another microphone", a.Device, a.Rate, heard.Rate)
	case heard.Rate > 0:
		d.say(ok, "microphone", "%s brought %d samples at %.1f Hz while the light was on; nothing was kept", a.Device,
			heard.Frames, heard.Rate)
	default:
		d.say(ok, "microphone", "%s brought %d samples at %d Hz while the light was on; nothing was kept", a.Device,
			heard.Frames, a.Rate)
	}
	d.tell(cards)
}

func stuck(err error) bool { return errors.Is(err, audio.ErrStuck) }

// buttons asks for each button where somebody is there to press it.
func (d *doctor) buttons(ctx context.Context, b *hw.Buttons) {
	levels, err := b.Read()
	if err != nil {
		d.say(failed, "buttons", "%v", err)
		return
	}
	for i, c := range d.cfg.Buttons {
		switch {
		case levels[i] && !c.Latching():
			d.say(failed, d.button(i), "reads as pressed: something holds it, its cable is shorted, or active is wrong")
		case !d.env.Terminal:
			d.say(untried, d.button(i), "reads as %s; at a terminal you are asked to press it",
				map[bool]string{true: "pressed", false: "not pressed"}[levels[i]])
		default:
			d.press(ctx, b, i)
		}
	}
	if d.cfg.Door != nil {
		d.say(ok, "door", "%s reads as %s: look", d.cfg.Door.Line,
			map[bool]string{true: "open", false: "closed"}[levels[len(levels)-1]])
	}
}

func (d *doctor) button(i int) string {
	return fmt.Sprintf("button of %s (%s)", d.cfg.Buttons[i].Party, d.cfg.Buttons[i].Line)
}

// press waits for a hand on a button.
func (d *doctor) press(ctx context.Context, b *hw.Buttons, i int) {
	d.env.Note("press and release the %s within %v; nothing is recorded", d.button(i), pressTime)
	limited, cancel := context.WithTimeout(ctx, pressTime)
	defer cancel()
	pressed := false
	for {
		input, active, err := b.Next(limited)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && pressed:
			d.say(failed, d.button(i), "was pressed, and not released within %v", pressTime)
			return
		case errors.Is(err, context.DeadlineExceeded):
			d.say(failed, d.button(i), "no press was seen within %v: look at line and wiring", pressTime)
			return
		case err != nil:
			d.fail(ctx, d.button(i), err)
			return
		case input == i && (pressed && !active || d.cfg.Buttons[i].Latching()):
			d.say(ok, d.button(i), "pressed and released")
			return
		case input == i:
			pressed = active
		case input > i && input < len(d.cfg.Buttons) && active: // an earlier one may still bounce
			d.env.Note("that is the %s", d.button(input))
		}
	}
}

// offer is what a sound card says of itself.
type offer struct {
	device, text string
	err          error
}

// ask asks the configured PCM and every card what they can do, for which they are opened.
func (d *doctor) ask(ctx context.Context) (all []offer) {
	for _, device := range d.devices() {
		text, err := d.offers(ctx, device)
		all = append(all, offer{device, text, err})
		if stuck(err) {
			break
		}
	}
	return all
}

// devices are the PCMs that a microphone may be.
func (d *doctor) devices() (names []string) {
	list, err := d.cards()
	if err != nil {
		d.say(failed, "sound cards", "%v", err)
	}
	for _, c := range list {
		for _, pcm := range c.PCMs {
			names = append(names, c.Device(pcm))
		}
	}
	if d.cfg != nil && !slices.Contains(names, d.cfg.Audio.Device) {
		if _, absent := d.mic.Present(); absent == nil {
			names = append(names, d.cfg.Audio.Device)
		}
	}
	return names
}

// tell prints what cards say.
func (d *doctor) tell(cards []offer) {
	for _, c := range cards {
		switch {
		case c.err != nil:
			d.say(untried, "sound card", "%s: %v", c.device, c.err)
		default:
			d.say(ok, "sound card", `device = "%s": %s`, c.device, c.text)
		}
	}
}

// listCards names what is there, and opens nothing.
func (d *doctor) listCards() {
	var cards []offer
	for _, device := range d.devices() {
		cards = append(cards, offer{device: device,
			text: "is there; its rates are told when the light can be on, with no daemon running"})
	}
	d.tell(cards)
}

func (d *doctor) spool(ctx context.Context) {
	d.part(ctx, "spool "+d.cfg.Spool.Path, diskTime, func(context.Context) (string, error) {
		if d.lockErr != nil {
			return "", d.lockErr
		}
		room, err := daemon.ProbeSpool(d.cfg, d.lock != nil)
		how := "was written, read and cleaned up"
		if d.lock == nil {
			how = "looks writable; only " + d.running + " writes there"
		}
		return fmt.Sprintf("%s; %.1f h of room", how, room.Hours()), err
	})
}

func (d *doctor) stores(ctx context.Context) {
	for _, s := range d.cfg.Stores {
		d.part(ctx, "store "+s.Name+" ("+s.Kind+")", netTime, func(ctx context.Context) (string, error) {
			tried, err := store.Probe(ctx, d.kind(s, daemon.ProbeDrives(d.cfg)))
			return verdictOn(tried), err
		})
	}
	if d.cfg.Stores == nil {
		d.say(untried, "stores", "none is configured")
	}
}

// verdictOn says what came of a try that went well.
func verdictOn(t store.Tried) string {
	text := "takes copies, and nothing was left there: " + t.Where
	if t.Left != "" {
		text = "takes copies: " + t.Where + "; " + t.Left
	}
	for _, limit := range t.Limits {
		text += "; note: " + limit
	}
	return text
}

func (d *doctor) broker(ctx context.Context) {
	m := d.cfg.MQTT
	if m == nil {
		d.say(untried, "broker", "none is configured")
		return
	}
	d.part(ctx, "broker "+m.Broker, netTime, func(ctx context.Context) (string, error) {
		limits, err := daemon.ProbeBroker(ctx, d.cfg, d.running != "")
		if err == nil && limits != "" {
			err = fmt.Errorf("lets the unit in, but %s", limits)
		}
		return "lets the unit in, and takes all that it publishes", err
	})
}

func (d *doctor) tellTime(context.Context) {
	now := d.clock.Now().Format(time.RFC1123)
	if d.clock.Synced() {
		d.say(ok, "clock", "set by a time server: %s", now)
	} else {
		d.say(failed, "clock", `not set by a time server: %s; "timedatectl timesync-status" tells more`, now)
	}
}
