package daemon

import (
	"slices"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// publish makes the status anew and tells whoever waits, if it differs in more than the time.
func (d *Daemon) publish(now time.Time) {
	if !d.looked && !d.lookOver(now) {
		return
	}
	s := d.describe(now)
	before := d.published.Load()
	d.published.Store(&s)
	if before != nil && s.same(before) && !d.teller.unsaid {
		return
	}
	d.teller.say(d, &s, now)
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *Daemon) describe(now time.Time) Status {
	s := Status{
		Boot: d.o.Boot, Version: d.o.Version,
		Phase: d.phase(now), Since: d.since,
		Mic: d.micWord(), Light: "unproved", Clock: "unsynced",
		SpoolFree: d.shownFree(), StatusLight: d.statusLight, Warnings: d.up(),
	}
	if d.light.proved {
		s.Light = "proved"
	}
	if d.synced {
		s.Clock = "synced"
	}
	for i := range d.buttons {
		s.Consented = append(s.Consented, d.machine.Consented(i))
		s.Pressed = append(s.Pressed, d.machine.Pressed(i))
	}
	if r := d.recorder; r != nil && r.said {
		s.Recording, s.Started = r.id, r.started
		s.Stored = d.framesTime(r.storedSamples.Load())
		s.Checkpoint = string(r.lastCheckpoint())
	}
	if d.disk != nil {
		s.UnitKey = d.disk.key
		now := d.disk.trust.now()
		s.Unconfirmed = Unconfirmed{Ledger: d.disk.ledger.Origin(), Added: now.added, Drives: now.drives,
			Trusted: fingerprintsOf(now.recipients)}
	}
	s.Stores, s.Pending, s.Oldest = d.stores, d.pending, d.oldest
	return s
}

// shownFree is the room left as it is told: a measure that wavers is no news each time.
func (d *Daemon) shownFree() time.Duration {
	d.freeTold = topic.HoursNear(d.free, d.freeTold)
	return time.Duration(*d.freeTold * float64(time.Hour)).Round(time.Minute)
}

// lookOver says, once, that the first look at card, disk, lines and light is over. Nothing is said
// of the unit before: every restart would look like a fault.
func (d *Daemon) lookOver(now time.Time) bool {
	known := d.probeKnown && d.linesKnown && d.lightKnown && !now.Before(d.linesSettle) &&
		(d.ready || health.Problems(d.up()) || d.health.Blocking())
	d.looked = known || !now.Before(d.firstLookBy)
	return d.looked
}

// up are the warnings that are up; they are put together when one has changed.
func (d *Daemon) up() []health.Active {
	if n := d.warned.Load(); n != d.upAsOf {
		d.upAsOf, d.warnings = n, d.health.Up()
	}
	return d.warnings
}

// micWord is ok, missing, fault or untried: where the device's name doesn't tell the card, nobody
// knows before it was opened once.
func (d *Daemon) micWord() string {
	word := "ok"
	if !d.micKnown && !d.mic.opened {
		word = "untried"
	}
	for _, w := range d.up() {
		switch w.Code {
		case health.MicMissing:
			return "missing"
		case health.MicBusy, health.MicRate, health.MicFault, health.MicSilent, health.MicStalled:
			word = "fault"
		}
	}
	return word
}

// same says that two statuses tell a person the same.
func (s *Status) same(o *Status) bool {
	return s.Phase == o.Phase && s.Recording == o.Recording && s.Mic == o.Mic && s.Light == o.Light &&
		s.Clock == o.Clock &&
		s.Pending == o.Pending && sameStores(s.Stores, o.Stores) && s.Stored == o.Stored && s.StatusLight == o.StatusLight &&
		s.SpoolFree == o.SpoolFree &&
		slices.Equal(s.Consented, o.Consented) && slices.Equal(s.Pressed, o.Pressed) && s.alerts() == o.alerts() &&
		slices.Equal(s.Unconfirmed.Added, o.Unconfirmed.Added) && slices.Equal(s.Unconfirmed.Drives, o.Unconfirmed.Drives)
}

func (s *Status) alerts() (all string) {
	for _, w := range s.Warnings {
		all += w.Message() + "\n"
	}
	return all
}

// phase is what may be said: recording only while it is so.
func (d *Daemon) phase(now time.Time) string {
	p := d.machine.Phase()
	if p == consent.Recording && (now.Sub(d.mic.last) >= stalledTime || d.storeAge() >= storedTime) {
		return consent.Faulty.String() // of which a warning is up: mic-stalled, spool-slow or unit-busy
	}
	if p == consent.Faulty && !slices.ContainsFunc(d.up(),
		func(w health.Active) bool { return w.Severity == health.Fault }) {
		p = consent.Idle // a cause that has not stood for long enough to be told yet: fault is never said without one
	}
	return p.String()
}
