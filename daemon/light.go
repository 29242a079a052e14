package daemon

import (
	"errors"
	"fmt"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/lamp"
)

const (
	// senseEvery is the longest time between two looks at the light while the microphone is open.
	senseEvery = 100 * time.Millisecond
	// lampHangs is how long a call on a light may take before the light counts as broken, lampDead
	// before the process has to end, because nobody knows what the light does.
	lampHangs = 500 * time.Millisecond
	lampDead  = 10 * time.Second
)

// light is the light that shows an open microphone. It is the owner's.
type light struct {
	driver  *lamp.Driver
	glow    lamp.Glow // what it was last asked to show
	pending bool      // it may not show that yet
	looking bool      // a look is under way
	known   bool      // it has been driven dark since the start
	proved  bool      // there is a sense line, and it tells lit from dark
	seen    time.Time // the last good look
	broken  bool      // it can't be driven, or is seen lit when it should be dark
}

// show asks for a glow. With answer, lamp.Off is answered with lamp.Dark.
func (l *light) show(g lamp.Glow, answer bool) {
	l.glow, l.pending = g, true
	l.driver.Show(g, answer)
}

// look asks for a look, if there is a sense line and none is under way.
func (l *light) look() {
	if l.proved && !l.looking {
		l.looking = true
		l.driver.Look()
	}
}

// lightLit takes the answer to lamp.On: only then may the microphone open.
func (d *Daemon) lightLit(e lamp.Lit) {
	d.light.pending = false
	if e.Err != nil {
		d.lightFailed(e.Code, e.Err)
		return
	}
	d.light.proved, d.light.seen = e.Sensed, e.At
	d.lightWorks()
	d.step(consent.Lit{OK: true})
}

// lightSeen takes a look at the light while the microphone is open.
func (d *Daemon) lightSeen(e lamp.Seen) {
	d.light.looking = false
	if d.mic.IsClosed() {
		return
	}
	if e.Err != nil || e.Known && !e.Lit {
		d.lightFailed(health.LightSense, errors.Join(lamp.ErrNotLit, e.Err))
		return
	}
	d.light.seen = e.At
	d.mic.LightLit(e.At)
}

func (d *Daemon) lightDark(e lamp.Dark) {
	d.light.pending = false
	if e.Driven {
		d.light.known, d.light.proved = true, e.Sensed && e.Err == nil
		if e.Err != nil {
			d.lightBroken(e.Code, e.Err)
		} else {
			d.lightWorks()
		}
	}
	for range e.Answers {
		d.step(consent.Dark{})
	}
}

func (d *Daemon) lightBlinking(e lamp.Blinking) {
	d.light.pending = false
	if e.Err != nil {
		d.lightBroken(health.LightFault, e.Err)
	}
}

func (d *Daemon) lightFailed(code health.Code, err error) {
	d.lightBroken(code, err)
	d.step(consent.Lit{OK: false})
}

// lightBroken raises a warning. Between recordings the unit tries a broken light again. A light
// that was not seen lit is different: only the next recording can show that it works.
func (d *Daemon) lightBroken(code health.Code, err error) {
	d.warnings.Warn(code, err)
	d.light.broken = d.light.broken || code != health.LightSense
}

// lightWorks clears the warnings about a light that now obeys, but for LightSense: a recording
// clears that.
func (d *Daemon) lightWorks() {
	d.light.broken = false
	d.warnings.Clear(health.LightFault)
	d.warnings.Clear(health.LightStuck)
}

// watchLight notices a light whose line does not answer.
func (d *Daemon) watchLight() {
	busy := d.light.driver.Busy()
	if busy < lampHangs {
		return
	}
	if busy >= lampDead {
		d.fatal = fmt.Errorf("the light: its line has not answered for %s", lampDead)
	}
	d.lightFailed(health.LightFault, fmt.Errorf("its line has not answered for %s", lampHangs))
}

// nearMax is how long before the longest recording ends the status light pulses.
const nearMax = 5 * time.Minute

// showStatus sets the status light to the unit's condition.
func (d *Daemon) showStatus(now time.Time) {
	if d.status == nil {
		return
	}
	pattern := "steady"
	lapses, recording := d.machine.LapsesAt()
	switch {
	case !d.ready && !recording:
		pattern = "flash"
	case health.Problems(d.warnings.active()), recording && now.Add(nearMax).After(lapses):
		pattern = "pulse"
	}
	if d.status.Show(pattern, now) >= lampHangs {
		d.warnings.Warn(health.StatusLightFault, errors.New("its line does not answer"))
	}
}
