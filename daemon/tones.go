package daemon

import (
	"context"
	"errors"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/lamp"
)

// toneEchoes is for how long after a tone the microphone may still hear it: the card's delay, the
// room's echo, and the half second over which the meter listens for sound.
const toneEchoes = time.Second

// tones are what the buzzer says: one tone when recording begins and every repeat while it goes on,
// two when it has ended, for whatever reason. It says nothing else, so nobody hears of a refusal or
// of half a consent. They are the owner's. A nil *tones is a unit without a buzzer.
type tones struct {
	driver   *lamp.BuzzerDriver
	repeat   time.Duration // 0: never
	begun    bool          // one has sounded for this recording
	again    time.Time     // of the next repetition
	sounding bool
	heardTo  time.Time     // the microphone may hear the last tone until then
	quit     func()        // ends the driver
	ended    chan struct{} // closed when it has ended
}

// run starts the driver.
func (t *tones) run() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.quit, t.ended = cancel, make(chan struct{})
	go func() { defer close(t.ended); t.driver.Run(ctx) }()
}

// end waits for the last tones, and leaves the buzzer silent.
func (t *tones) end() error {
	t.quit()
	<-t.ended
	return nil
}

func (t *tones) sound(tone lamp.Tone) {
	t.sounding = true
	t.driver.Sound(tone)
}

// begin sounds that recording has begun.
func (t *tones) begin(now time.Time) {
	if t == nil {
		return
	}
	t.begun, t.again = true, now.Add(t.repeat)
	t.sound(lamp.OneTone)
}

// over sounds that the recording has ended, if there was one. The microphone is closed by now.
func (t *tones) over() {
	if t == nil || !t.begun {
		return
	}
	t.begun = false
	t.sound(lamp.TwoTones)
}

// heard reports whether a block of sound may have a tone in it. A quiet room must stay quiet for
// the consent machine, whatever the buzzer does.
func (t *tones) heard(arrived time.Time) bool {
	return t != nil && (t.sounding || arrived.Before(t.heardTo))
}

// sounded takes the driver's report.
func (d *Daemon) sounded(e lamp.Sounded) {
	d.tones.sounding, d.tones.heardTo = false, time.Now().Add(toneEchoes)
	d.warnings.While(health.BuzzerFault, e.Err)
}

// watchTones sounds the repetition that is due, and notices a buzzer whose line does not answer. It
// needs no wake-up of its own: while it records, each block of sound is one.
func (d *Daemon) watchTones(now time.Time) {
	t := d.tones
	if t == nil {
		return
	}
	if t.repeat > 0 && !now.Before(t.again) && d.machine.Phase() == consent.Recording {
		t.begin(now)
	}
	if t.driver.Busy() >= lampHangs {
		t.sounding = false // nobody knows; a steady tone is part of the room's noise
		d.warnings.Warn(health.BuzzerFault, errors.New("its line does not answer"))
	}
}
