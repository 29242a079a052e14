package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tacet/config"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/topic"
)

// lateAfter is how long a recording may wait for a store before somebody should know.
const lateAfter = 24 * time.Hour

// troubleCodes are the warnings of which a store brings one at a time.
var troubleCodes = []health.Code{
	health.StoreMissing, health.StoreForeign, health.StoreFull, health.StoreReadOnly, health.StoreError,
	health.StoreMismatch, health.StoreDenied,
	health.StoreHostKey, health.StoreHung, health.DriveNew,
}

// copies are the followers that bring recordings to the stores, and their end.
type copies struct {
	*store.Set
	cancel context.CancelFunc
	done   chan struct{}
}

// follow starts the followers. It comes after the spool's recovery.
func (d *Daemon) follow(ctx context.Context, k *disk) (*copies, error) {
	set, err := store.NewSet(store.Settings{
		Spool: k.spool, Ledger: &copyLog{k.ledger, d.hw.Clock}, Log: d.log,
		Places: d.places(k), Release: store.Release(d.cfg.Spool.Release), ClockSet: d.hw.Clock.Synced,
		Copied: func(id, name string) {
			d.post(told{topic.Event{Type: topic.Copied, Recording: id, Store: name}})
		},
		Released: func(id string) { d.post(told{topic.Event{Type: topic.Released, Recording: id}}) },
		Conflict: func(name, why string) { d.health.SetFor(health.StoreConflict, name, why) },
		Changed:  d.storesChanged,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &copies{Set: set, cancel: cancel, done: make(chan struct{})}
	go func() { defer close(c.done); set.Run(ctx) }()
	return c, nil
}

// stop ends the followers, and waits for those that answer.
func (c *copies) stop() {
	c.cancel()
	<-c.done
}

// places are the configuration's stores, as the program knows to reach them.
func (d *Daemon) places(k *disk) []store.Place {
	var places []store.Place
	for _, s := range d.cfg.Stores {
		if d.o.Store == nil {
			break
		}
		places = append(places, store.Place{Name: s.Name, Kind: d.o.Store(s, k.trust.judge(s.Name)), Keep: s.Keep})
	}
	return places
}

// StoreKind makes the kind of store that a configuration asks for. One that is a drive asks the
// judge.
type StoreKind func(config.Store, DriveJudge) store.Kind

// DriveJudge says why a drive must not be used although it carries a store's mark; nil: it may.
// uuid is that of its file system, "" where it can't be told; where is for people.
type DriveJudge func(m mark.Mark, uuid, where string) *store.Trouble

// storesChanged wakes the owner. It is called from any goroutine, and never blocks.
func (d *Daemon) storesChanged() {
	d.storesNew.Store(true)
	select {
	case d.nudge <- struct{}{}:
	default:
	}
}

// watchStores turns what the stores say of themselves into warnings, one for each at most, and one
// more where recordings wait too long.
func (d *Daemon) watchStores(now time.Time) {
	if d.copies == nil || !d.storesNew.Swap(false) {
		return
	}
	d.stores = d.copies.Stores()
	d.pending, d.oldest = d.copies.Pending()
	for _, s := range d.stores {
		var up health.Code
		if s.Trouble != nil {
			up = s.Trouble.Code
			d.health.SetFor(up, s.Name, s.Trouble.Error())
		}
		for _, code := range troubleCodes {
			if code != up {
				d.health.ClearFor(code, s.Name)
			}
		}
		if wall := d.hw.Clock.Now(); !s.Oldest.IsZero() && s.Oldest.Age(wall) >= lateAfter {
			d.health.SetFor(health.StoreBehind, s.Name, fmt.Sprintf("%d recordings wait, the oldest since %s", s.Pending,
				s.Oldest.Shown(wall).Local().Format(time.DateTime)))
		} else {
			d.health.ClearFor(health.StoreBehind, s.Name)
		}
	}
}

// sameStores says that two lists tell a person the same.
func sameStores(a, b []store.Status) bool {
	return slices.EqualFunc(a, b, func(a, b store.Status) bool {
		return a.Name == b.Name && a.State == b.State && a.Pending == b.Pending && a.Oldest == b.Oldest
	})
}

// copyLog writes into the ledger what the stores hold.
type copyLog struct {
	ledger *ledger.Ledger
	clock  Clock
}

func (l *copyLog) History(tell func(what store.Deed, id, place string, at time.Time)) error {
	return l.ledger.History(func(e ledger.Entry) {
		var at time.Time
		if e.Clock == ledger.Synced {
			at = e.Time
		}
		switch {
		case e.Type == ledger.Copied:
			tell(store.WasCopied, e.ID, e.Store, at)
		case e.Type == ledger.Released:
			tell(store.WasReleased, e.ID, "", at)
		case e.Type == ledger.Erased && e.Store != "":
			tell(store.WasExpired, e.ID, e.Store, at)
		case e.Type == ledger.Erased:
			tell(store.WasDropped, e.ID, "", at)
		}
	})
}

func (l *copyLog) Copied(id, store string) error {
	e := ledger.Entry{Type: ledger.Copied, ID: id, Store: store}
	if l.clock.Synced() { // asked before the time is taken: it may be set in between
		e.Clock = ledger.Synced
	}
	e.Time = l.clock.Now()
	return l.ledger.Append(e)
}

func (l *copyLog) Released(id string) error {
	return l.ledger.Append(ledger.Entry{Type: ledger.Released, Time: l.clock.Now(), ID: id})
}

func (l *copyLog) Expired(id, store string) error {
	return l.ledger.Append(ledger.Entry{Type: ledger.Erased, Time: l.clock.Now(), ID: id, Store: store})
}
