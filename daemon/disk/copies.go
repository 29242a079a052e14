package disk

import (
	"context"
	"time"

	"tacet/daemon/ledger"
	"tacet/daemon/store"
	"tacet/daemon/wallclock"
)

// Copies are the followers that copy recordings to the stores.
type Copies struct {
	*store.Set
	cancel context.CancelFunc
	done   chan struct{}
}

// Follow starts the followers, with what the caller has set of their settings. The spool must have
// been recovered.
func (d *Disk) Follow(ctx context.Context, s store.Settings) (*Copies, error) {
	s.Spool, s.Ledger, s.Log, s.ClockSet = d.Spool, &copyLog{d.Ledger, d.s.Clock}, d.s.Log, d.s.Clock.Synced
	set, err := store.NewSet(s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Copies{Set: set, cancel: cancel, done: make(chan struct{})}
	go func() { defer close(c.done); set.Run(ctx) }()
	return c, nil
}

// Stop ends the followers and waits for those that answer.
func (c *Copies) Stop() {
	c.cancel()
	<-c.done
}

// copyLog keeps in the ledger what the stores hold.
type copyLog struct {
	ledger *ledger.Ledger
	clock  wallclock.Clock
}

func (l *copyLog) History(report func(what store.Deed, id, place string, at time.Time)) error {
	return l.ledger.History(func(e ledger.Entry) {
		var at time.Time
		if e.Clock == ledger.Synced {
			at = e.Time
		}
		switch {
		case e.Type == ledger.Copied:
			report(store.WasCopied, e.ID, e.Store, at)
		case e.Type == ledger.Released:
			report(store.WasReleased, e.ID, "", at)
		case e.Type == ledger.Erased && e.Store != "":
			report(store.WasExpired, e.ID, e.Store, at)
		case e.Type == ledger.Erased:
			report(store.WasDropped, e.ID, "", at)
		}
	})
}

func (l *copyLog) Copied(id, storeName string) error {
	e := ledger.Entry{Type: ledger.Copied, ID: id, Store: storeName}
	if l.clock.Synced() { // before the time is read: the clock may be set in between
		e.Clock = ledger.Synced
	}
	e.Time = l.clock.Now()
	return l.ledger.Append(e)
}

func (l *copyLog) Released(id string) error {
	return l.ledger.Append(ledger.Entry{Type: ledger.Released, Time: l.clock.Now(), ID: id})
}

func (l *copyLog) Expired(id, storeName string) error {
	return l.ledger.Append(ledger.Entry{Type: ledger.Erased, Time: l.clock.Now(), ID: id, Store: storeName})
}
