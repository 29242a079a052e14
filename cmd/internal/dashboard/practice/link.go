package practice

import (
	"cmp"
	"slices"
	"time"
)

type link struct {
	Link
	completed time.Time // when Complete became true; from then on rooms have to be heard
}

// Link records that a broker's connection came up or went down. forgot: the broker did not know our
// session any more, although it should.
func (p *Practice) Link(broker string, up, forgot bool, at time.Time) []Entry {
	l := p.links[broker]
	if l == nil {
		l = &link{Link: Link{Broker: broker, Since: at}}
		p.links[broker] = l
		if !up {
			return nil
		}
	}
	var entries []Entry
	if forgot {
		l.Forgot = at
		entries = append(entries, Entry{At: at, Kind: Forgot, Text: broker})
	}
	if l.Up == up {
		return entries
	}
	l.Up, l.Since, l.Complete = up, at, false
	kind := Unlinked
	if up {
		kind, l.Trouble = Linked, ""
	}
	for _, r := range p.rooms {
		if r.broker == broker {
			r.seen, r.fresh = false, false
		}
	}
	return append(entries, Entry{At: at, Kind: kind, Text: broker})
}

// Trouble records why a broker can't be reached, or a warning about one that can.
func (p *Practice) Trouble(broker, trouble, advice string) {
	if l := p.links[broker]; l != nil {
		l.Trouble, l.Advice = trouble, advice
	}
}

// Complete records that everything has come that a broker had kept: retained messages, and those
// that waited for our session.
func (p *Practice) Complete(broker string, at time.Time) {
	if l := p.links[broker]; l != nil && l.Up && !l.Complete {
		l.Complete, l.completed = true, at
	}
}

func (p *Practice) catchingUp(broker string) bool {
	l := p.links[broker]
	return l != nil && !l.Complete
}

func (p *Practice) heardFrom(broker string, at time.Time) {
	if l := p.links[broker]; l != nil {
		l.Last = at
	}
}

// Links returns the brokers, sorted by name.
func (p *Practice) Links() []Link {
	all := make([]Link, 0, len(p.links))
	for _, l := range p.links {
		all = append(all, l.Link)
	}
	slices.SortFunc(all, func(a, b Link) int { return cmp.Compare(a.Broker, b.Broker) })
	return all
}

// Missing returns the known rooms of which a broker has sent nothing since it is connected,
// although they were heard on it, or on none.
func (p *Practice) Missing(broker string) (all []RoomID) {
	for id, r := range p.rooms {
		if r.known != nil && !r.seen && (r.broker == broker || r.broker == "") {
			all = append(all, id)
		}
	}
	slices.SortFunc(all, RoomID.Compare)
	return all
}
