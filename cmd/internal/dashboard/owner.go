package dashboard

import (
	"context"
	"time"

	"tacet/cmd/internal/dashboard/feed"
	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
)

const (
	// look is how often the owner looks at the clocks, at least.
	look = 5 * time.Second
	// flush is how often it is stored when the rooms were heard.
	flush = time.Minute
	// jump is how far this computer's clock must move against its monotonic one to be reported.
	jump = 5 * time.Second
)

// owner is the goroutine that feeds the model. It waits for nothing but its select: while the
// history is full it takes no more messages, but time goes on.
type owner struct {
	d       *Dashboard
	waiting []history.Write // for room in the history
	clock   time.Time       // the last look at the clocks, by the monotonic one
	wall    time.Time       // and by the one that may jump
	flushed time.Time       // what was heard before is stored
}

func newOwner(d *Dashboard) *owner {
	now := time.Now()
	return &owner{d: d, clock: now, wall: now.Round(0), flushed: now}
}

func (o *owner) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		events, out := o.d.events, chan<- history.Write(nil)
		var next history.Write
		if len(o.waiting) > 0 {
			events, out, next = nil, o.d.db.In(), o.waiting[0]
		}
		select {
		case e := <-events:
			if o.take(e) {
				timer.Reset(0)
			}
		case out <- next:
			if o.waiting = o.waiting[1:]; len(o.waiting) == 0 {
				o.waiting = nil
			}
		case <-o.d.refresh:
			timer.Reset(0)
		case <-timer.C:
			timer.Reset(o.advance(time.Now()))
		case <-ctx.Done():
			o.end(time.Now())
			return nil
		}
	}
}

// take takes an event of a broker. It reports whether the time has to be looked at anew.
func (o *owner) take(e feed.Event) (again bool) {
	if e.Status != nil {
		o.linked(e.Broker, e.Status)
		return true
	}
	m := *e.Message
	d := o.d
	d.mu.Lock()
	effect := d.model.Apply(m)
	w := history.Write{Room: effect.Room, Entries: effect.Entries, Ledger: effect.Ledger, At: m.At,
		Done: func(error) { e.Done() }}
	if effect.Keep != "" {
		w.Latest = &practice.Latest{Name: effect.Keep, Payload: m.Payload, At: m.At}
	}
	if w.Latest != nil || len(w.Entries) > 0 {
		if memory, ok := d.model.Remember(effect.Room); ok {
			w.Memory = &memory
		}
	}
	d.mu.Unlock()
	if effect.Err != nil {
		d.o.Log.Debug("a message was not understood", "broker", e.Broker, "topic", m.Topic, "err", effect.Err)
	}
	o.waiting = append(o.waiting, w)
	if effect.Changed {
		d.fan.tell(page.Change{Rooms: []practice.RoomID{effect.Room}})
	}
	return false
}

func (o *owner) linked(broker string, s *feed.Status) {
	d := o.d
	d.mu.Lock()
	entries := d.model.Link(broker, s.Up, s.Forgot, s.At)
	d.model.Trouble(broker, s.Trouble, s.Advice)
	if s.Complete {
		d.model.Complete(broker, s.At)
	}
	d.mu.Unlock()
	o.store(entries)
	d.fan.tell(page.Change{All: true})
}

// store writes entries, each with what has to be kept of its room.
func (o *owner) store(entries []practice.Entry) {
	for i := 0; i < len(entries); {
		j := i + 1
		for j < len(entries) && entries[j].Room == entries[i].Room {
			j++
		}
		o.waiting = append(o.waiting, o.remember(entries[i].Room, entries[i:j]))
		i = j
	}
}

func (o *owner) remember(id practice.RoomID, entries []practice.Entry) history.Write {
	w := history.Write{Room: id, Entries: entries}
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	if memory, ok := o.d.model.Remember(id); ok {
		w.Memory = &memory
	}
	return w
}

// advance moves the model's time forward, and returns when to do so again.
func (o *owner) advance(now time.Time) time.Duration {
	d := o.d
	d.mu.Lock()
	before := d.model.Clocks()
	var jumped []practice.Entry
	// Between two times of this process Sub uses the monotonic clock; Round(0) leaves the wall clock.
	if by := now.Round(0).Sub(o.wall) - now.Sub(o.clock); by.Abs() > jump {
		jumped = []practice.Entry{d.model.ClockJumped(by, now)}
	}
	o.clock, o.wall = now, now.Round(0)
	changed, entries, next := d.model.Advance(now)
	after := d.model.Clocks()
	d.mu.Unlock()
	if len(jumped) > 0 {
		d.o.Log.Warn("this computer's clock has jumped", "by", after.By)
	}
	o.store(jumped)
	o.store(entries)
	if now.Sub(o.flushed) >= flush {
		o.flush(now)
	}
	if len(changed) > 0 || before.Wrong != after.Wrong || len(jumped) > 0 {
		d.fan.tell(page.Change{Rooms: changed, All: before.Wrong != after.Wrong || len(jumped) > 0})
	}
	return min(max(next.Sub(now), 100*time.Millisecond), look)
}

// flush stores when the rooms were heard.
func (o *owner) flush(now time.Time) {
	o.d.mu.Lock()
	heard := o.d.model.Heard(o.flushed)
	o.d.mu.Unlock()
	for _, id := range heard {
		o.waiting = append(o.waiting, o.remember(id, nil))
	}
	o.flushed = now
}

// end hands what waits to the history, as far as it takes it.
func (o *owner) end(now time.Time) {
	o.flush(now)
	late := time.After(2 * time.Second)
	for _, w := range o.waiting {
		select {
		case o.d.db.In() <- w:
		case <-late:
			return
		}
	}
}
