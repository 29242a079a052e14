package practice

import (
	"slices"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// RoomID identifies a room. Site and Room are [a-z0-9-]{1,32}.
type RoomID struct{ Site, Room string }

// String is site/room.
func (id RoomID) String() string { return id.Site + "/" + id.Room }

// Compare sorts by site, then by room.
func (id RoomID) Compare(other RoomID) int {
	if c := strings.Compare(id.Site, other.Site); c != 0 {
		return c
	}
	return strings.Compare(id.Room, other.Room)
}

// State is a room's state for the person who looks after it.
type State string

const (
	Hand      State = "hand"      // needs a hand: an alert is up that needs action
	Silent    State = "silent"    // not heard for long, or the broker says that it has gone
	Late      State = "late"      // a heartbeat is missing
	Unknown   State = "unknown"   // on the broker, not in fleet.toml
	Never     State = "never"     // in fleet.toml, never heard
	Recording State = "recording" // records now, and nothing is wrong
	Ready     State = "ready"     // can record
)

// States are all states, worst first.
var States = []State{Hand, Silent, Late, Unknown, Never, Recording, Ready}

// rank is the position in States.
func (s State) rank() int { return slices.Index(States, s) }

// Room is a snapshot of a room. It shares nothing that changes later.
type Room struct {
	ID     RoomID
	Name   string // for people; empty if fleet.toml has none
	Broker string // on which it was heard last; empty: on none
	State  State
	Since  time.Time // since when it is in State
	// Heard is when the last message came that was not an old one from the broker's memory. Zero:
	// never.
	Heard  time.Time
	Unit   *topic.State // the unit's last state; nil: none seen
	Online bool         // what availability says
	Alerts []Alert      // worst first
	Remedy string       // the one thing to do, or empty
	// Missed is how many events are known to be missed in the period that is kept.
	Missed          int
	Skew            time.Duration // how far the unit's clock is ahead of ours
	WrongRecipients bool          // the unit encrypts to other recipients than fleet.toml says
	WrongKey        bool          // the unit's key is not the one in fleet.toml
	Doubt           string        // why what is shown may not be current; empty: it is
	Closed          *Closure      // the closed period that holds now; nil: none
	Notes           []Note        // newest first
}

// Title is the name for people: the room's name, or else its ID.
func (r *Room) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return r.ID.Room
}

// Phase is what the unit does, or empty if that is not known.
func (r *Room) Phase() topic.Phase {
	if r.Unit == nil {
		return ""
	}
	return r.Unit.Phase
}

// Alert is a warning that is up in a room.
type Alert struct {
	Code     health.Code
	Severity health.Severity
	Blocks   bool      // recording is refused
	Title    string    // a few words
	Text     string    // what the unit says: what, since when, what to do; or what is declared
	Remedy   string    // what to do, in 160 bytes at most
	Since    time.Time // when the dashboard learnt of it
	Store    string    // the store that the warning is about, if an event said so
}

// Note is what a person wrote about a room.
type Note struct {
	ID   int64
	Room RoomID
	At   time.Time
	By   string // the account
	Text string
}

// Closure is a period in which rooms are closed: a night, a holiday, a repair. A closed room sorts
// last and raises no notice. Site and Room narrow it; empty means all.
type Closure struct {
	ID         int64
	Site, Room string
	From       time.Time // zero: since ever
	Until      time.Time // zero: until it is removed
	// Weekly: on Days, from Start to End, which are minutes after midnight. An End that is not after
	// Start is on the next day. Days zero: all the time.
	Days       Weekdays
	Start, End int
	Why, By    string
}

// Weekdays is a set of days: bit 0 is Sunday, as in time.Weekday.
type Weekdays uint8

// Has reports whether a day is in the set.
func (w Weekdays) Has(day time.Weekday) bool { return w>>uint(day)&1 == 1 }

// Covers reports whether the closure holds for a room at a time, whose location counts.
func (c *Closure) Covers(id RoomID, at time.Time) bool { return c.concerns(id) && c.holds(at) }

func (c *Closure) concerns(id RoomID) bool {
	return (c.Site == "" || c.Site == id.Site) && (c.Room == "" || c.Room == id.Room)
}

func (c *Closure) holds(at time.Time) bool {
	if !c.From.IsZero() && at.Before(c.From) || !c.Until.IsZero() && !at.Before(c.Until) {
		return false
	}
	if c.Days == 0 {
		return true
	}
	minute, today := at.Hour()*60+at.Minute(), at.Weekday()
	if c.End > c.Start {
		return c.Days.Has(today) && c.Start <= minute && minute < c.End
	}
	yesterday := (today + 6) % 7
	return c.Days.Has(today) && minute >= c.Start || c.Days.Has(yesterday) && minute < c.End
}
