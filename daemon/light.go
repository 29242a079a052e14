package daemon

import (
	"errors"
	"time"

	"tacet/daemon/consent"
)

const (
	// senseTime is how long the light may take to be seen lit.
	senseTime = 200 * time.Millisecond
	// senseRetry is the pause between two looks at it meanwhile.
	senseRetry = 10 * time.Millisecond
	// senseEvery is the longest time between two readings while the
	// microphone is open.
	senseEvery = 100 * time.Millisecond
)

var errNotLit = errors.New("the sense line does not see the light")

// lightState is the owner's view of the light.
type lightState struct {
	proved  bool      // there is a sense line
	proving time.Time // on, and not seen yet: until when; zero: not waiting
	seen    time.Time // the last good reading
}

func (d *Daemon) lightOn() {
	if err := d.hw.Light.On(); err != nil {
		d.lightFailed("light-fault", err)
		return
	}
	d.light.proving = time.Now().Add(senseTime)
	d.proveLight(time.Now())
}

// proveLight looks whether a light just driven is lit, and tells the machine
// when that is decided.
func (d *Daemon) proveLight(now time.Time) {
	lit, known, err := d.hw.Light.Sense()
	d.light.proved = known
	switch {
	case err == nil && (lit || !known):
		d.light.proving, d.light.seen = time.Time{}, now
		d.health.Clear("light-fault")
		d.health.Clear("light-sense")
		d.step(consent.Lit{OK: true})
	case now.Before(d.light.proving):
		// Look again at senseRetry.
	default:
		d.light.proving = time.Time{}
		d.lightFailed("light-sense", errors.Join(errNotLit, err))
	}
}

// checkLight reads the sense line while the microphone is open. Good is false
// unless the light was just seen; the machine has been told then.
func (d *Daemon) checkLight(now time.Time) (good bool) {
	if !d.light.proved {
		return true // driven, and nothing can see it
	}
	lit, known, err := d.hw.Light.Sense()
	if err == nil && (lit || !known) {
		d.light.seen = now
		return true
	}
	d.lightFailed("light-sense", errors.Join(errNotLit, err))
	return false
}

func (d *Daemon) lightFailed(code string, err error) {
	d.warn(code, err)
	d.lightBroken = d.lightBroken || code == "light-fault"
	d.step(consent.Lit{OK: false})
}

func (d *Daemon) lightOff() {
	d.light.proving = time.Time{}
	d.lightResult(d.hw.Light.Off())
	d.step(consent.Dark{})
}

// lightResult reports a light that could not be driven where nothing hangs on
// it: the microphone is closed.
func (d *Daemon) lightResult(err error) {
	if err != nil {
		d.warn("light-fault", err)
		d.lightBroken = true
	}
}
