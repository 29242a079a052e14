package daemon

import (
	"errors"
	"fmt"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
)

const (
	// senseEvery is the longest time between two readings while the microphone is open.
	senseEvery = 100 * time.Millisecond
	// lampHangs is how long a call on the light may take before it counts as one that can't be
	// driven, lampDead before the process has to end: nobody knows what the light does.
	lampHangs = 500 * time.Millisecond
	lampDead  = 10 * time.Second
)

// lightState is the owner's view of the light.
type lightState struct {
	proved bool      // there is a sense line, and it tells lit from dark
	seen   time.Time // the last good reading
	asked  bool      // a reading is due
	wished bool      // a wish is not known to be carried out
	broken bool      // it could not be driven, or is not seen as it is driven
}

// show asks the lamp for a glow.
func (d *Daemon) show(g glow, answer bool) {
	d.light.wished = true
	d.lamp.show(g, answer)
}

func (d *Daemon) lampLit(e lampLit) {
	d.light.wished = false
	if e.err != nil {
		d.lightFailed(e.code, e.err)
		return
	}
	d.light.proved, d.light.seen = e.sensed, e.at
	d.lightWorks()
	d.step(consent.Lit{OK: true})
}

// lampSeen takes a look at the light while the microphone is open.
func (d *Daemon) lampSeen(e lampSeen) {
	d.light.asked = false
	if d.mic.state == micIsClosed {
		return
	}
	if e.err != nil || e.known && !e.lit {
		d.lightFailed(health.LightSense, errors.Join(errNotLit, e.err))
		return
	}
	d.light.seen = e.at
	if d.mic.keeping {
		d.mic.hold.LightLit(e.at)
	}
}

func (d *Daemon) lampDark(e lampDark) {
	d.light.wished = false
	if e.driven {
		d.lightKnown, d.light.proved = true, e.sensed && e.err == nil
		if e.err != nil {
			d.lightBroken(e.code, e.err)
		} else {
			d.lightWorks()
		}
	}
	for range e.wishes {
		d.step(consent.Dark{})
	}
}

// lampBlinks reports a pattern that could not be driven: the microphone is closed.
func (d *Daemon) lampBlinks(e lampBlinks) {
	d.light.wished = false
	if e.err != nil {
		d.lightBroken(health.LightFault, e.err)
	}
}

func (d *Daemon) lightFailed(code health.Code, err error) {
	d.lightBroken(code, err)
	d.step(consent.Lit{OK: false})
}

// lightBroken warns. What was found with the light off, or could not be driven, is tried again
// while nothing is recorded; a lamp that stays dark shows only when it is lit.
func (d *Daemon) lightBroken(code health.Code, err error) {
	d.warn(code, err)
	d.light.broken = d.light.broken || code != health.LightSense
}

// lightWorks takes the warnings down that a light disproves by going dark, or on. That it is not
// seen lit only a recording does.
func (d *Daemon) lightWorks() {
	d.light.broken = false
	d.health.Clear(health.LightFault)
	d.health.Clear(health.LightStuck)
}

// askLight wants a look at the light.
func (d *Daemon) askLight() {
	if d.light.proved && !d.light.asked {
		d.light.asked = true
		d.lamp.see()
	}
}

// watchLight notices a light that doesn't answer.
func (d *Daemon) watchLight() {
	hangs := d.lamp.hangs()
	if hangs < lampHangs {
		return
	}
	err := fmt.Errorf("its line has not answered for %s", lampHangs)
	if hangs >= lampDead {
		d.fatal = fmt.Errorf("the light: its line has not answered for %s", lampDead)
	}
	d.lightFailed(health.LightFault, err)
}
