package practice

import "time"

// Filter selects rooms. Empty fields select all.
type Filter struct {
	Sites  []string
	States []State
	Search string // in site, room and name, without regard to case
	Offset int
	Limit  int // 0: all
}

// Counts are the rooms of each state, among those that Sites and Search select. Closed rooms are
// counted in Closed only.
type Counts struct {
	Rooms    int // all of them, closed ones too
	Selected int // those that the whole filter selects, before Offset and Limit
	ByState  map[State]int
	Closed   int
	Refused  int // made-up rooms beyond the limit, of which nothing is known but their number
	Sites    []string
}

// Link is the state of one broker's connection.
type Link struct {
	Broker string
	Up     bool
	Since  time.Time // since when it is up or down
	Last   time.Time // the last message; zero: none
	// Forgot is when the broker last had lost our session, so that events may be missed; zero:
	// never.
	Forgot  time.Time
	Trouble string // why there is no connection, for a person; empty if it is up
	Advice  string // what to do about it, or a warning about a broker that is up
}

// Clocks is what is known of this computer's clock.
type Clocks struct {
	Jumped   time.Time     // when it last jumped; zero: it has not
	By       time.Duration // by how much
	Skew     time.Duration // how far the units' clocks are ahead of it, at the median
	Compared int           // how many units were compared
	Wrong    bool          // it differs from the units' so much that times here can't be trusted
}
