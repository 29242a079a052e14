// Package trust decides who gets what the unit records: the recipients who can open it, and the
// drives that carry it away.
//
// With an office, trust is what the office has signed; package config checks the recipients.
// Without one, trust is what was there at the unit's first start and what somebody has confirmed at
// the unit since; the ledger remembers it. A ledger that was started anew remembers nothing, so
// nobody is trusted until somebody confirms. Either way everything trusted is entered in the
// ledger.
//
// Package config/office says what this can't prevent.
package trust

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tacet/config/office"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
)

// firstUseTime is how long after the unit's first start the first drive of each store is trusted.
const firstUseTime = time.Hour

// ErrNobody reports that no configured recipient is trusted.
var ErrNobody = errors.New(`none of the configured recipients is trusted by this unit; "sudo tacetd confirm" here shows them`)

// Settings are what a Trust goes by.
type Settings struct {
	Ledger     *ledger.Ledger
	Unit       string      // the unit's verifier key
	Office     *office.Key // nil: there is none
	Recipients []string    // the configured public keys
	// FirstStart says that the unit's key was made in this start, so nothing can be missing.
	FirstStart bool
	Now        func() time.Time // wall clock, for entries
	// Confirmed reads what somebody has confirmed at the unit; nil for a unit without that.
	Confirmed func() (*Confirmation, error)
	Log       *slog.Logger
}

// Trust knows who is trusted. All methods may be called from any goroutine; only Now never waits.
type Trust struct {
	s     Settings
	until time.Time // before this the first drive of each store is trusted; zero: no drive is

	now atomic.Pointer[Trusted]

	mu       sync.Mutex // guards all below; held while the ledger is written
	known    remembered
	rejected []rejection
	unusable string // why the last confirmation could not be read, as logged
}

// Trusted is who is trusted now.
type Trusted struct {
	Recipients []string       // public keys of those who get what is recorded
	Added      []string       // configured public keys that get nothing
	Drives     []UnknownDrive // drives that get nothing
}

// Open reads what the ledger remembers, and enters what there is to trust at this start.
func Open(s Settings) (*Trust, error) {
	t := &Trust{s: s}
	var err error
	if t.known, err = remember(s.Ledger); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.known.first || s.FirstStart && t.known.recipients == nil
	if first && s.Office == nil {
		t.until = time.Now().Add(firstUseTime)
	}
	if first || s.Office != nil {
		by := ledger.FirstUse
		if s.Office != nil {
			by = ledger.ByOffice
		}
		if err := t.enterRecipients(Fingerprints(s.Recipients), by, ""); err != nil {
			return nil, err
		}
	}
	if t.known.age > renewAfter {
		if err := t.renew(); err != nil {
			return nil, err
		}
	}
	return t, t.settle()
}

// settle publishes who is trusted now, and enters that recipients were removed from the
// configuration. t.mu is held.
func (t *Trust) settle() error {
	now := Trusted{Drives: t.rejectedDrives()}
	for _, r := range t.s.Recipients {
		if t.known.recipients[recording.Fingerprint(r)] {
			now.Recipients = append(now.Recipients, r)
		} else {
			now.Added = append(now.Added, r)
		}
	}
	t.now.Store(&now)
	if len(now.Recipients) == 0 { // perhaps a mistake in the configuration: trust stays as it was
		return nil
	}
	return t.enterRecipients(Fingerprints(now.Recipients), ledger.ByConfig, "")
}

// Now returns who is trusted. It never waits.
func (t *Trust) Now() *Trusted { return t.now.Load() }

// Refresh takes a new confirmation, if there is one, and reports whether it did. It also forgets
// drives that must be gone by now.
func (t *Trust) Refresh() (changed bool, err error) {
	t.forget()
	if t.s.Office != nil || t.s.Confirmed == nil {
		return false, nil
	}
	c, err := t.s.Confirmed()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if text := err.Error(); text != t.unusable {
			t.unusable = text
			t.s.Log.Warn("the confirmation can't be used", "err", err)
		}
		return false, nil
	}
	t.unusable = ""
	if c == nil || c.Unit != t.s.Unit || c.Ledger != t.s.Ledger.Origin() || t.known.confirmed[c.ID] {
		return false, nil
	}
	return true, t.confirm(c)
}

// confirm enters what was confirmed. The entry with the confirmation's ID comes last, so an
// interrupted confirmation is taken again. t.mu is held.
func (t *Trust) confirm(c *Confirmation) error {
	for _, u := range c.Drives {
		if err := t.enterDrive(u, ledger.Confirmed); err != nil {
			return err
		}
	}
	if err := t.enterRecipients(c.Recipients, ledger.Confirmed, c.ID); err != nil {
		return err
	}
	t.known.confirmed[c.ID] = true
	t.rejected = slices.DeleteFunc(t.rejected, func(r rejection) bool { return t.known.drives[r.bare()] })
	t.s.Log.Info("recipients and drives were confirmed", "recipients", len(c.Recipients), "drives", len(c.Drives))
	return t.settle()
}

// Fingerprints returns the fingerprints of public keys.
func Fingerprints(recipients []string) []string {
	out := make([]string, len(recipients))
	for i, r := range recipients {
		out[i] = recording.Fingerprint(r)
	}
	return out
}
