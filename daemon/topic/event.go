package topic

import (
	"fmt"
	"time"
)

// EventType is what has happened.
type EventType string

const (
	Started  EventType = "started"  // a recording began
	Ended    EventType = "ended"    // it ended; why is not said
	Copied   EventType = "copied"   // a store has the whole of it, read back
	Released EventType = "released" // the unit's own copy is gone
	Faulted  EventType = "fault"    // a warning came up
	Cleared  EventType = "cleared"  // and went
)

var eventTypes = []string{string(Started), string(Ended), string(Copied), string(Released), string(Faulted),
	string(Cleared)}

// Event is one thing that happened. Delivery is at least once and in order: who must not count
// twice remembers the ID.
type Event struct {
	ID        string // EventID
	Type      EventType
	Time      time.Time
	Recording string   // the recording, by its ID: started, ended, copied, released
	Store     string   // copied; fault and cleared, where the warning is about a store
	Seconds   *float64 // length of the recording: ended; copied and released, where it ended since the start
	Code      string   // the warning: fault, cleared
}

// Seconds is a duration as Event has it: seconds, to a tenth.
func Seconds(d time.Duration) *float64 {
	s := float64(d.Round(100*time.Millisecond).Milliseconds()) / 1000
	return &s
}

// EventID is the n-th event of one boot.
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

// MarshalJSON writes the contract's flat object.
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
