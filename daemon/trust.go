package daemon

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tacet/config/office"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
)

// firstUseTime is how long, after the unit's first start, the first drive of each store is trusted
// as what was there.
const firstUseTime = time.Hour

// maxUnknown bounds the drives that are remembered because they were turned away, and unknownTime
// for how long each is: a store that has no drive looks for one at least every 6 minutes and a
// quarter. One that has been pulled out must not be confirmed along with another.
const (
	maxUnknown  = 8
	unknownTime = 7 * time.Minute
)

// trust is whom the unit gives what it records: recipients, who can open it, and drives, which
// carry it away.
//
// With an office that is what the office has signed; the configuration sees to recipients. Without
// one it is what was there at the unit's first start, and what somebody has confirmed since; the
// ledger remembers. A ledger that was begun anew remembers nothing: then nobody is trusted until
// somebody confirms. Either way what was found good is entered.
//
// What this can't stop is said in package config/office.
type trust struct {
	d      *Daemon
	office *office.Key // nil: there is none
	ledger *ledger.Ledger
	unit   string    // the unit's verifier key
	until  time.Time // before this the first drive of each store is trusted; zero: none is

	seen atomic.Pointer[trusted] // for those who must not wait

	mu      sync.Mutex // guards all below; held while the ledger is written
	known   remembered
	unknown []turnedAway
	said    string // why the last confirmation could not be read
}

// trusted is what trust comes to.
type trusted struct {
	recipients []string // public keys of those who get what is recorded
	added      []string // those of the configuration who don't
	drives     []UnknownDrive
}

// UnknownDrive is a drive that carries a store's mark, and that nobody has confirmed.
type UnknownDrive struct {
	Store string `json:"store"`
	Drive string `json:"drive"`          // the ID in its mark
	UUID  string `json:"uuid,omitempty"` // of its file system; empty where it can't be told
	Where string `json:"where,omitempty"`
}

// turnedAway is a drive that nobody has confirmed, and when it last was turned away.
type turnedAway struct {
	UnknownDrive
	at time.Time
}

// remembered is what the ledger says of trust.
type remembered struct {
	first      bool                  // nothing, and nothing is missing from it: this is the first start
	recipients map[string]bool       // by fingerprint
	drives     map[UnknownDrive]bool // without Where
	confirmed  map[string]bool       // confirmations, by their ID
	age        int                   // entries since who gets what is recorded was entered
}

// renewAfter is after how many entries all is entered once more, since a ledger keeps no more than
// its last 200,000 or so. Tests have less.
var renewAfter = 50_000

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

// openTrust reads what the ledger remembers, and enters what there is to trust at this start. first
// says that the unit's key is new.
func (d *Daemon) openTrust(k *disk, first bool) (*trust, error) {
	t := &trust{d: d, ledger: k.ledger, unit: k.key}
	if o := d.cfg.Office; o != nil {
		key, err := office.ParseKey(o.Key)
		if err != nil {
			return nil, fmt.Errorf("the office's key %w", err)
		}
		t.office = &key
	}
	var err error
	if t.known, err = remember(k.ledger); err != nil {
		return nil, err
	}
	t.known.first = t.known.first || first && t.known.recipients == nil
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known.first && t.office == nil {
		t.until = time.Now().Add(firstUseTime)
	}
	if t.known.first || t.office != nil {
		by := ledger.FirstUse
		if t.office != nil {
			by = ledger.ByOffice
		}
		if err := t.enterRecipients(fingerprintsOf(d.cfg.Encrypt.Recipients), by, ""); err != nil {
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

// renew enters once more who is trusted. t.mu is held.
func (t *trust) renew() error {
	drives, recipients := t.known.drives, t.known.recipients
	t.known.drives, t.known.recipients = map[UnknownDrive]bool{}, nil
	for u := range drives {
		if err := t.enterDrive(u, ledger.Renewed); err != nil {
			return err
		}
	}
	return t.enterRecipients(slices.Collect(maps.Keys(recipients)), ledger.Renewed, "")
}

// settle makes known who is trusted now, and enters whom the configuration has left out. t.mu is
// held.
func (t *trust) settle() error {
	var now trusted
	for _, r := range t.d.cfg.Encrypt.Recipients {
		if t.known.recipients[recording.Fingerprint(r)] {
			now.recipients = append(now.recipients, r)
		} else {
			now.added = append(now.added, r)
		}
	}
	now.drives = t.unknownDrives()
	t.seen.Store(&now)
	if len(now.recipients) == 0 { // perhaps a mistake: who was trusted stays so
		return nil
	}
	return t.enterRecipients(fingerprintsOf(now.recipients), ledger.ByConfig, "")
}

// enterRecipients enters who gets what is recorded, if that is something new. t.mu is held.
func (t *trust) enterRecipients(prints []string, by, confirmation string) error {
	set := map[string]bool{}
	for _, p := range prints {
		set[p] = true
	}
	if len(set) == 0 || confirmation == "" && maps.Equal(set, t.known.recipients) {
		return nil
	}
	if err := t.ledger.Append(ledger.Entry{
		Type: ledger.Recipients, Time: t.d.hw.Clock.Now(), Recipients: slices.Sorted(maps.Keys(set)), By: by,
		Confirmation: confirmation,
	}); err != nil {
		return err
	}
	t.known.recipients = set
	return nil
}

// enterDrive enters a drive that gets copies. t.mu is held.
func (t *trust) enterDrive(u UnknownDrive, by string) error {
	u.Where = ""
	if t.known.drives[u] {
		return nil
	}
	if err := t.ledger.Append(ledger.Entry{
		Type: ledger.Drive, Time: t.d.hw.Clock.Now(), Store: u.Store, Drive: u.Drive, UUID: u.UUID, By: by,
	}); err != nil {
		return err
	}
	t.known.drives[u] = true
	return nil
}

// now is who is trusted. It never waits.
func (t *trust) now() *trusted { return t.seen.Load() }

// judge judges the drives of one store.
func (t *trust) judge(name string) DriveJudge {
	return func(m mark.Mark, uuid, where string) *store.Trouble {
		u := UnknownDrive{Store: name, Drive: m.ID, UUID: uuid, Where: where}
		if t.office != nil {
			return t.judgeSigned(u, m)
		}
		return t.judgeKnown(u)
	}
}

// judgeSigned takes what the office has signed, and nothing else.
func (t *trust) judgeSigned(u UnknownDrive, m mark.Mark) *store.Trouble {
	if trouble := signedBy(*t.office, m, u.UUID, u.Where); trouble != nil {
		return trouble
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return notEntered(t.enterDrive(u, ledger.ByOffice))
}

func signedBy(k office.Key, m mark.Mark, uuid, where string) *store.Trouble {
	if err := m.SignedBy(k, uuid); err != nil {
		return &store.Trouble{Code: health.StoreForeign, Err: fmt.Errorf("the mark on %s %w; nothing is written to it; "+
			"\"tacet drive init -i office.key\" in the office makes it this store's", where, err)}
	}
	return nil
}

// judgeKnown takes the drives that the unit knows, and at the first start the first of each store.
func (t *trust) judgeKnown(u UnknownDrive) *store.Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	bare := u
	bare.Where = ""
	if t.known.drives[bare] {
		return nil
	}
	if time.Now().Before(t.until) && !t.hasDrive(u.Store) {
		return notEntered(t.enterDrive(u, ledger.FirstUse))
	}
	t.turnAway(u)
	return &store.Trouble{Code: health.DriveNew,
		Err: fmt.Errorf("%s carries this store's mark, and is no drive that this unit knows (ID %s, file system %s); "+
			"nothing is written to it before somebody runs \"sudo tacetd confirm\" here", u.Where, u.Drive, orUnknown(u.UUID))}
}

func orUnknown(uuid string) string {
	if uuid == "" {
		return "without a UUID"
	}
	return uuid
}

func notEntered(err error) *store.Trouble {
	if err == nil {
		return nil
	}
	return &store.Trouble{Code: health.StoreError, Err: fmt.Errorf("the drive could not be entered: %w", err)}
}

// hasDrive reports whether a store had a drive before. t.mu is held.
func (t *trust) hasDrive(name string) bool {
	for u := range t.known.drives {
		if u.Store == name {
			return true
		}
	}
	return false
}

// turnAway remembers a drive for whoever wants to confirm it. t.mu is held.
func (t *trust) turnAway(u UnknownDrive) {
	t.unknown = slices.DeleteFunc(t.unknown,
		func(o turnedAway) bool { return o.Store == u.Store && o.Drive == u.Drive && o.UUID == u.UUID })
	if t.unknown = append(t.unknown, turnedAway{u, time.Now()}); len(t.unknown) > maxUnknown {
		t.unknown = t.unknown[1:]
	}
	t.showUnknown()
}

// forget forgets drives that have not been turned away for so long that they must be gone.
func (t *trust) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := len(t.unknown)
	t.unknown = slices.DeleteFunc(t.unknown, func(o turnedAway) bool { return time.Since(o.at) >= unknownTime })
	if len(t.unknown) != before {
		t.showUnknown()
	}
}

// showUnknown shows which drives nobody has confirmed. t.mu is held.
func (t *trust) showUnknown() {
	now := *t.seen.Load()
	now.drives = t.unknownDrives()
	t.seen.Store(&now)
}

func (t *trust) unknownDrives() (all []UnknownDrive) {
	for _, u := range t.unknown {
		all = append(all, u.UnknownDrive)
	}
	return all
}

// look takes a confirmation, if there is a new one, and reports whether it brought something.
func (t *trust) look() (changed bool, err error) {
	t.forget()
	if t.office != nil || t.d.o.Confirmed == nil {
		return false, nil
	}
	c, err := t.d.o.Confirmed()
	if err != nil {
		if text := err.Error(); text != t.said {
			t.said = text
			t.d.log.Warn("what was confirmed can't be used", "err", err)
		}
		return false, nil
	}
	t.said = ""
	if c == nil || c.Unit != t.unit || c.Ledger != t.ledger.Origin() {
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known.confirmed[c.ID] {
		return false, nil
	}
	return true, t.confirm(c)
}

// confirm enters what was confirmed. The entry with the confirmation's ID comes last: what an
// interruption leaves is done again. t.mu is held.
func (t *trust) confirm(c *Confirmation) error {
	for _, u := range c.Drives {
		u.Where = ""
		if err := t.enterDrive(u, ledger.Confirmed); err != nil {
			return err
		}
	}
	if err := t.enterRecipients(c.Recipients, ledger.Confirmed, c.ID); err != nil {
		return err
	}
	t.known.confirmed[c.ID] = true
	t.unknown = slices.DeleteFunc(t.unknown, func(u turnedAway) bool {
		u.Where = ""
		return t.known.drives[u.UnknownDrive]
	})
	t.d.log.Info("somebody has confirmed recipients and drives", "recipients", len(c.Recipients), "drives", len(c.Drives))
	return t.settle()
}

// errNobody says that no recipient is left.
var errNobody = errors.New(`of the recipients that the configuration names none is one that this unit knows; "sudo tacetd confirm" here shows them`)

// watchTrust turns what is not trusted into warnings.
func (d *Daemon) watchTrust() {
	now := d.disk.trust.now()
	switch {
	case d.cfg.Office != nil && len(d.cfg.Office.Refused) > 0:
		d.health.Set(health.RecipientsChanged, d.cfg.Office.Refused[0].String())
	case len(now.added) > 0:
		d.health.Set(health.RecipientsChanged, "gets nothing: "+strings.Join(fingerprintsOf(now.added), ", "))
	default:
		d.health.Clear(health.RecipientsChanged)
	}
	if len(now.recipients) == 0 {
		d.health.SetFor(health.RecipientsBad, "trust", errNobody.Error())
	} else {
		d.health.ClearFor(health.RecipientsBad, "trust")
	}
}

// recipients are the public keys of those who get what is recorded, once the disk is there.
func (d *Daemon) recipients(k *disk) []string {
	if k == nil {
		return d.cfg.Encrypt.Recipients
	}
	return k.trust.now().recipients
}

// fingerprintsOf name those who can open what goes to these public keys.
func fingerprintsOf(recipients []string) []string {
	out := make([]string, len(recipients))
	for i, r := range recipients {
		out[i] = recording.Fingerprint(r)
	}
	return out
}
