// Package notice decides when a person gets a word about a room, and what it says.
//
//	e := notice.New(rules, saved, options)
//	e.See(notice.OfRoom(room), now)   // whenever a room changes
//	e.Advance(now)                    // and at the time that Next returned
//	out := e.Take()                   // store out in one transaction; then send out.Messages
//
// It is pure: it has no clock, no goroutine and no I/O, and one goroutine owns it. Package post runs
// it, package send sends.
//
// Each rule has a state machine for each fault of each room:
//
//	ok ──fault──→ pending ──grace──→ firing ──fault gone──→ clearing ──clear──→ ok
//
// A pending fault that goes away in time is never mentioned. A clearing fault that comes back fires
// on, so that a room that comes and goes is one notice and not a hundred. After its end a fault is
// not mentioned again before the cool-down is over, and a fault that then returns has to stay away
// for as long as the cool-down before it counts as over.
//
// Faults that start to fire within the rule's group time are one incident: one message, one
// "resolved" when the last of them is over, and in between an update when some are over and others
// are not.
//
// Promises:
//
//   - A room that is closed, or whose broker is gone, raises nothing. What was mentioned before is
//     kept, and goes on when the room can be seen again.
//   - A message holds no name of a recording, no time of a consultation and no text from a unit:
//     only codes, whose texts are declared here and in package health.
//   - The number of messages is bounded: see Rule.PerHour.
package notice

import (
	"slices"
	"time"

	"tacet/daemon/health"
)

// Kind is what a message is about.
type Kind string

const (
	Alert    Kind = "alert"    // faults have started
	Update   Kind = "update"   // some of an incident's faults are over
	Reminder Kind = "reminder" // an incident lasts
	Resolved Kind = "resolved" // all faults of an incident are over
	Weekly   Kind = "weekly"   // how the week was
	Test     Kind = "test"     // somebody tries whether messages arrive
)

// Message is what people get. As JSON it is what a plain webhook receives: fields are added, never
// changed.
type Message struct {
	V        int             `json:"v"`
	ID       string          `json:"id"`     // of this message; the same if it is sent twice
	Thread   string          `json:"thread"` // the ID of the incident's first message
	Kind     Kind            `json:"kind"`
	Rule     string          `json:"rule"`
	Time     time.Time       `json:"time"`
	Severity health.Severity `json:"severity"` // of the worst problem
	Subject  string          `json:"subject"`
	Text     string          `json:"text"`
	Link     string          `json:"link,omitempty"` // to the room's page, or to all rooms
	Problems []Problem       `json:"problems,omitempty"`
	More     int             `json:"more,omitempty"` // problems that did not fit in
	To       []string        `json:"-"`              // names of those who get it
}

// For reports whether somebody gets the message.
func (m *Message) For(name string) bool { return slices.Contains(m.To, name) }

// Problem is one fault in a message.
type Problem struct {
	Site     string          `json:"site,omitempty"`
	Room     string          `json:"room,omitempty"`
	Name     string          `json:"name"`
	Broker   string          `json:"broker,omitempty"`
	Code     health.Code     `json:"code"`
	Severity health.Severity `json:"severity"`
	Title    string          `json:"title"`
	Since    time.Time       `json:"since"`
	Until    time.Time       `json:"until,omitzero"`
	Over     bool            `json:"over"`   // it is over
	Closed   bool            `json:"closed"` // the room is closed now, so nobody watches it
	Flaps    int             `json:"flaps"`  // how often it came back
	Remedy   string          `json:"remedy,omitempty"`
	Link     string          `json:"link,omitempty"`
}

// The bounds of a message.
const (
	maxProblems = 50 // in Problems
	maxNamed    = 20 // rooms that a text names for each fault
	maxKinds    = 10 // kinds of fault in a text
)
