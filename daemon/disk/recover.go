package disk

import (
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/spool"
)

// Finding is a warning to raise about one recording, or with an empty On about all.
type Finding struct {
	Code       health.Code
	On, Detail string
}

// Recover closes the recordings that an interruption left open, and enters their ends in the
// ledger. It tells copies of them, unless that is nil. It returns the warnings to raise, and the
// IDs of the recordings that could not be closed; they may be tried again.
func (d *Disk) Recover(copies *Copies) (findings []Finding, unfinished []string, err error) {
	list, err := d.Spool.Recover(d.Unit, d.s.Boot)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range list {
		if copies != nil && r.Removed {
			copies.Gone(r.Name)
		} else if copies != nil && r.Err == nil {
			copies.Ended(r.Name, true)
		}
		if code := r.Code(); code != "" {
			detail := ""
			if r.Err != nil {
				detail = r.Err.Error()
			}
			findings = append(findings, Finding{code, r.ID, detail})
		}
		if r.Err != nil {
			unfinished = append(unfinished, r.ID)
			continue
		}
		if err := d.enterRecovered(r); err != nil {
			findings = append(findings, Finding{health.LedgerError, "", err.Error()})
		}
	}
	return findings, unfinished, nil
}

// enterRecovered enters the end of a recording, if recovery has written one.
func (d *Disk) enterRecovered(r spool.Recovered) error {
	switch {
	case r.Removed:
		d.s.Log.Info("removed a recording without a head", "file", r.Name)
		return nil
	case r.Intact:
		return nil
	}
	d.s.Log.Warn("closed an interrupted recording", "recording", r.ID, "segments", r.Segments, "cut_bytes", r.Cut)
	return d.Ledger.Append(ledger.Entry{Type: ledger.Ended, Time: d.s.Clock.Now(), ID: r.ID, Leaves: r.Leaves,
		Root: r.Root})
}
