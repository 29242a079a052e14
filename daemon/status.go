package daemon

import (
	"cmp"
	"slices"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/lamp"
	"tacet/daemon/store"
	"tacet/daemon/topic"
	"tacet/daemon/trust"
)

// Status is what the unit says of itself, to anybody. It holds no name, no level of sound, and
// nothing of half a consent.
type Status struct {
	Boot    string
	Version string
	Waiting string // the version that starts once the unit has been at rest; empty: none

	// Phase is idle, recording or fault. Recording is said only while samples arrive and reach the
	// disk, and while the recording is closed.
	Phase string
	Since time.Time
	// Ending says that the recording is being closed: the microphone may be closed already.
	Ending bool

	Recording string // the running recording's ID; empty until samples have come
	Started   time.Time
	Synced    time.Duration // of it, on disk

	Mic   string // ok, missing, fault, untried
	Light string // proved, unproved
	Clock string // synced, unsynced

	SpoolFree   time.Duration // room left, as recording time; it moves in steps: see topic.HoursNear
	UnitKey     string        // verifier key; empty until the disk is there
	Unconfirmed Unconfirmed   // what somebody may want to confirm
	Checkpoint  string        // the running recording's last, signed
	Warnings    []health.Active
	StatusLight string // steady, pulse, flash

	Stores  []store.Status // in the configuration's order
	Pending int            // recordings that some store still has to get
	Oldest  store.Since    // since when the first of them has waited
}

// Panel is what people in the room see on the wall. It tells of half a consent, so only a panel may
// show it.
type Panel struct {
	Light     lamp.Glow
	Consented []bool // by button
	Pressed   []bool // by button
}

// Phase returns the phase as people in the room know it from the light, at the moment of s.
func (p Panel) Phase(s Status) string {
	switch {
	case s.Ending:
		return "stopping"
	case s.Phase == "idle" && p.Light == lamp.Pulse:
		return "waiting"
	case s.Phase == "idle" && p.Light == lamp.On:
		return "starting"
	}
	return s.Phase
}

// Unconfirmed is what is there and gets nothing, because nobody has confirmed it, and what does.
type Unconfirmed struct {
	Ledger  string               // the origin of the ledger that would remember it
	Added   []string             // public keys that the configuration names
	Drives  []trust.UnknownDrive // that were plugged in since the start
	Trusted []string             // fingerprints of the recipients who get what is recorded
}

// published is what the daemon says at one moment.
type published struct {
	status Status
	panel  Panel
}

// Status returns what was published last.
func (d *Daemon) Status() Status {
	if p := d.last.Load(); p != nil {
		return p.status
	}
	return Status{Phase: string(topic.Fault)}
}

// Panel returns what was published last, together with the status of the same moment.
func (d *Daemon) Panel() (Panel, Status) {
	if p := d.last.Load(); p != nil {
		return p.panel, p.status
	}
	return Panel{Light: lamp.Off}, d.Status()
}

// Changed is sent to, without waiting, whenever Status or Panel has changed.
func (d *Daemon) Changed() <-chan struct{} { return d.changed }

// shown is the part of the last status that the next one depends on. It is the owner's.
type shown struct {
	phase topic.Phase
	since time.Time
	free  *float64 // hours
}

// phase returns the phase to publish. It is the only place that applies two rules. While a party's
// consent is missing, the unit is idle. While it stops, the phase stays what it was: recording,
// fault, or, if a start never became a recording, idle.
func (d *Daemon) phase(now time.Time) topic.Phase {
	switch d.machine.Phase() {
	case consent.Recording:
		if d.mic.Quiet(now) >= stalledTime || d.syncAge() >= maxSyncAge {
			return topic.Fault // with a warning: mic-stalled, spool-slow or unit-busy
		}
		return topic.Recording
	case consent.Stopping:
		return cmp.Or(d.shown.phase, topic.Idle)
	case consent.Faulty:
		if slices.ContainsFunc(d.warnings.active(), func(w health.Active) bool { return w.Severity == health.Fault }) {
			return topic.Fault
		}
		// The warning is not shown yet, and a fault is never published without its warning.
	}
	return topic.Idle
}

// publish updates the status, and publishes it if it has changed. It publishes nothing before the
// first look is over, or every restart would look like a fault.
func (d *Daemon) publish(now time.Time) {
	if !d.looked && !d.lookOver(now) {
		return
	}
	p := &published{d.describe(now), d.panel()}
	before := d.last.Load()
	d.last.Store(p)
	changed := before == nil || !p.status.same(&before.status)
	if changed || d.announcer.Due() {
		d.announcer.Say(d.snapshot(&p.status), now)
	}
	if changed || !p.panel.same(&before.panel) {
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}
}

// lookOver reports whether the first look at card, disk, lines and light is over.
func (d *Daemon) lookOver(now time.Time) bool {
	known := d.checks.known && d.hands.known && d.light.known && !now.Before(d.hands.settledAt) &&
		(d.ready || health.Problems(d.warnings.active()) || d.warnings.Blocking())
	d.looked = known || !now.Before(d.firstLookBy)
	return d.looked
}

func (d *Daemon) describe(now time.Time) Status {
	if phase := d.phase(now); phase != d.shown.phase {
		d.shown.phase, d.shown.since = phase, now
	}
	d.shown.free = topic.HoursNear(d.checks.free, d.shown.free)
	s := Status{
		Boot: d.options.Boot, Version: d.options.Version, Waiting: d.updates.waiting,
		Phase: string(d.shown.phase), Since: d.shown.since,
		Ending: d.machine.Phase() == consent.Stopping && d.shown.phase != topic.Idle,
		Mic:    d.micWord(), Light: "unproved", Clock: "unsynced",
		SpoolFree:   time.Duration(*d.shown.free * float64(time.Hour)).Round(time.Minute),
		StatusLight: d.status.Shown(), Warnings: d.warnings.active(),
		Stores: d.backlog.stores, Pending: d.backlog.pending, Oldest: d.backlog.oldest,
	}
	if d.light.proved {
		s.Light = "proved"
	}
	if d.checks.synced {
		s.Clock = "synced"
	}
	if t := d.take; t != nil && t.announced {
		s.Recording, s.Started, s.Synced = t.ID, t.Started, t.Synced()
		s.Checkpoint = string(t.Checkpoint())
	}
	if d.disk != nil {
		s.UnitKey = d.disk.UnitKey
		now := d.disk.Trust.Now()
		s.Unconfirmed = Unconfirmed{d.disk.Ledger.Origin(), now.Added, now.Drives, trust.Fingerprints(now.Recipients)}
	}
	return s
}

// micWord returns ok, missing, fault or untried: where the name of the device does not identify a
// card, nobody knows before it was opened once.
func (d *Daemon) micWord() string {
	word := "ok"
	if !d.checks.micKnown && !d.mic.Worked() {
		word = "untried"
	}
	for _, w := range d.warnings.active() {
		switch w.Code {
		case health.MicMissing:
			return "missing"
		case health.MicBusy, health.MicRate, health.MicFault, health.MicSilent, health.MicStalled:
			word = "fault"
		}
	}
	return word
}

func (d *Daemon) panel() Panel {
	p := Panel{Light: d.light.glow}
	for i := range d.hands.buttons {
		p.Consented = append(p.Consented, d.machine.Consented(i))
		p.Pressed = append(p.Pressed, d.machine.Pressed(i))
	}
	return p
}

// same reports whether two statuses tell a person the same.
func (s *Status) same(o *Status) bool {
	return s.Phase == o.Phase && s.Waiting == o.Waiting && s.Ending == o.Ending && s.Recording == o.Recording &&
		s.Synced == o.Synced &&
		s.Mic == o.Mic && s.Light == o.Light && s.Clock == o.Clock && s.StatusLight == o.StatusLight &&
		s.SpoolFree == o.SpoolFree && s.Pending == o.Pending && sameStores(s.Stores, o.Stores) &&
		sameWarnings(s.Warnings, o.Warnings) &&
		slices.Equal(s.Unconfirmed.Added, o.Unconfirmed.Added) && slices.Equal(s.Unconfirmed.Drives, o.Unconfirmed.Drives)
}

func sameStores(a, b []store.Status) bool {
	return slices.EqualFunc(a, b, func(a, b store.Status) bool {
		return a.Name == b.Name && a.State == b.State && a.Pending == b.Pending && a.Oldest == b.Oldest
	})
}

func sameWarnings(a, b []health.Active) bool {
	return slices.EqualFunc(a, b, func(a, b health.Active) bool { return a.Message() == b.Message() })
}

func (p *Panel) same(o *Panel) bool {
	return p.Light == o.Light && slices.Equal(p.Consented, o.Consented) && slices.Equal(p.Pressed, o.Pressed)
}
