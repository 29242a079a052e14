package practice

import (
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// Message is a message as it came from a broker. Payload and Topic are not trusted.
type Message struct {
	Broker   string // the broker's name
	Topic    string
	Payload  []byte
	Retained bool      // an old one, from the broker's memory
	At       time.Time // when it arrived, by the dashboard's clock
}

// Effect is what a message did.
type Effect struct {
	Room    RoomID // zero: the message belongs to no room
	Changed bool   // the room's snapshot is another one, apart from Heard
	Entries []Entry
	// Keep is the name below the room under which the payload is the latest one and worth keeping,
	// such as "state" or "alert/mic-missing"; empty: nothing to keep.
	Keep string
	// Ledger is set if the message was a ledger that a witness should remember.
	Ledger *topic.Ledger
	// Err says why the message was not understood. Such a message counts as heard and changes
	// nothing else.
	Err error
}

// Kind is what an Entry is about: an event's type, or one of what the dashboard itself noticed.
type Kind string

const (
	Started  = Kind(topic.Started)
	Ended    = Kind(topic.Ended)
	Copied   = Kind(topic.Copied)
	Released = Kind(topic.Released)
	Faulted  = Kind(topic.Faulted)
	Cleared  = Kind(topic.Cleared)

	Missed     Kind = "missed"     // Count events are missing before this one
	Found      Kind = "found"      // an event came that had counted as missed
	Moved      Kind = "moved"      // the room's state became State; From is what it was
	Booted     Kind = "booted"     // the unit started again; Text is its version
	Upgraded   Kind = "upgraded"   // Text is "old → new"
	Configured Kind = "configured" // another configuration runs
	Recipients Kind = "recipients" // it encrypts to other recipients
	NewKey     Kind = "key"        // it signs with another key
	Linked     Kind = "linked"     // the broker named in Text is connected
	Unlinked   Kind = "unlinked"   // the broker named in Text is gone
	Forgot     Kind = "forgot"     // the broker named in Text has lost our session: events may be missed
	Clock      Kind = "clock"      // this computer's clock jumped; Text says by how much
)

// Entry is a line of the history. Lengths and codes only: never what was said, or by whom.
type Entry struct {
	Room      RoomID // zero for what is about a broker or this computer
	At        time.Time
	Kind      Kind
	ID        string    // the event's ID; empty for what the dashboard noticed
	UnitTime  time.Time // by the unit's clock; zero if it has none
	Recording string
	Store     string
	Seconds   *float64
	Code      health.Code
	Count     int   // for Missed
	State     State // for Moved
	From      State // for Moved
	Text      string
}
