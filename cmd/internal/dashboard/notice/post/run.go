package post

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tacet/cmd/internal/dashboard/notice"
)

// pace is how often the engine runs at most.
const pace = time.Second

// Run decides, stores and sends until ctx ends. Call it once.
func (p *Office) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { p.deliver(ctx) })
	parts.Go(func() { p.pings(ctx) })
	err := p.decide(ctx)
	parts.Wait()
	return err
}

// decide runs the engine whenever something has changed or is due.
func (p *Office) decide(ctx context.Context) error {
	for {
		now := time.Now()
		p.feed()
		next := p.engine.Advance(now)
		if err := p.commit(ctx, p.engine.Take(), now); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("store notices: %w", err)
		}
		p.mu.Lock()
		p.snoozes = p.engine.Snoozes()
		p.mu.Unlock()
		if !p.idle(ctx, next) {
			return nil
		}
	}
}

// idle waits until there is something to do, but at least for the pace. It returns false when ctx ends.
func (p *Office) idle(ctx context.Context, next time.Time) bool {
	breath := time.NewTimer(p.o.pace)
	defer breath.Stop()
	select {
	case <-breath.C:
	case <-ctx.Done():
		return false
	}
	due := time.NewTimer(time.Until(next))
	defer due.Stop()
	select {
	case <-due.C:
	case <-p.wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// feed gives the engine what has come up.
func (p *Office) feed() {
	p.mu.Lock()
	sights, forgotten, asked := p.sights, p.forgotten, p.asked
	p.sights, p.forgotten, p.asked = map[notice.Subject]notice.Sight{}, map[notice.Subject]bool{}, map[snoozed]time.Time{}
	p.mu.Unlock()
	for s := range forgotten {
		p.engine.Forget(s)
	}
	for _, s := range sights {
		p.engine.See(s)
	}
	for s, until := range asked {
		p.engine.Snooze(s.subject, s.code, until)
	}
}

// commit stores an outcome and its letters, and then puts the letters into their queues.
func (p *Office) commit(ctx context.Context, out notice.Outcome, now time.Time) error {
	if out.Empty() {
		return nil
	}
	plans := p.plan(out.Messages, now)
	err := p.o.Store.Update(ctx, func(tx Tx) error {
		for _, r := range out.Records {
			if err := putRecord(tx, r); err != nil {
				return err
			}
		}
		for _, plan := range plans {
			for n, key := range plan.keys {
				if err := tx.Put(outboxKind, key, encode(plan.letters[n])); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	for _, plan := range plans {
		plan.carryOut()
	}
	p.mu.Unlock()
	nudge(p.post)
	return nil
}

func putRecord(tx Tx, r notice.Record) error {
	if r.Value == nil {
		return tx.Delete(stateKind, r.Key)
	}
	return tx.Put(stateKind, r.Key, r.Value)
}

// pings tells somebody outside that the dashboard is well, for as long as it is.
func (p *Office) pings(ctx context.Context) {
	if p.o.Ping == nil {
		return
	}
	tick := time.NewTicker(p.o.Ping.Every)
	defer tick.Stop()
	failing := false
	for {
		err := p.well(time.Now())
		if err == nil {
			err = p.o.Ping.Send(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != failing {
			failing = err != nil
			if failing {
				p.o.Log.Warn("no sign of life is sent", "err", err)
			} else {
				p.o.Log.Info("signs of life are sent again")
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// stuck is how long letters may wait until the dashboard is no longer well: then the missing sign of
// life is the only word that still gets out.
const stuck = time.Hour

// well returns why the dashboard is not well.
func (p *Office) well(now time.Time) error {
	for _, s := range p.Status() {
		if !s.Failing.IsZero() && now.Sub(s.Failing) > stuck {
			return fmt.Errorf("%s has taken no notice since %s: %s", s.Name, s.Failing.Format(time.RFC3339), s.Trouble)
		}
	}
	if p.o.Ping.Well == nil {
		return nil
	}
	return p.o.Ping.Well()
}
