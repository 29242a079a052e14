package practice

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// room is what is known of a room. Its times come from the dashboard's clock unless they say
// otherwise.
type room struct {
	id    RoomID
	known *Known // nil: not in the list

	broker  string
	heard   time.Time // the last live message
	seen    bool      // something came since the broker was last down, maybe from its memory
	fresh   bool      // and from the unit itself
	unit    *topic.State
	online  bool
	gone    bool              // the broker says offline
	texts   map[string]string // what the unit says of each alert, by code
	raised  map[string]raise  // when an alert was first seen, by code
	boots   []position        // newest first
	misses  []miss
	skew    time.Duration
	skewed  bool // skew is known
	state   State
	since   time.Time
	closed  *Closure
	notes   []Note
	blocked bool // an alert blocks recording
	rank    int  // of state, while the rooms are sorted
}

type raise struct {
	at    time.Time
	store string
}

// miss is how many events were missed in a day.
type miss struct {
	day   time.Time
	count int
}

// The bounds of what a room may hold.
const (
	maxAlerts = 64
	maxTexts  = 128
	maxStores = 32
	maxWord   = 64  // bytes of a code, a version, a store's name
	maxKey    = 300 // bytes of a verifier key
)

// derive finds the room's state at a time. It returns when that may change without a message; zero:
// never.
func (p *Practice) derive(r *room, now time.Time) (s State, next time.Time) {
	switch {
	case p.listed && r.known == nil:
		return Unknown, time.Time{}
	case r.unit == nil && r.heard.IsZero() && !r.gone:
		return Never, time.Time{}
	case r.gone:
		return Silent, time.Time{}
	}
	var quiet time.Duration
	base := r.heard
	switch l := p.links[r.broker]; {
	case l != nil && l.Complete:
		if base.Before(l.completed) {
			base = l.completed
		}
		quiet = now.Sub(base)
	case r.state == Late || r.state == Silent:
		return r.state, time.Time{} // nobody can tell, so it stays
	}
	if (r.state == Late || r.state == Silent) && !r.fresh && quiet < p.o.Silent {
		return r.state, base.Add(p.o.Silent) // what the broker has kept is no sign of life
	}
	switch {
	case quiet >= p.o.Silent:
		return Silent, time.Time{}
	case p.needsHand(r):
		s = Hand
	case quiet >= p.o.Late:
		return Late, base.Add(p.o.Silent)
	case r.unit != nil && r.unit.Phase == topic.Recording:
		s = Recording
	default:
		s = Ready
	}
	if s == Hand || quiet >= p.o.Late {
		return s, base.Add(p.o.Silent)
	}
	return s, base.Add(p.o.Late)
}

func (p *Practice) needsHand(r *room) bool {
	if r.unit == nil {
		return false
	}
	if r.unit.Phase == topic.Fault || r.wrongRecipients() || r.wrongKey() {
		return true
	}
	return slices.ContainsFunc(r.unit.Alerts, func(code string) bool { return severity(code) != health.Note })
}

func severity(code string) health.Severity {
	if w, ok := health.Lookup(health.Code(code)); ok {
		return w.Severity
	}
	return health.Attention // of a newer unit
}

func (r *room) wrongRecipients() bool {
	return r.unit != nil && r.known != nil && r.known.Recipients != "" && r.unit.Recipients != "" &&
		r.unit.Recipients != r.known.Recipients
}

func (r *room) wrongKey() bool {
	return r.unit != nil && r.known != nil && r.known.Key != "" && r.unit.UnitKey != "" &&
		r.unit.UnitKey != r.known.Key
}

// settle brings the room's state up to date, and appends an entry if it changed.
func (p *Practice) settle(r *room, now time.Time, entries []Entry) (_ []Entry, moved bool, next time.Time) {
	s, next := p.derive(r, now)
	if s == r.state && !r.since.IsZero() {
		return entries, false, next
	}
	e := Entry{Room: r.id, At: now, Kind: Moved, From: r.state, State: s}
	if s == r.state || s == Never {
		e.Kind = "" // the first look
	}
	r.state, r.since = s, now
	if s == Recording && now.Sub(r.unit.Since) > 0 && now.Sub(r.unit.Since) < 24*time.Hour &&
		r.unit.Clock == topic.ClockSynced {
		r.since = r.unit.Since
	}
	p.dirty = true
	if e.Kind != "" {
		entries = append(entries, e)
	}
	return entries, true, next
}

// snapshot copies a room.
func (p *Practice) snapshot(r *room) Room {
	s := Room{ID: r.id, Broker: r.broker, State: r.state, Since: r.since, Heard: r.heard, Online: r.online,
		Skew: r.skew, WrongRecipients: r.wrongRecipients(), WrongKey: r.wrongKey(), Doubt: p.doubt(r),
		Notes: slices.Clone(r.notes)}
	if r.known != nil {
		s.Name = r.known.Name
	}
	for _, m := range r.misses {
		s.Missed += m.count
	}
	if r.closed != nil {
		c := *r.closed
		s.Closed = &c
	}
	if r.unit != nil {
		u := *r.unit // its maps, lists and numbers are replaced, never changed
		s.Unit = &u
		s.Alerts = p.alerts(r)
		s.Remedy = u.Remedy
	}
	switch {
	case s.State == Silent || s.State == Late:
		s.Remedy = "Check that the unit has power and its network cable."
	case s.WrongRecipients:
		s.Remedy = "The technician compares the unit's recipients with the office's: \"tacetd status\"."
	case s.WrongKey:
		s.Remedy = "If the unit was replaced, add its new key with \"tacet fleet add\". Otherwise find out whose it is."
	case s.State == Unknown:
		s.Remedy = "Add the room to the list of rooms, or find out who publishes as this room."
	case s.State == Never:
		s.Remedy = "Switch the unit on, or check its broker in [mqtt]."
	case s.Remedy == "" && len(s.Alerts) > 0:
		s.Remedy = s.Alerts[0].Remedy
	}
	return s
}

// alerts returns what the state says is up, worst first.
func (p *Practice) alerts(r *room) []Alert {
	all := make([]Alert, 0, len(r.unit.Alerts))
	for _, code := range r.unit.Alerts {
		a := Alert{Code: health.Code(code), Severity: health.Attention, Title: code, Text: r.texts[code],
			Since: r.raised[code].at, Store: r.raised[code].store}
		if w, ok := health.Lookup(a.Code); ok {
			a.Severity, a.Blocks, a.Title, a.Remedy = w.Severity, w.Blocks, w.Title, w.Remedy()
			if a.Text == "" {
				a.Text = w.Text + " " + w.Do
			}
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b Alert) int {
		switch {
		case a.Blocks != b.Blocks:
			return order(a.Blocks)
		case a.Severity != b.Severity:
			return int(b.Severity) - int(a.Severity)
		}
		return strings.Compare(string(a.Code), string(b.Code))
	})
	return all
}

// order sorts what is true before what is not.
func order(first bool) int {
	if first {
		return -1
	}
	return 1
}

// doubt says why what is shown of a room may not be current.
func (p *Practice) doubt(r *room) string {
	if r.state == Never || r.broker == "" {
		return ""
	}
	l := p.links[r.broker]
	switch {
	case l == nil:
		return "its broker " + r.broker + " is not one of the dashboard's"
	case !l.Up:
		return fmt.Sprintf("the broker %s is not reached since %s", l.Broker, p.clockTime(l.Since))
	case !r.fresh:
		return "as the broker has kept it: the unit itself was not heard since " + p.clockTime(l.Since)
	}
	return ""
}

func (p *Practice) clockTime(t time.Time) string { return t.In(p.o.Location).Format("2 Jan 15:04") }
