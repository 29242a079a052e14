package trust

import (
	"maps"
	"slices"

	"tacet/daemon/ledger"
)

// renewAfter is the number of entries after which everything trusted is entered again, since a
// ledger keeps only about its last 200,000 entries. Tests lower it.
var renewAfter = 50_000

// remembered is what the ledger says of trust.
type remembered struct {
	first      bool                  // it says nothing, and no part of it is missing: this is the first start
	recipients map[string]bool       // by fingerprint; nil: none was ever entered
	drives     map[UnknownDrive]bool // without Where
	confirmed  map[string]bool       // IDs of confirmations
	age        int                   // entries since the recipients were entered
}

// remember reads the ledger.
func remember(l *ledger.Ledger) (remembered, error) {
	m := remembered{first: true, drives: map[UnknownDrive]bool{}, confirmed: map[string]bool{}}
	entries := 0
	err := l.History(func(e ledger.Entry) {
		if entries++; e.Anew() || entries == 1 && e.Continues() {
			m.first = false
		}
		m.age++
		switch e.Type {
		case ledger.Recipients:
			m.age, m.first, m.recipients = 0, false, map[string]bool{}
			for _, r := range e.Recipients {
				m.recipients[r] = true
			}
			if e.Confirmation != "" {
				m.confirmed[e.Confirmation] = true
			}
		case ledger.Drive:
			m.first = false
			m.drives[UnknownDrive{Store: e.Store, Drive: e.Drive, UUID: e.UUID}] = true
		}
	})
	return m, err
}

// renew enters again who is trusted. t.mu is held.
func (t *Trust) renew() error {
	drives, recipients := t.known.drives, t.known.recipients
	t.known.drives, t.known.recipients = map[UnknownDrive]bool{}, nil
	for u := range drives {
		if err := t.enterDrive(u, ledger.Renewed); err != nil {
			return err
		}
	}
	return t.enterRecipients(slices.Collect(maps.Keys(recipients)), ledger.Renewed, "")
}

// enterRecipients enters who gets what is recorded, if that is new. t.mu is held.
func (t *Trust) enterRecipients(fingerprints []string, by, confirmation string) error {
	set := map[string]bool{}
	for _, f := range fingerprints {
		set[f] = true
	}
	if len(set) == 0 || confirmation == "" && maps.Equal(set, t.known.recipients) {
		return nil
	}
	if err := t.s.Ledger.Append(ledger.Entry{
		Type: ledger.Recipients, Time: t.s.Now(), Recipients: slices.Sorted(maps.Keys(set)), By: by,
		Confirmation: confirmation,
	}); err != nil {
		return err
	}
	t.known.recipients = set
	return nil
}

// enterDrive enters a drive that gets copies, if it is new. t.mu is held.
func (t *Trust) enterDrive(u UnknownDrive, by string) error {
	u = u.bare()
	if t.known.drives[u] {
		return nil
	}
	if err := t.s.Ledger.Append(ledger.Entry{
		Type: ledger.Drive, Time: t.s.Now(), Store: u.Store, Drive: u.Drive, UUID: u.UUID, By: by,
	}); err != nil {
		return err
	}
	t.known.drives[u] = true
	return nil
}
