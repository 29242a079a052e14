// Package page is the dashboard's side of HTTP: tiles, rooms, the morning round, /api/rooms and
// /metrics.
package page

import (
	"context"
	"time"

	"tacet/cmd/internal/dashboard/practice"
)

// Source is what the page shows. Any goroutine may call it. What it returns are copies.
type Source interface {
	// Query returns rooms, worst first, and the counts.
	Query(practice.Filter) ([]practice.Room, practice.Counts)
	// Room returns one room.
	Room(practice.RoomID) (practice.Room, bool)
	// Timeline returns what happened in a room, oldest first.
	Timeline(ctx context.Context, room practice.RoomID, from, to time.Time) ([]practice.Entry, error)
	// Today returns what changed in the rooms of some sites (none: all) since a time, newest first.
	Today(ctx context.Context, sites []string, since time.Time, limit int) ([]practice.Entry, error)
	// Status says how far what is shown can be trusted.
	Status() Status
	// Subscribe returns a channel that has something whenever rooms may have changed. It holds the
	// latest set only: a slow reader gets several changes at once. stop ends it.
	Subscribe() (changes <-chan Change, stop func())

	// Notes and closures. by is the account that does it, for the audit log.
	AddNote(ctx context.Context, room practice.RoomID, by, text string) error
	RemoveNote(ctx context.Context, id int64, by string) error
	Closures(ctx context.Context) ([]practice.Closure, error)
	AddClosure(ctx context.Context, c practice.Closure) error
	RemoveClosure(ctx context.Context, id int64, by string) error
}

// Desk is what else people do at the page. A page without one offers neither.
type Desk interface {
	// Snooze keeps notices about a room quiet until a time; zero: no longer.
	Snooze(ctx context.Context, room practice.RoomID, by string, until time.Time) error
	// Snoozed returns until when notices about a room are quiet, and who wanted that. by is empty if
	// they are not.
	Snoozed(ctx context.Context, room practice.RoomID) (until time.Time, by string, err error)
	// Audit returns who noted, closed and snoozed what, newest first.
	Audit(ctx context.Context, limit int) ([]Act, error)
}

// Act is a line of the audit log.
type Act struct {
	At       time.Time
	By, What string
	On       string // a room or a site
	Text     string
}

// Change is what may have changed since the last Change was taken.
type Change struct {
	Rooms []practice.RoomID // sorted; nil with All
	All   bool              // too many to name, or a broker or the clock
}

// Status is how far what is shown can be trusted.
type Status struct {
	At     time.Time // now, by the dashboard's clock
	Links  []practice.Link
	Clocks practice.Clocks
	// Behind says that the history can't be written, so events are not acknowledged; empty: it can.
	Behind string
	// Fleet: a list of known rooms was given.
	Fleet bool
	// Notices is how those do who get notices; none without notices.
	Notices []Recipient
}

// Recipient is somebody who gets notices.
type Recipient struct {
	Name    string    // for people
	Waiting int       // notices that are not sent yet
	Failing time.Time // since when nothing is taken; zero: it works
	Trouble string    // why nothing is taken, or why the last one was refused
	Advice  string
	Refused int // notices that were refused for good since the start
}
