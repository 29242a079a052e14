package notice

import (
	"cmp"
	"crypto/rand"
	"maps"
	"slices"
	"time"
)

// Options are what all rules share.
type Options struct {
	Summary  *Summary                       // nil: no weekly mail
	Link     func(site, room string) string // the address of a room's page, of all rooms if both are empty; nil: no links
	NewID    func() string                  // of a message or an incident; nil: random
	Location *time.Location                 // of the times in messages; nil: UTC
}

// Engine is all rules with their faults.
type Engine struct {
	o       Options
	desks   []*desk
	seats   map[Subject]*seat
	snoozes map[key]time.Time // until when; a key without a code is for all of a room
	weekly  week
	started time.Time // the first Advance
	now     time.Time // of the latest Advance
	next    time.Time
	dirty   map[string]bool // keys of records to be stored
	stale   map[string]bool // keys of records to be removed
	out     []Message
}

// seat is what is known of a subject.
type seat struct {
	name, broker  string
	closed, doubt bool
	bad           bool // a fault is up
}

// New returns an engine that goes on where the records say. Records that are not understood, or that
// belong to no rule, are removed.
func New(rules []Rule, records []Record, o Options) *Engine {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.NewID == nil {
		o.NewID = rand.Text
	}
	e := &Engine{
		o: o, seats: map[Subject]*seat{}, snoozes: map[key]time.Time{},
		dirty: map[string]bool{}, stale: map[string]bool{},
	}
	for _, r := range rules {
		e.desks = append(e.desks, &desk{Rule: r, items: map[Subject]map[Code]*item{}, incidents: map[string]*incident{}})
	}
	for _, r := range records {
		if !e.restore(r) {
			e.stale[r.Key] = true
		}
	}
	e.orphans()
	return e
}

// maxItems is the most faults that all rules together look after. It is less than the store takes.
const maxItems = 60_000

// See takes what is seen of a subject. The next Advance acts on it.
func (e *Engine) See(s Sight) {
	e.seats[s.Subject] = &seat{name: s.Name, broker: s.Broker, closed: s.Closed, doubt: s.Doubt, bad: len(s.Faults) > 0}
	for _, d := range e.desks {
		e.seeAt(d, s)
	}
}

func (e *Engine) seeAt(d *desk, s Sight) {
	up := map[Code]bool{}
	for _, f := range s.Faults {
		if !d.wants(f.Code, f.Severity) || !e.concerns(d, s.Subject) {
			continue
		}
		if d.many >= maxItems/len(e.desks) && d.items[s.Subject][f.Code] == nil {
			continue // more than anybody can read
		}
		up[f.Code] = true
		i := d.item(key{s.Subject, f.Code})
		if !i.up && i.Phase == ok {
			i.Since = f.Since
		}
		i.up, i.Name, i.Severity = true, s.Name, f.Severity
	}
	for code, i := range d.items[s.Subject] {
		i.up = up[code]
	}
}

// Forget removes a subject that is no longer watched.
func (e *Engine) Forget(s Subject) {
	delete(e.seats, s)
	for _, d := range e.desks {
		for code := range d.items[s] {
			e.drop(d, key{s, code})
		}
	}
}

// Snooze mentions nothing new about a room until a time, or only nothing about one code. A time in
// the past ends it.
func (e *Engine) Snooze(s Subject, code Code, until time.Time) {
	k := key{s, code}
	e.snoozes[k] = until
	e.dirty[snoozeKey(k)] = true
}

// snoozed returns until when a fault is snoozed; zero: it is not.
func (e *Engine) snoozed(s Subject, code Code, now time.Time) time.Time {
	until := e.snoozes[key{s, ""}]
	if u := e.snoozes[key{s, code}]; u.After(until) {
		until = u
	}
	if !until.After(now) {
		return time.Time{}
	}
	return until
}

// Snoozed is a subject, or one fault of it, about which nothing is said until a time.
type Snoozed struct {
	Subject Subject
	Code    Code // empty: all
	Until   time.Time
}

// Snoozes returns what is snoozed, sorted.
func (e *Engine) Snoozes() []Snoozed {
	var all []Snoozed
	for k, until := range e.snoozes {
		all = append(all, Snoozed{k.Subject, k.Code, until})
	}
	slices.SortFunc(all, func(a, b Snoozed) int {
		return cmp.Or(a.Subject.Compare(b.Subject), cmp.Compare(a.Code, b.Code))
	})
	return all
}

// maxUnseen is how long a fault of a subject that is not seen any more is kept after a start.
const maxUnseen = time.Hour

// Advance moves the time on. It returns when it wants to be called again at the latest.
func (e *Engine) Advance(now time.Time) (next time.Time) {
	if e.started.IsZero() || e.started.After(now) {
		e.started = now
	}
	e.now, e.next = now, now.Add(time.Hour)
	for k, until := range e.snoozes {
		if !until.After(now) {
			delete(e.snoozes, k)
			e.forgetRecord(snoozeKey(k))
		} else {
			e.due(until)
		}
	}
	for _, d := range e.desks {
		e.stepAll(d, now)
		e.follow(d, now)
		e.open(d, now)
	}
	e.summarise(now)
	return e.next
}

// due asks for a call at a time, but never more often than once a second.
func (e *Engine) due(at time.Time) {
	if soon := e.now.Add(time.Second); at.Before(soon) {
		at = soon
	}
	if at.Before(e.next) {
		e.next = at
	}
}

// stepAll moves all items of a rule.
func (e *Engine) stepAll(d *desk, now time.Time) {
	for k, i := range d.all() {
		seat := e.seats[k.Subject]
		before := *i
		wait := never
		switch {
		case seat == nil && now.Sub(e.started) > maxUnseen:
			e.drop(d, k)
			continue
		case seat == nil || seat.doubt:
			i.doubt()
		case seat.closed && i.Incident == "":
			i.close()
		default:
			_, wait = i.step(&d.Rule, now)
		}
		if i.spent(now) && !i.up {
			e.drop(d, k)
			continue
		}
		if *i != before {
			e.touch(d, k, i, now)
		}
		if wait < never {
			e.due(now.Add(wait))
		}
	}
}

// drop removes an item.
func (e *Engine) drop(d *desk, k key) {
	codes := d.items[k.Subject]
	if i := codes[k.Code]; i != nil && i.stored {
		e.forgetRecord(itemKey(d.Name, k))
	}
	if codes[k.Code] != nil {
		d.many--
	}
	if delete(codes, k.Code); len(codes) == 0 {
		delete(d.items, k.Subject)
	}
}

// concerns reports whether a rule is about a subject. A broker concerns the rules of the sites that
// are heard on it.
func (e *Engine) concerns(d *desk, s Subject) bool {
	switch {
	case s.isRoom():
		return d.watches(s.Site)
	case len(d.Sites) == 0 || s.Broker == "":
		return true
	}
	for room, seat := range e.seats {
		if room.isRoom() && seat.broker == s.Broker && d.watches(room.Site) {
			return true
		}
	}
	return false
}

// orphans ends what belongs to an incident that is not known, and removes incidents without items.
func (e *Engine) orphans() {
	for _, d := range e.desks {
		members := map[string]bool{}
		for k, i := range d.all() {
			if i.Incident != "" && d.incidents[i.Incident] == nil {
				e.drop(d, k)
				continue
			}
			members[i.Incident] = true
		}
		for id := range maps.Clone(d.incidents) {
			if !members[id] {
				e.closeIncident(d, id)
			}
		}
	}
}
