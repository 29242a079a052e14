package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tacet/audio"
	"tacet/hw"
)

const (
	// pressTimeout is how long the technician has for each button.
	pressTimeout = 15 * time.Second
	// panelTimeout is longer than hw.Open waits for a chip.
	panelTimeout = 15 * time.Second
)

// What to do about a line, and about a microphone that isn't there.
var (
	wireFix    = fix{"check its wiring while you watch its level", "sudo tacetd doctor -stop -wire"}
	missingFix = fix{"plug it in, or name one of the sound cards below in [audio] device", "cat /proc/asound/cards"}
)

// panel tries the buttons, the lights, the buzzer and the microphone.
func (d *doctor) panel(ctx context.Context) {
	_, missing := d.mic.Present()
	if d.running != "" {
		d.reportPanelInUse(ctx, missing)
		return
	}
	var panel *hw.Panel
	_, err := within(ctx, panelTimeout, func(ctx context.Context) (_ string, err error) {
		panel, err = d.openPanel(ctx)
		return "", err
	})
	if err != nil {
		d.fail(ctx, "buttons and light", err, fix{"see the list of lines and who holds them", "gpioinfo"})
		d.reportClosedMic(ctx, missing)
		return
	}
	d.buttons(ctx, panel.Buttons())
	if s := panel.StatusLight(); s != nil {
		if err := s.Flash(); err != nil {
			d.failed("status light", fix{"check the wiring, and [status_light] in the configuration", "gpioinfo"}, "%v", err)
		} else {
			d.report(ok, "status light", "%s is driven; see whether it flashes while the light is tried",
				d.cfg.StatusLight.Line)
		}
	}
	d.buzzer(panel.Buzzer())
	if d.env.Terminal {
		d.env.Note("watch the light: it flashes three times, and is then on while the microphone is open, " +
			"for twelve seconds; speak meanwhile, as people do in this room; nothing is kept")
	}
	d.lightAndMic(ctx, panel, missing)
}

// buzzer sounds one tone.
func (d *doctor) buzzer(b *hw.Buzzer) {
	if b == nil {
		return
	}
	if err := b.Probe(); err != nil {
		d.failed("buzzer", fix{"check the wiring, and [buzzer] in the configuration", "gpioinfo"}, "%v", err)
		return
	}
	d.report(ok, "buzzer", "%s is driven; a short tone has just sounded", d.cfg.Buzzer.Line)
}

// reportPanelInUse reports what can be said while a daemon holds the hardware.
func (d *doctor) reportPanelInUse(ctx context.Context, missing error) {
	user := d.running
	if d.reported != "" {
		user += ", which reports " + d.reported
	}
	for _, part := range []string{"buttons", "light"} {
		d.report(untried, part, "in use by %s; -stop stops it for the test", user)
	}
	if missing != nil {
		d.fail(ctx, "microphone", missing, missingFix)
	} else {
		d.report(untried, "microphone", "%s is in use by %s; -stop stops it for the test", d.cfg.Audio.Device, d.running)
	}
	d.listCards()
}

// lightAndMic tries the light and, while it is on, the microphone and the sound cards. If a sound
// call hangs, the microphone may still be open: then the light stays on and its line stays held.
func (d *doctor) lightAndMic(ctx context.Context, panel *hw.Panel, missing error) {
	lit, stuck := false, false
	var measured audio.Heard
	var cards []soundCard
	micErr := missing
	proved, err := panel.Light().Probe(ctx, func(ctx context.Context) (closed bool) {
		lit = true
		if missing == nil {
			measured, micErr = d.listen(ctx)
		}
		if stuck = isStuck(micErr); !stuck {
			cards = d.openCards(ctx)
			stuck = slices.ContainsFunc(cards, func(c soundCard) bool { return isStuck(c.err) })
		}
		return !stuck
	})
	if stuck {
		d.env.Hint(`the light stays on because the microphone may be open; ` +
			`after doctor has ended, "tacetd lights-out" turns it off`)
	} else if closeErr := panel.Close(); err == nil {
		err = closeErr
	}
	d.reportLight(ctx, proved, err)
	if !lit {
		d.reportClosedMic(ctx, missing)
		return
	}
	d.reportMic(ctx, measured, micErr)
	d.reportCards(cards)
}

func (d *doctor) reportLight(ctx context.Context, proved bool, err error) {
	light := d.cfg.Light
	switch {
	case err != nil:
		d.fail(ctx, "light", fmt.Errorf("%s: %w", light.Line, err), lightFix(err))
	case proved:
		d.report(ok, "light", "%s flashed and was lit; proved: the sense line %s saw it on and off", light.Line, light.Sense)
	default:
		d.report(ok, "light", "%s flashed and was lit; unproved: without a sense line only you can see it", light.Line)
	}
}

// lightFix is what to do about a light that fails.
func lightFix(err error) fix {
	f := fix{"check the wiring, and [light] in the configuration", wireFix.command}
	var seen *hw.SenseError
	switch {
	case !errors.As(err, &seen):
	case seen.Lit:
		f.remedy = "if it flashed, check the phototransistor and its wiring; if not, those of the light, and [light] line " +
			"and active in the configuration"
	default:
		f.remedy = "shield the phototransistor from other light, and check [light] sense_active in the configuration"
	}
	return f
}

// buttons reads every button. At a terminal it also asks for each to be pressed.
func (d *doctor) buttons(ctx context.Context, b *hw.Buttons) {
	levels, err := b.Read()
	if err != nil {
		d.failed("buttons", wireFix, "%v", err)
		return
	}
	for i, c := range d.cfg.Buttons {
		switch {
		case levels[i] && !c.Latching():
			d.failed(d.buttonName(i), wireFix,
				"reads as pressed: something holds it down, its cable is shorted, or \"active\" is wrong")
		case !d.env.Terminal:
			d.report(untried, d.buttonName(i), "reads as %s; at a terminal, doctor asks for it to be pressed",
				map[bool]string{true: "pressed", false: "not pressed"}[levels[i]])
		default:
			d.waitForPress(ctx, b, i)
		}
	}
	if d.cfg.Door != nil {
		d.report(ok, "door", "%s reads as %s; see whether it is", d.cfg.Door.Line,
			map[bool]string{true: "open", false: "closed"}[levels[len(levels)-1]])
	}
}

func (d *doctor) buttonName(i int) string {
	return fmt.Sprintf("button of %s (%s)", d.cfg.Buttons[i].Party, d.cfg.Buttons[i].Line)
}

// waitForPress waits until button i is pressed and released.
func (d *doctor) waitForPress(ctx context.Context, b *hw.Buttons, i int) {
	name := d.buttonName(i)
	d.env.Note("press and release the %s within %v; nothing is recorded", name, pressTimeout)
	limited, cancel := context.WithTimeout(ctx, pressTimeout)
	defer cancel()
	pressed := false
	for {
		input, active, err := b.Next(limited)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && pressed:
			d.failed(name, wireFix, "was pressed but not released within %v", pressTimeout)
			return
		case errors.Is(err, context.DeadlineExceeded):
			d.failed(name, fix{"if it was, check its line and its wiring", wireFix.command},
				"was not pressed within %v", pressTimeout)
			return
		case err != nil:
			d.fail(ctx, name, err, wireFix)
			return
		case input == i && (pressed && !active || d.cfg.Buttons[i].Latching()):
			d.report(ok, name, "pressed and released")
			return
		case input == i:
			pressed = active
		case input > i && input < len(d.cfg.Buttons) && active: // an earlier one may still bounce
			d.env.Note("that is the %s", d.buttonName(input))
		}
	}
}
