// Package practice is the dashboard's model: it folds what the units publish, and the time, into
// rooms.
//
//	p := practice.New(known, practice.Options{})
//	p.Link("main", true, now)                       // the broker is connected
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
)

// Options are the model's limits; zero values mean the defaults.
type Options struct {
	Late       time.Duration  // a room that is not heard for this long is late
	Silent     time.Duration  // and after this long silent
	MaxUnknown int            // the most rooms that are not in the list of known ones
	Location   *time.Location // of the closed periods; nil: UTC
}

func (o Options) withDefaults() Options {
	o.Late = cmp.Or(o.Late, DefaultLate)
	o.Silent = cmp.Or(o.Silent, DefaultSilent)
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
