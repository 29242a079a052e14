package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"tacet/audio"
)

// microphone is the part of audio.Mic that doctor tries.
type microphone interface {
	Present() (known bool, err error)
	Probe(ctx context.Context, length time.Duration) (audio.Heard, error)
}

// isStuck reports whether a sound call never returned, so that the device may still be open.
func isStuck(err error) bool { return errors.Is(err, audio.ErrStuck) }

// reportMic reports what the microphone delivered while the light was on.
func (d *doctor) reportMic(ctx context.Context, m audio.Heard, err error) {
	a := d.cfg.Audio
	const delivered = "%s delivered %d samples while the light was on, at %.1f Hz; nothing was kept"
	switch {
	case err != nil:
		d.fail(ctx, "microphone", err)
	case m.Frames == 0:
		d.report(failed, "microphone", "%s opens but delivers nothing: check the plug and the cable", a.Device)
	case m.Dead:
		d.report(failed, "microphone", "%s hears nothing: its signal never moves, as it would in any room; "+
			"it is muted or broken", a.Device)
	case m.Off:
		d.report(failed, "microphone", "%s claims %d Hz but delivers %.0f samples a second, so recordings would play "+
			"at the wrong speed: use another microphone", a.Device, a.Rate, m.Rate)
	case m.Rate > 0:
		d.report(ok, "microphone", delivered, a.Device, m.Frames, m.Rate)
	default: // too short to measure the rate
		d.report(ok, "microphone", delivered, a.Device, m.Frames, float64(a.Rate))
	}
}

// reportClosedMic reports what can be said of a microphone that was not opened.
func (d *doctor) reportClosedMic(ctx context.Context, missing error) {
	if missing != nil {
		d.fail(ctx, "microphone", missing)
	} else {
		d.report(untried, "microphone", "it is opened only while the light is on")
	}
	d.listCards()
}

// soundCard is a PCM and the formats that it supports.
type soundCard struct {
	device, formats string
	err             error
}

// openCards asks each PCM for its formats. To answer, the PCM must be opened.
func (d *doctor) openCards(ctx context.Context) (all []soundCard) {
	for _, device := range d.devices() {
		formats, err := d.formats(ctx, device)
		all = append(all, soundCard{device, formats, err})
		if isStuck(err) {
			break
		}
	}
	return all
}

// devices returns the PCMs of all sound cards, and the configured one.
func (d *doctor) devices() (names []string) {
	list, err := d.cards()
	if err != nil {
		d.report(failed, "sound cards", "%v", err)
	}
	for _, c := range list {
		for _, pcm := range c.PCMs {
			names = append(names, c.Device(pcm))
		}
	}
	if d.cfg != nil && !slices.Contains(names, d.cfg.Audio.Device) {
		if _, missing := d.mic.Present(); missing == nil {
			names = append(names, d.cfg.Audio.Device)
		}
	}
	return names
}

func (d *doctor) reportCards(cards []soundCard) {
	for _, c := range cards {
		if c.err != nil {
			d.report(untried, "sound card", "%s: %v", c.device, c.err)
		} else {
			d.report(ok, "sound card", `device = "%s": %s`, c.device, c.formats)
		}
	}
}

// listCards names the sound cards without opening them.
func (d *doctor) listCards() {
	for _, device := range d.devices() {
		d.report(ok, "sound card", `device = "%s": is there; run doctor with no daemon running to see its rates`, device)
	}
}
