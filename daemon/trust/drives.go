package trust

import (
	"fmt"
	"slices"
	"time"

	"tacet/config/office"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
)

const (
	// maxRejected bounds how many rejected drives are remembered.
	maxRejected = 8
	// rejectedTime is how long a rejected drive is remembered. A store without a drive looks for
	// one at least every 6 minutes 15 seconds. A drive that was pulled out must not be confirmed
	// along with another one.
	rejectedTime = 7 * time.Minute
)

// UnknownDrive is a drive that carries a store's mark and that nobody has confirmed.
type UnknownDrive struct {
	Store string `json:"store"`
	Drive string `json:"drive"`          // the ID in its mark
	UUID  string `json:"uuid,omitempty"` // of its file system; empty if unknown
	Where string `json:"where,omitempty"`
}

// bare is the drive without the place where it is mounted.
func (u UnknownDrive) bare() UnknownDrive {
	u.Where = ""
	return u
}

// rejection is a drive that was rejected, and when it last was.
type rejection struct {
	UnknownDrive
	at time.Time
}

// Judge says why a drive must not be used although it carries a store's mark; nil: it may be used.
// The uuid is that of its file system, empty if unknown; where is shown to people.
type Judge func(m mark.Mark, uuid, where string) *store.Trouble

// Judge returns the judge of one store's drives.
func (t *Trust) Judge(storeName string) Judge {
	return func(m mark.Mark, uuid, where string) *store.Trouble {
		u := UnknownDrive{Store: storeName, Drive: m.ID, UUID: uuid, Where: where}
		if t.s.Office != nil {
			return t.judgeSigned(u, m)
		}
		return t.judgeKnown(u)
	}
}

// judgeSigned accepts drives that the office has signed, and no others.
func (t *Trust) judgeSigned(u UnknownDrive, m mark.Mark) *store.Trouble {
	if trouble := SignedBy(*t.s.Office)(m, u.UUID, u.Where); trouble != nil {
		return trouble
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return notEntered(t.enterDrive(u, ledger.ByOffice))
}

// SignedBy returns a judge that accepts drives that an office has signed.
func SignedBy(k office.Key) Judge {
	return func(m mark.Mark, uuid, where string) *store.Trouble {
		if err := m.SignedBy(k, uuid); err != nil {
			return &store.Trouble{Code: health.StoreForeign, Err: fmt.Errorf("the mark on %s %w; nothing is written to it; "+
				"\"tacet drive init -i office.key\" in the office makes it this store's", where, err)}
		}
		return nil
	}
}

// judgeKnown accepts the drives that the ledger remembers and, after the unit's first start, the
// first drive of each store.
func (t *Trust) judgeKnown(u UnknownDrive) *store.Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known.drives[u.bare()] {
		return nil
	}
	if time.Now().Before(t.until) && !t.hasDrive(u.Store) {
		return notEntered(t.enterDrive(u, ledger.FirstUse))
	}
	t.reject(u)
	uuid := u.UUID
	if uuid == "" {
		uuid = "without a UUID"
	}
	return &store.Trouble{Code: health.DriveNew,
		Err: fmt.Errorf("%s carries this store's mark, but this unit does not know the drive (ID %s, file system %s); "+
			"nothing is written to it until somebody runs \"sudo tacetd confirm\" here", u.Where, u.Drive, uuid)}
}

func notEntered(err error) *store.Trouble {
	if err == nil {
		return nil
	}
	return &store.Trouble{Code: health.StoreError, Err: fmt.Errorf("enter the drive in the ledger: %w", err)}
}

// hasDrive reports whether a drive was ever entered for a store. t.mu is held.
func (t *Trust) hasDrive(storeName string) bool {
	for u := range t.known.drives {
		if u.Store == storeName {
			return true
		}
	}
	return false
}

// reject remembers a drive, so that it can be confirmed. t.mu is held.
func (t *Trust) reject(u UnknownDrive) {
	t.rejected = slices.DeleteFunc(t.rejected, func(r rejection) bool { return r.bare() == u.bare() })
	if t.rejected = append(t.rejected, rejection{u, time.Now()}); len(t.rejected) > maxRejected {
		t.rejected = t.rejected[1:]
	}
	t.publishRejected()
}

// forget forgets drives that were last rejected so long ago that they must be gone.
func (t *Trust) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := len(t.rejected)
	t.rejected = slices.DeleteFunc(t.rejected, func(r rejection) bool { return time.Since(r.at) >= rejectedTime })
	if len(t.rejected) != before {
		t.publishRejected()
	}
}

// publishRejected publishes which drives could be confirmed. t.mu is held.
func (t *Trust) publishRejected() {
	now := *t.now.Load()
	now.Drives = t.rejectedDrives()
	t.now.Store(&now)
}

func (t *Trust) rejectedDrives() (all []UnknownDrive) {
	for _, r := range t.rejected {
		all = append(all, r.UnknownDrive)
	}
	return all
}
