// Package practice is the dashboard's model: it folds what the units publish, and the time, into
// rooms.
//
//	p := practice.New(known, practice.Options{})
//	p.Link("main", true, false, now)                // the broker is connected
//	effect := p.Apply(message)                      // a message has arrived
//	changed, next := p.Advance(now)                 // call again at next, or earlier
//	rooms, counts := p.Query(practice.Filter{Limit: 50})
//
// It is pure: it has no clock, no goroutine and no I/O, and one goroutine owns it. What it returns
// is a copy.
//
// Promises:
//
//   - The state is the authority: an alert is up if and only if the unit's last state says so.
//   - Silence is not health: a room that is not heard is late, then silent. While its broker is
//     gone, nobody can tell, and the room says so in Doubt.
//   - No event is lost unnoticed: a hole in the numbers of a boot counts as missed.
//   - Memory is bounded, whatever is published: rooms that are not known are limited, and so is
//     every part of a room.
package practice

import (
	"cmp"
	"time"
)

// The defaults of Options.
const (
	DefaultLate       = 45 * time.Second // a heartbeat comes every 30 s
	DefaultSilent     = 3 * time.Minute
	DefaultMaxUnknown = 1000
	DefaultRemember   = 30 * 24 * time.Hour
)

// Options are the model's limits; zero values mean the defaults.
type Options struct {
	Late       time.Duration  // a room that is not heard for this long is late
	Silent     time.Duration  // and after this long silent
	MaxUnknown int            // the most rooms that are not in the list of known ones
	Remember   time.Duration  // for how long missed events count
	Location   *time.Location // of the closed periods, and of times in texts; nil: UTC
}

func (o Options) withDefaults() Options {
	o.Late = cmp.Or(o.Late, DefaultLate)
	o.Silent = cmp.Or(o.Silent, DefaultSilent)
	o.Remember = cmp.Or(o.Remember, DefaultRemember)
	o.MaxUnknown = cmp.Or(o.MaxUnknown, DefaultMaxUnknown)
	if o.Location == nil {
		o.Location = time.UTC
	}
	return o
}

// Known is a room of fleet.toml.
type Known struct {
	ID         RoomID
	Name       string   // for people; may be empty
	Recipients string   // the hash that the unit should publish; empty: not known
	Key        string   // the unit's verifier key; empty until it is collected
	Earlier    []string // keys of the room's earlier units
}

// Practice is all rooms.
type Practice struct {
	o       Options
	listed  bool // there is a list of known rooms
	rooms   map[RoomID]*room
	unknown int // rooms that are not in the list
	refused int // messages of rooms beyond the limit
	links   map[string]*link
	clock   clock
	closing []Closure // those that hold now
	closed  []Closure // all

	order []*room // worst first, if sorted
	dirty bool    // order has to be made again
	sites []string
}

// New returns a model that has heard nothing yet. Without known rooms, every room that is heard
// counts as known.
func New(known []Known, o Options) *Practice {
	p := &Practice{o: o.withDefaults(), listed: len(known) > 0, rooms: map[RoomID]*room{}, links: map[string]*link{}}
	for i := range known {
		p.add(known[i].ID, &known[i])
	}
	return p
}

func (p *Practice) add(id RoomID, known *Known) *room {
	r := &room{id: id, known: known, state: Never}
	if known == nil {
		r.state = Unknown
		p.unknown++
	}
	p.rooms[id] = r
	p.dirty, p.sites = true, nil
	return r
}

// find returns the room of a message, and makes one for a room that is not known yet; nil if there
// are too many of these.
func (p *Practice) find(id RoomID) *room {
	if r := p.rooms[id]; r != nil {
		return r
	}
	if p.unknown >= p.o.MaxUnknown {
		p.refused++
		return nil
	}
	return p.add(id, nil)
}

func (p *Practice) remove(r *room) {
	delete(p.rooms, r.id)
	p.unknown--
	p.dirty, p.sites = true, nil
}

// Room returns a room.
func (p *Practice) Room(id RoomID) (Room, bool) {
	r := p.rooms[id]
	if r == nil {
		return Room{}, false
	}
	return p.snapshot(r), true
}

// SetNotes replaces the notes of a room, newest first.
func (p *Practice) SetNotes(id RoomID, notes []Note) {
	if r := p.rooms[id]; r != nil {
		r.notes = notes
	}
}
