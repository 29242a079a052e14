package topic

import (
	"encoding/json"
	"fmt"
	"time"
)

// Ledger is what a witness remembers: the signed head of the unit's ledger and, during a recording,
// that recording's last checkpoint. Both are signed notes of several lines, kept as JSON strings.
type Ledger struct {
	Time       time.Time
	Head       string // signed note
	Recording  string // the running recording's ID, or ""
	Checkpoint string // signed note, or ""
}

type wireLedger struct {
	V          int    `json:"v"`
	Time       string `json:"time"`
	Head       string `json:"head"`
	Recording  string `json:"recording,omitempty"`
	Checkpoint string `json:"checkpoint,omitempty"`
}

// MarshalJSON returns one line of JSON.
func (l Ledger) MarshalJSON() ([]byte, error) {
	return compact(wireLedger{V: version, Time: stamp(l.Time), Head: l.Head, Recording: l.Recording,
		Checkpoint: l.Checkpoint})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Ledger) UnmarshalJSON(data []byte) error {
	var w wireLedger
	at, err := decode(data, &w, &w.V, &w.Time)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	*l = Ledger{Time: at, Head: w.Head, Recording: w.Recording, Checkpoint: w.Checkpoint}
	return nil
}

// decode reads a payload into w. v and at point to its version and time.
func decode(data []byte, w any, v *int, at *string) (time.Time, error) {
	if err := json.Unmarshal(data, w); err != nil {
		return time.Time{}, err
	}
	if *v != version {
		return time.Time{}, fmt.Errorf("payload of version %d", *v)
	}
	return time.Parse(time.RFC3339, *at)
}
