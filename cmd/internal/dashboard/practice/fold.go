package practice

import "time"

// Practice is all rooms. See the package comment.
type Practice struct {
	o Options
}

// New returns a model that has heard nothing yet.
func New(known []Known, o Options) *Practice {
	_ = known
	return &Practice{o: o.withDefaults()}
}

// Apply folds a message into its room.
func (p *Practice) Apply(m Message) Effect { _ = m; return Effect{} }

// Link records that a broker's connection came up or went down. forgot: the broker did not know our
// session any more.
func (p *Practice) Link(broker string, up, forgot bool, at time.Time) []Entry {
	_, _, _, _ = broker, up, forgot, at
	return nil
}

// Trouble records why a broker can't be reached, or a warning about one that can.
func (p *Practice) Trouble(broker, trouble, advice string) { _, _, _ = broker, trouble, advice }

// Links returns the brokers, sorted by name.
func (p *Practice) Links() []Link { return nil }

// ClockJumped records that this computer's clock jumped against its own monotonic one.
func (p *Practice) ClockJumped(by time.Duration, at time.Time) Entry {
	return Entry{Kind: Clock, At: at, Text: by.String()}
}

// Clocks returns what is known of this computer's clock.
func (p *Practice) Clocks() Clocks { return Clocks{} }

// SetClosures replaces all closed periods.
func (p *Practice) SetClosures(all []Closure) { _ = all }

// SetNotes replaces the notes of a room, newest first.
func (p *Practice) SetNotes(id RoomID, notes []Note) { _, _ = id, notes }

// Advance moves the time forward. It returns the rooms that changed by that, their entries, and when
// the next change is due.
func (p *Practice) Advance(now time.Time) (changed []RoomID, entries []Entry, next time.Time) {
	return nil, nil, now.Add(time.Hour)
}

// Room returns a room.
func (p *Practice) Room(id RoomID) (Room, bool) { _ = id; return Room{}, false }

// Query returns the rooms that a filter selects, worst first, and the counts.
func (p *Practice) Query(f Filter) ([]Room, Counts) { _ = f; return nil, Counts{} }
