package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tacet/audio"
	"tacet/audio/monitor"
	"tacet/cmd/internal/diagnosis"
	"tacet/cmd/internal/diagnosis/mixer"
)

// microphone is the part of audio.Mic that doctor tries.
type microphone interface {
	Present() (known bool, err error)
	Probe(ctx context.Context, length time.Duration, level func(dB float64)) (audio.Heard, error)
}

// isStuck reports whether a sound call never returned, so that the device may still be open.
func isStuck(err error) bool { return errors.Is(err, audio.ErrStuck) }

// listen opens the microphone. At a terminal it shows the level meanwhile.
func (d *doctor) listen(ctx context.Context) (audio.Heard, error) {
	if !d.env.Terminal {
		return d.mic.Probe(ctx, audio.ProbeTime, nil)
	}
	levels, drawn := make(chan float64, 1), make(chan struct{})
	go func() {
		defer close(drawn)
		bar := d.env.Progress("listening", 0)
		defer bar.Done()
		for level := range levels {
			bar.Show("listening " + diagnosis.Bar(level))
		}
	}()
	var mu sync.Mutex // the sound library may still call while it hangs
	over := false
	heard, err := d.mic.Probe(ctx, audio.ProbeTime, func(level float64) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		select {
		case levels <- level:
		default: // the terminal is slow
		}
	})
	mu.Lock()
	over = true
	close(levels)
	mu.Unlock()
	<-drawn
	return heard, err
}

// reportMic reports what the microphone delivered while the light was on.
func (d *doctor) reportMic(ctx context.Context, m audio.Heard, err error) {
	a := d.cfg.Audio
	if err == nil && m.Frames > 0 {
		d.heard = &diagnosis.Listening{Rate: m.Rate, Speech: m.Levels.Speech, Peak: m.Levels.Peak, Clipped: m.Levels.Cuts}
	}
	rate := m.Rate
	if rate == 0 { // too short to measure it
		rate = float64(a.Rate)
	}
	switch {
	case err != nil:
		d.fail(ctx, "microphone", err, micFix(err))
	case m.Frames == 0:
		d.failed("microphone", fix{"check the plug and the cable", "sudo dmesg | tail"}, "%s opens but delivers nothing",
			a.Device)
	case m.Dead:
		d.failed("microphone", d.mixerFix(ctx, mixer.Silent),
			"%s hears nothing: its signal never moves, as it would in any room; it is muted or broken", a.Device)
	case m.Off:
		d.failed("microphone", fix{"use another microphone", ""}, "%s claims %d Hz but delivers %.0f samples a second, "+
			"so recordings would play at the wrong speed", a.Device, a.Rate, m.Rate)
	default:
		d.report(ok, "microphone", "%s delivered %d samples while the light was on, at %.1f Hz; nothing was kept",
			a.Device, m.Frames, rate)
		d.reportSpeech(ctx, m.Levels)
	}
}

const (
	// lowSpeech is the level, in dB of full scale, below which speech drowns in a converter's noise.
	// A voice across a desk has -20 to -40 at a microphone that is set well.
	lowSpeech = -50
	// manyCuts is how many cuts in ten seconds are more than a bang on the table.
	manyCuts = 10
)

// reportSpeech reports how loud it was while the technician was asked to speak.
func (d *doctor) reportSpeech(ctx context.Context, l monitor.Levels) {
	switch {
	case l.Steps == 0: // too short to tell
	case l.Cuts >= manyCuts:
		d.failed("speech", d.mixerFix(ctx, mixer.TooLoud), "too loud: cut off at full scale %d times, so it is distorted",
			l.Cuts)
	case l.Speech >= lowSpeech:
		d.report(ok, "speech", "at %.0f dB of full scale, with peaks of %.0f dB", l.Speech, l.Peak)
	case !d.env.Terminal:
		d.report(untried, "speech", "only %.0f dB of full scale; at a terminal, doctor asks you to speak", l.Speech)
	default:
		d.failed("speech", d.mixerFix(ctx, mixer.TooQuiet), "too low: %.0f dB of full scale, or nobody spoke", l.Speech)
	}
}

// mixerFix names the control of the microphone's card that is the cause.
func (d *doctor) mixerFix(ctx context.Context, about mixer.Complaint) fix {
	ctx, cancel := context.WithTimeout(ctx, diskTimeout)
	defer cancel()
	name := audio.Mixer(d.cfg.Audio.Device)
	controls, err := d.mixer(ctx, name)
	remedy, command := mixer.Advise(about, name, controls, err)
	return fix{remedy, command}
}

// micFix is what to do about a microphone that can't be opened.
func micFix(err error) fix {
	switch {
	case errors.Is(err, audio.ErrMissing):
		return missingFix
	case errors.Is(err, audio.ErrBusy):
		return fix{"end the program that holds it", "sudo fuser -v /dev/snd/*"}
	case errors.Is(err, audio.ErrDenied):
		return fix{"put the service's user into the group audio", "sudo usermod -aG audio tacet"}
	case errors.Is(err, audio.ErrRate):
		return fix{"set [audio] rate and channels to what the sound cards below offer", ""}
	case errors.Is(err, audio.ErrLibrary):
		return fix{"install it", "sudo apt install libasound2"}
	}
	return fix{"unplug it and plug it in again", "sudo dmesg | tail"}
}

// reportClosedMic reports what can be said of a microphone that was not opened.
func (d *doctor) reportClosedMic(ctx context.Context, missing error) {
	if missing != nil {
		d.fail(ctx, "microphone", missing, missingFix)
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
		d.failed("sound cards", fix{"see what the kernel found", "ls -l /sys/class/sound"}, "%v", err)
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
		if c.err != nil { // it need not be the one that is used
			d.report(absent, "sound card", "%s: %v", c.device, c.err)
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
