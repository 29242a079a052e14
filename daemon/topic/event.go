package topic

import (
	"fmt"
	"time"
)

// EventType is what happened.
type EventType string

const (
	Started  EventType = "started"  // a recording started
	Ended    EventType = "ended"    // a recording ended; the reason is not published
	Copied   EventType = "copied"   // a store has all of it, verified by reading it back
	Released EventType = "released" // the unit's own copy was deleted
	Faulted  EventType = "fault"    // a warning was raised
	Cleared  EventType = "cleared"  // a warning was cleared
)

var eventTypes = []string{string(Started), string(Ended), string(Copied), string(Released), string(Faulted),
	string(Cleared)}

// Event is one thing that happened. Events are delivered in order and at least once: readers
// recognise duplicates by the ID.
type Event struct {
	ID        string // see EventID
	Type      EventType
	Time      time.Time
	Recording string   // the recording's ID, for started, ended, copied and released
	Store     string   // for copied; for fault and cleared if the warning is about a store
	Seconds   *float64 // the recording's length, for ended; for copied and released if it ended since the daemon started
	Code      string   // the warning, for fault and cleared
}

// Seconds is a duration in seconds for Event, rounded to a tenth.
func Seconds(d time.Duration) *float64 {
	s := float64(d.Round(100*time.Millisecond).Milliseconds()) / 1000
	return &s
}

// EventID is the ID of the n-th event of a boot.
func EventID(boot string, n uint64) string { return fmt.Sprintf("%s-%d", boot, n) }

type wireEvent struct {
	V         int       `json:"v"`
	ID        string    `json:"event_id"`
	Type      EventType `json:"event_type"`
	Time      string    `json:"time"`
	Recording string    `json:"recording,omitempty"`
	Store     string    `json:"store,omitempty"`
	Seconds   *float64  `json:"seconds,omitempty"`
	Code      string    `json:"code,omitempty"`
}

// MarshalJSON returns one flat object.
func (e Event) MarshalJSON() ([]byte, error) {
	return compact(wireEvent{
		V: version, ID: e.ID, Type: e.Type, Time: stamp(e.Time),
		Recording: e.Recording, Store: e.Store, Seconds: finite(e.Seconds), Code: e.Code,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Event) UnmarshalJSON(data []byte) error {
	var w wireEvent
	at, err := decode(data, &w, &w.V, &w.Time)
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	*e = Event{ID: w.ID, Type: w.Type, Time: at, Recording: w.Recording, Store: w.Store, Seconds: w.Seconds, Code: w.Code}
	return nil
}
