package practice

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

var errForeign = errors.New("not a topic of a unit")

// Apply folds a message into its room.
func (p *Practice) Apply(m Message) Effect {
	p.heardFrom(m.Broker, m.At)
	// While the broker sends what it has kept for our session, nothing is a sign of life.
	m.Retained = m.Retained || p.catchingUp(m.Broker)
	site, name, below, ok := topic.Split(m.Topic)
	if !ok || !wanted(below) {
		return Effect{Err: errForeign}
	}
	id := RoomID{site, name}
	if len(m.Payload) == 0 && p.rooms[id] == nil {
		return Effect{Room: id} // the trace of a room that was removed
	}
	r := p.find(id)
	if r == nil {
		return Effect{Err: errTooMany}
	}
	e := Effect{Room: id}
	if len(m.Payload) == 0 && !strings.HasPrefix(below, "alert/") {
		p.forget(r, below, &e)
	} else {
		p.fold(r, below, m, &e)
	}
	r.seen = true
	if !m.Retained && len(m.Payload) > 0 {
		r.heard = m.At
		e.Changed = e.Changed || !r.fresh
		r.fresh = true
		if r.gone && below != "availability" {
			r.gone, e.Changed = false, true
		}
	}
	if r.broker != m.Broker {
		r.broker, e.Changed = m.Broker, true
	}
	if p.rooms[id] == nil { // it was forgotten
		return e
	}
	var moved bool
	e.Entries, moved, _ = p.settle(r, m.At, e.Entries)
	e.Changed = e.Changed || moved
	p.dirty = p.dirty || e.Changed
	return e
}

var errTooMany = errors.New("there are too many rooms that are not in the list")

var code = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// wanted reports whether a topic below a room's is one that a unit publishes.
func wanted(below string) bool {
	switch below {
	case "availability", "state", "heartbeat", "event", "ledger":
		return true
	}
	alert, ok := strings.CutPrefix(below, "alert/")
	return ok && code.MatchString(alert)
}

func (p *Practice) fold(r *room, below string, m Message, e *Effect) {
	switch below {
	case "availability":
		r.available(string(m.Payload), e)
	case "state":
		p.stated(r, m, e)
	case "heartbeat":
		if at, err := time.Parse(time.RFC3339, string(m.Payload)); err != nil {
			e.Err = errors.New("heartbeat: not a time")
		} else if !m.Retained {
			r.compare(at, m.At)
		}
	case "event":
		p.happened(r, m, e)
	case "ledger":
		var l topic.Ledger
		if e.Err = l.UnmarshalJSON(m.Payload); e.Err == nil {
			e.Ledger, e.Keep = &l, below
		}
	default:
		alertText(r, strings.TrimPrefix(below, "alert/"), m.Payload, e)
		e.Keep = below
	}
}

// available takes an availability. An offline from the broker's memory is as true as a live one.
func (r *room) available(word string, e *Effect) {
	if word != topic.Online && word != topic.Offline {
		e.Err = fmt.Errorf("availability: %d bytes that are neither online nor offline", len(word))
		return
	}
	online := word == topic.Online
	if online == r.online && r.gone == !online {
		return // the repetition with each heartbeat
	}
	r.online, r.gone = online, !online
	e.Changed, e.Keep = true, "availability"
}

func alertText(r *room, code string, payload []byte, e *Effect) {
	text := topic.OneLine(string(payload))
	if text == r.texts[code] || len(r.texts) >= maxTexts && r.texts[code] == "" {
		return
	}
	e.Changed = true
	if text == "" {
		delete(r.texts, code)
		return
	}
	if r.texts == nil {
		r.texts = map[string]string{}
	}
	r.texts[code] = text
}

// stated takes a state. An older one of the same boot is a leftover, and so is an older one of
// another boot from the broker's memory.
func (p *Practice) stated(r *room, m Message, e *Effect) {
	var s topic.State
	if err := s.UnmarshalJSON(m.Payload); err != nil {
		e.Err = errors.New("state: not readable")
		return
	}
	clean(&s)
	old := r.unit
	if old != nil {
		same := s.Boot == old.Boot
		if same && s.Seq < old.Seq || !same && m.Retained && s.Time.Before(old.Time) {
			return
		}
		if same && s.Seq == old.Seq && equal(&s, old) {
			return
		}
	}
	if !m.Retained && s.Clock == topic.ClockSynced {
		r.compare(s.Time, m.At)
	}
	e.Changed, e.Keep = true, "state"
	r.unit = &s
	r.raise(s.Alerts, m.At)
	r.blocked = slices.ContainsFunc(s.Alerts, func(c string) bool {
		w, _ := health.Lookup(health.Code(c))
		return w.Blocks
	})
	if old != nil {
		e.Entries = append(e.Entries, differences(r.id, m.At, old, &s)...)
	}
}

// equal compares what the page shows.
func equal(a, b *topic.State) bool {
	x, errX := a.MarshalJSON()
	y, errY := b.MarshalJSON()
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// differences are the entries for what changed from one state to the next.
func differences(id RoomID, at time.Time, old, s *topic.State) (all []Entry) {
	add := func(kind Kind, differ bool, text string) {
		if differ {
			all = append(all, Entry{Room: id, At: at, Kind: kind, UnitTime: s.Time, Text: text})
		}
	}
	add(Booted, old.Boot != s.Boot, s.Version)
	add(Upgraded, old.Version != s.Version, old.Version+" → "+s.Version)
	add(Configured, old.Config != s.Config, s.Config)
	add(Recipients, old.Recipients != s.Recipients, s.Recipients)
	add(NewKey, old.UnitKey != s.UnitKey && old.UnitKey != "" && s.UnitKey != "", s.UnitKey)
	return all
}

// clean cuts what a unit would never publish, and makes the rest fit for one line.
func clean(s *topic.State) {
	for _, text := range []*string{&s.Boot, &s.Version, &s.VersionWaiting, &s.Config, &s.Recipients,
		(*string)(&s.Clock), (*string)(&s.Mic), (*string)(&s.Light), (*string)(&s.Phase)} {
		*text = word(*text, maxWord)
	}
	s.UnitKey = word(s.UnitKey, maxKey)
	s.Remedy = topic.ShortRemedy(s.Remedy)
	s.Alerts = slices.DeleteFunc(s.Alerts, func(c string) bool { return !code.MatchString(c) })
	slices.Sort(s.Alerts)
	s.Alerts = slices.Clone(slices.Compact(s.Alerts))
	s.Alerts = s.Alerts[:min(len(s.Alerts), maxAlerts)]
	s.Pending = max(s.Pending, 0)
	stores := map[string]topic.Store{}
	for _, name := range slices.Sorted(maps.Keys(s.Stores)) {
		if len(stores) == maxStores {
			break
		}
		stores[word(name, maxWord)] = topic.Store(word(string(s.Stores[name]), maxWord))
	}
	s.Stores = stores
}

// word makes a text one line of at most limit bytes, in memory of its own.
func word(text string, limit int) string {
	text = topic.OneLine(text[:min(len(text), 4*limit)])
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return strings.Clone(text)
}

// raise remembers since when each alert is up.
func (r *room) raise(up []string, at time.Time) {
	raised := make(map[string]raise, len(up))
	for _, c := range up {
		known, ok := r.raised[c]
		if !ok || known.at.IsZero() {
			known.at = at
		}
		raised[c] = known
	}
	r.raised = raised
}

// forget takes an empty payload, which removes something from the broker's memory. Without a state
// nothing is left of the room.
func (p *Practice) forget(r *room, below string, e *Effect) {
	e.Keep = below
	if below != "state" {
		return
	}
	e.Changed = true
	known := r.known
	kept := *r
	*r = room{id: kept.id, known: known, state: kept.state, since: kept.since, notes: kept.notes, closed: kept.closed}
	if known == nil {
		p.remove(r)
	}
}
