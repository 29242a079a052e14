package daemon

import (
	"fmt"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/lamp"
	"tacet/daemon/readiness"
	"tacet/daemon/store"
	"tacet/daemon/trust"
)

const (
	// lowRoom is the room left, as recording time, below which somebody should see to it.
	lowRoom = 24 * time.Hour
	// firstLook bounds the first look at card, disk, lines and light: after it the unit says
	// something all the same.
	firstLook = 5 * time.Second
	// checkHangs is how long a check may take before the disk counts as hung.
	checkHangs = 15 * time.Second
	// lateAfter is how long a recording may wait for a store before somebody should know.
	lateAfter = 24 * time.Hour
)

// spoolCodes are the warnings of the disk, of which one at a time is up.
var spoolCodes = []health.Code{health.SpoolMissing, health.SpoolReadOnly, health.SpoolFull, health.SpoolError,
	health.UnitKeyBad, health.LedgerError}

// storeCodes are the warnings of a store, of which one at a time is up.
var storeCodes = []health.Code{
	health.StoreMissing, health.StoreForeign, health.StoreFull, health.StoreReadOnly, health.StoreError,
	health.StoreMismatch, health.StoreDenied,
	health.StoreHostKey, health.StoreHung, health.DriveNew,
}

// checks are what the last check found. They are the owner's.
type checks struct {
	at       time.Time     // of the last check, or the start
	known    bool          // there was one
	micKnown bool          // it can be told without opening the card whether it is there
	free     time.Duration // room on the disk, as recording time
	synced   bool          // the wall clock is
}

// backlog is what the stores still have to get. It is the owner's.
type backlog struct {
	stores  []store.Status
	pending int         // recordings that some store still has to get
	oldest  store.Since // since when the first of them has waited
}

// checked turns the result of a check into warnings. They decide whether a recording may start.
func (d *Daemon) checked(r readiness.Result) {
	if r.Fatal != nil {
		d.fatal = r.Fatal
		return
	}
	d.checks = checks{time.Now(), true, r.MicKnown, r.Free, d.hw.Clock.Synced()}
	d.disk, d.copies = r.Disk, r.Copies
	d.storesChanged.Store(true) // one may have been silent for long
	w := d.warnings
	w.While(health.MicMissing, r.Mic)
	if r.KeyTried {
		w.While(health.RecipientsBad, r.Key)
	}
	var bad health.Code
	if r.DiskErr != nil {
		bad = health.CodeOf(r.DiskErr, health.SpoolError)
		w.Warn(bad, r.DiskErr)
	}
	w.clearBut(bad, spoolCodes)
	if r.Disk != nil && r.DiskErr == nil && r.Free < lowRoom {
		w.Set(health.SpoolLow, r.Free.Round(time.Minute).String()+" of recording")
	} else {
		w.Clear(health.SpoolLow)
	}
	for _, id := range r.Closed {
		w.ClearFor(health.RecordingUnfinished, id)
	}
	for _, f := range r.Findings {
		w.SetFor(f.Code, f.On, f.Detail)
	}
	if d.checks.synced {
		w.Clear(health.ClockUnsynced)
	} else {
		w.Set(health.ClockUnsynced, "")
	}
	if r.Disk != nil {
		w.While(health.LedgerBroken, r.Disk.Ledger.Broken())
		w.While(health.LedgerNew, r.Disk.Ledger.Missing())
		w.While(health.UnitKeyMode, r.Exposed)
		d.trustChecked(r.Disk.Trust.Now())
	}
	d.updateFound(r.Update)
	d.tryHandsAndLight()
}

// trustChecked turns what is not trusted into warnings.
func (d *Daemon) trustChecked(now *trust.Trusted) {
	w := d.warnings
	switch {
	case d.cfg.Office != nil && len(d.cfg.Office.Refused) > 0:
		w.Set(health.RecipientsChanged, d.cfg.Office.Refused[0].String())
	case len(now.Added) > 0:
		w.Set(health.RecipientsChanged, "gets nothing: "+strings.Join(trust.Fingerprints(now.Added), ", "))
	default:
		w.Clear(health.RecipientsChanged)
	}
	if len(now.Recipients) == 0 {
		w.SetFor(health.RecipientsBad, "trust", trust.ErrNobody.Error())
	} else {
		w.ClearFor(health.RecipientsBad, "trust")
	}
}

// tryHandsAndLight tries, while nothing is recorded, what only trying can tell: whether a broken
// light obeys again, and whether the lines can be read.
func (d *Daemon) tryHandsAndLight() {
	if !d.atRest() {
		return
	}
	if d.light.broken {
		d.light.show(lamp.Off, false)
	}
	d.hands.ask(time.Now())
}

// watchChecks notices a check that hangs, on a disk that does not answer.
func (d *Daemon) watchChecks(now time.Time) {
	limit := checkHangs
	if !d.checks.known {
		limit = firstLook
	}
	if now.Sub(d.checks.at) >= limit {
		d.warnings.Set(health.SpoolError, "the disk does not answer")
	}
}

// watchStores turns the state of each store into one warning at most, and another one if recordings
// wait too long.
func (d *Daemon) watchStores() {
	if d.copies == nil || !d.storesChanged.Swap(false) {
		return
	}
	d.backlog.stores = d.copies.Stores()
	d.backlog.pending, d.backlog.oldest = d.copies.Pending()
	w, wall := d.warnings, d.hw.Clock.Now()
	for _, s := range d.backlog.stores {
		var up health.Code
		if s.Trouble != nil {
			up = s.Trouble.Code
			w.SetFor(up, s.Name, s.Trouble.Error())
		}
		for _, code := range storeCodes {
			if code != up {
				w.ClearFor(code, s.Name)
			}
		}
		if !s.Oldest.IsZero() && s.Oldest.Age(wall) >= lateAfter {
			w.SetFor(health.StoreBehind, s.Name, fmt.Sprintf("%d recordings wait, the oldest since %s", s.Pending,
				s.Oldest.Shown(wall).Local().Format(time.DateTime)))
		} else {
			w.ClearFor(health.StoreBehind, s.Name)
		}
	}
}
