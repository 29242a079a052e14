// Package disk opens all that a unit keeps on disk: the spool, the ledger, the unit's signing key
// and what it trusts. Its functions block for as long as the disk does.
package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tacet/config/office"
	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/spool"
	"tacet/daemon/trust"
	"tacet/daemon/wallclock"
)

// Settings are what a disk is opened with.
type Settings struct {
	Site, Room string
	Spool      string // folder of the recordings
	Dir        string // folder of the ledger
	Key        string // file of the unit's signing key
	// FS opens a folder.
	FS func(dir string) (durable.FS, error)

	Boot, Version, ConfigHash string
	Recipients                []string // the configured public keys
	Office                    string   // the office's key; empty: there is none
	Confirmed                 func() (*trust.Confirmation, error)
	Clock                     wallclock.Clock
	Log                       *slog.Logger
}

// Disk is open.
type Disk struct {
	Spool   *spool.Spool
	Ledger  *ledger.Ledger
	Trust   *trust.Trust
	Unit    note.Signer // signs for the unit
	UnitKey string      // its verifier key

	s    Settings
	key  keyFile
	lock *spool.Held
}

const (
	// minRetry and maxRetry bound the pause after a try that failed in the ledger.
	minRetry = 5 * time.Second
	maxRetry = 5 * time.Minute
)

// Opener opens the disk, once it can be opened.
type Opener struct {
	s       Settings
	keyMade bool // the unit's key was made in this start, so there can't be a ledger yet

	err  error // of the last try, if it failed in the ledger
	wait time.Duration
	next time.Time // no other try before this
}

// NewOpener opens nothing yet.
func NewOpener(s Settings) *Opener { return &Opener{s: s} }

// Open opens everything and enters the boot in the ledger. The caller tries again every few
// seconds. Tries that fail in the ledger are spaced out, since each of them may write all of it
// anew: in between Open returns the same error.
func (o *Opener) Open() (*Disk, error) {
	if time.Now().Before(o.next) {
		return nil, o.err
	}
	d, err := o.open()
	if err == nil || health.CodeOf(err, "") != health.LedgerError {
		o.err, o.wait, o.next = nil, 0, time.Time{}
		return d, err
	}
	o.err, o.wait = err, min(max(2*o.wait, minRetry), maxRetry)
	o.next = time.Now().Add(o.wait - minRetry/2) // the caller is not punctual
	return nil, err
}

func (o *Opener) open() (_ *Disk, err error) {
	lock, err := spool.Lock(o.s.Spool)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	folder, err := o.s.FS(o.s.Spool)
	if err != nil {
		return nil, err
	}
	d := &Disk{s: o.s, lock: lock}
	if d.Spool, err = spool.Open(folder); err != nil {
		return nil, err
	}
	if err := o.unitKey(d); err != nil {
		return nil, health.WithCode(health.UnitKeyBad, err)
	}
	if err := d.openLedger(o.keyMade); err != nil {
		return nil, health.WithCode(health.LedgerError, err)
	}
	d.key.endFirstStart()
	return d, nil
}

// openLedger opens the ledger, enters this start, and opens the trust that the ledger remembers.
func (d *Disk) openLedger(firstStart bool) (err error) {
	folder, err := d.s.FS(d.s.Dir)
	if err != nil {
		return err
	}
	origin := "tacet/" + d.s.Site + "/" + d.s.Room + "/ledger"
	if d.Ledger, err = ledger.Open(folder, "ledger", origin, d.Unit, firstStart); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			d.Ledger.Close()
		}
	}()
	now := d.s.Clock.Now()
	for _, e := range []ledger.Entry{
		{Type: ledger.Boot, Time: now, Boot: d.s.Boot, Version: d.s.Version},
		{Type: ledger.Config, Time: now, Config: d.s.ConfigHash, Recipients: trust.Fingerprints(d.s.Recipients)},
	} {
		if err := d.Ledger.Append(e); err != nil {
			return err
		}
	}
	t := trust.Settings{
		Ledger: d.Ledger, Unit: d.UnitKey, Recipients: d.s.Recipients, FirstStart: firstStart,
		Now: d.s.Clock.Now, Confirmed: d.s.Confirmed, Log: d.s.Log,
	}
	if d.s.Office != "" {
		key, err := office.ParseKey(d.s.Office)
		if err != nil {
			return fmt.Errorf("the office's key %w", err)
		}
		t.Office = &key
	}
	d.Trust, err = trust.Open(t)
	return err
}

// CheckLock reports that the spool's folder is no longer the one that was opened.
func (d *Disk) CheckLock() error { return d.lock.Check() }

// Check reports why the spool can't be used.
func (d *Disk) Check() error { return errors.Join(d.lock.Check(), d.Spool.Check()) }

// KeyExposed reports why users other than the service's can use the unit's key.
func (d *Disk) KeyExposed() error { return d.key.exposed() }

// Room returns how long may still be recorded, and an error if that is less than the reserve.
func Room(s *spool.Spool, reserve time.Duration, bytesPerSecond int64) (time.Duration, error) {
	free, _, err := s.Space()
	if err != nil {
		return 0, err
	}
	left := spool.Lasts(free, bytesPerSecond)
	if need := int64(reserve.Seconds()) * bytesPerSecond; free < need {
		return left, health.WithCode(health.SpoolFull, fmt.Errorf("%d MB free, the reserve is %d MB", free>>20, need>>20))
	}
	return left, nil
}

// Erase removes a recording that holds no sample.
func (d *Disk) Erase(id, name string) error {
	if err := d.Spool.Remove(name); err != nil {
		return err
	}
	d.s.Log.Info("removed a recording without samples", "recording", id)
	return d.Ledger.Append(ledger.Entry{Type: ledger.Erased, Time: d.s.Clock.Now(), ID: id})
}

// Close closes the ledger and releases the spool.
func (d *Disk) Close() error { return errors.Join(d.Ledger.Close(), d.lock.Close()) }
