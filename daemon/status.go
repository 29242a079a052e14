package daemon

import (
	"time"

	"tacet/daemon/health"
	"tacet/daemon/store"
)

// storedTime is how old the last sync may be while "recording" is said.
const storedTime = 5 * time.Second

// Status is what the unit says of itself. It holds no name, no party that refused and no level of
// sound.
type Status struct {
	Boot    string
	Version string

	// Phase is idle, waiting, starting, recording, stopping or fault. Recording is said only while
	// samples arrive and reach the disk.
	Phase string
	Since time.Time

	Consented []bool // by button
	Pressed   []bool

	Recording string // the running recording's ID; empty before samples have come, and for a start that came to nothing
	Started   time.Time
	Stored    time.Duration // of it, on disk

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

// Unconfirmed is what is there and gets nothing, because nobody has confirmed it, and what does.
type Unconfirmed struct {
	Ledger  string         // the origin of the ledger that would remember it
	Added   []string       // public keys that the configuration names
	Drives  []UnknownDrive // that were plugged in since the start
	Trusted []string       // fingerprints of the recipients who get what is recorded
}

// Status is the last published one.
func (d *Daemon) Status() Status {
	if s := d.published.Load(); s != nil {
		return *s
	}
	return Status{Phase: "fault"}
}
