package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/spool"
)

// disk is what the daemon keeps: the spool, the ledger and the unit's key. It is opened once, off
// the owner's goroutine, as soon as it can be.
type disk struct {
	spool  *spool.Spool
	ledger *ledger.Ledger
	trust  *trust
	unit   note.Signer
	key    string // its verifier key
	file   keyFile
	lock   *spool.Held
}

func openFolder(dir string) (durable.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return durable.OS(root), nil
}

// openDisk opens all of it, and writes the boot into the ledger.
func (d *Daemon) openDisk() (_ *disk, err error) {
	lock, err := spool.Lock(d.cfg.Spool.Path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	folder, err := d.o.FS(d.cfg.Spool.Path)
	if err != nil {
		return nil, err
	}
	k := &disk{lock: lock}
	if k.spool, err = spool.Open(folder); err != nil {
		return nil, err
	}
	if k.file, err = d.keyFile(); err == nil {
		k.unit, k.key, err = d.unitKey(k.file)
	}
	if err != nil {
		return nil, withCode(health.UnitKeyBad, err)
	}
	own, err := d.o.FS(d.o.Dir)
	if err != nil {
		return nil, withCode(health.LedgerError, err)
	}
	if k.ledger, err = ledger.Open(own, "ledger", d.origin("ledger"), k.unit, d.prober.keyMade); err != nil {
		return nil, withCode(health.LedgerError, err)
	}
	defer func() {
		if err != nil {
			k.ledger.Close()
		}
	}()
	if err := k.writeBoot(d); err != nil {
		return nil, withCode(health.LedgerError, err)
	}
	if k.trust, err = d.openTrust(k, d.prober.keyMade); err != nil {
		return nil, withCode(health.LedgerError, err)
	}
	k.file.started()
	return k, nil
}

func (d *Daemon) origin(last string) string {
	return "tacet/" + d.cfg.Room.Site + "/" + d.cfg.Room.ID + "/" + last
}

// writeBoot notes this start and what it goes by.
func (k *disk) writeBoot(d *Daemon) error {
	now := d.hw.Clock.Now()
	if err := k.ledger.Append(ledger.Entry{Type: ledger.Boot, Time: now, Boot: d.o.Boot,
		Version: d.o.Version}); err != nil {
		return err
	}
	return k.ledger.Append(ledger.Entry{
		Type: ledger.Config, Time: now, Config: d.cfg.Hash(), Recipients: fingerprintsOf(d.cfg.Encrypt.Recipients),
	})
}

// recover closes what an interruption left open, and tells the ledger. unfinished are the IDs of
// those that could not be closed; they may be tried later.
func (k *disk) recover(d *Daemon, c *copies) (warnings []found, unfinished []string, err error) {
	list, err := k.spool.Recover(k.unit, d.o.Boot)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range list {
		if c != nil && r.Removed {
			c.Gone(r.Name)
		} else if c != nil && r.Err == nil {
			c.Ended(r.Name, true)
		}
		if r.Code() != "" {
			warnings = append(warnings, found{r.Code(), r.ID, detailOf(r.Err)})
		}
		switch {
		case r.Err != nil:
			unfinished = append(unfinished, r.ID)
		case r.Removed:
			d.log.Info("removed a recording without a head", "file", r.Name)
		case r.Intact:
		default:
			d.log.Warn("closed a recording that was interrupted", "recording", r.ID, "segments", r.Segments, "cut_bytes", r.Cut)
			err := k.ledger.Append(ledger.Entry{Type: ledger.Ended, Time: d.hw.Clock.Now(), ID: r.ID, Leaves: r.Leaves,
				Root: r.Root})
			if err != nil {
				warnings = append(warnings, found{health.LedgerError, "", err.Error()})
			}
		}
	}
	return warnings, unfinished, nil
}

func detailOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// room is for how long may still be recorded, and an error where that is less than the reserve.
func (k *disk) room(reserve time.Duration, bytesPerSecond int64) (time.Duration, error) {
	free, _, err := k.spool.Space()
	if err != nil {
		return 0, err
	}
	left := spool.Lasts(free, bytesPerSecond)
	if need := int64(reserve.Seconds()) * bytesPerSecond; free < need {
		return left, withCode("spool-full", fmt.Errorf("%d MB free, the reserve is %d MB", free>>20, need>>20))
	}
	return left, nil
}

// drop removes a recording that holds no sample.
func (k *disk) drop(id, name string, clock Clock, log *slog.Logger) error {
	if err := k.spool.Remove(name); err != nil {
		return err
	}
	log.Info("dropped a recording without a sample", "recording", id)
	return k.ledger.Append(ledger.Entry{Type: ledger.Erased, Time: clock.Now(), ID: id})
}

func (k *disk) close() error { return errors.Join(k.ledger.Close(), k.lock.Close()) }
