package daemon

import (
	"time"

	"tacet/daemon/health"
)

// lowRoom is the room left, as recording time, below which somebody should see to it.
const lowRoom = 24 * time.Hour

// spoolCodes are the warnings of which the disk brings one at a time.
var spoolCodes = []health.Code{health.SpoolMissing, health.SpoolReadOnly, health.SpoolFull, health.SpoolError,
	health.UnitKeyBad, health.LedgerError}

// probed takes what the prober found. Whether a recording could begin follows from the warnings.
func (d *Daemon) probed(p probed) {
	d.probeAt, d.probeKnown = time.Now(), true
	if p.fatal != nil {
		d.fatal = p.fatal
		return
	}
	d.disk, d.free, d.copies, d.micKnown = p.disk, p.free, p.copies, p.micKnown
	d.storesNew.Store(true) // one may have been silent for long
	d.set(health.MicMissing, p.mic)
	if p.keyTried {
		d.set(health.RecipientsBad, p.keyErr)
	}
	var bad health.Code
	if p.diskErr != nil {
		bad = codeOf(p.diskErr, health.SpoolError)
		d.warn(bad, p.diskErr)
	}
	for _, code := range spoolCodes {
		if code != bad {
			d.health.Clear(code)
		}
	}
	if p.disk != nil && p.diskErr == nil && p.free < lowRoom {
		d.health.Set(health.SpoolLow, p.free.Round(time.Minute).String()+" of recording")
	} else {
		d.health.Clear(health.SpoolLow)
	}
	for _, id := range p.closed {
		d.health.ClearFor(health.RecordingUnfinished, id)
	}
	for _, f := range p.found {
		d.health.SetFor(f.code, f.on, f.detail)
	}
	if d.synced = d.hw.Clock.Synced(); d.synced {
		d.health.Clear(health.ClockUnsynced)
	} else {
		d.health.Set(health.ClockUnsynced, "")
	}
	if p.disk != nil {
		d.set(health.LedgerBroken, p.disk.ledger.Broken())
		d.set(health.LedgerNew, p.disk.ledger.Missing())
		d.set(health.UnitKeyMode, p.exposed)
		d.watchTrust()
	}
	d.tryHands()
}

// set puts a warning up while err stands.
func (d *Daemon) set(code health.Code, err error) {
	if err != nil {
		d.warn(code, err)
	} else {
		d.health.Clear(code)
	}
}

// tryHands has tried what can only be known by trying, while nothing is recorded: whether the light
// obeys and the lines can be read.
func (d *Daemon) tryHands() {
	if !d.atRest() {
		return
	}
	if d.light.broken {
		d.show(glowOff, false)
	}
	d.askLines(time.Now())
}

// watchProbe notices a prober that hangs, on a disk that does not answer.
func (d *Daemon) watchProbe(now time.Time) {
	limit := probeHangs
	if !d.probeKnown {
		limit = firstLook
	}
	if now.Sub(d.probeAt) >= limit {
		d.health.Set(health.SpoolError, "the disk does not answer")
	}
}

// probeHangs is how long a look may take before the disk counts as hung.
const probeHangs = 15 * time.Second
