package practice

import (
	"encoding/json"
	"slices"
	"time"
)

// Memory is what has to be kept of a room, besides the latest payload on each of its topics, so
// that a dashboard that starts again continues where the last one ended. It is JSON for the
// database.
type Memory struct {
	Broker string    `json:"broker"`
	Heard  time.Time `json:"heard"`
	State  State     `json:"state"`
	Since  time.Time `json:"since"`
	// Boots are how far the events have come; Missed is what was missed, by days.
	Boots  []position           `json:"boots,omitempty"`
	Missed map[string]int       `json:"missed,omitempty"`
	Raised map[string]time.Time `json:"raised,omitempty"` // since when alerts are up
	On     map[string]string    `json:"on,omitempty"`     // the stores that they are about
}

// Remember returns what has to be kept of a room now. It shares nothing with the room: it is
// written later, with what had happened until now and nothing more.
func (p *Practice) Remember(id RoomID) (Memory, bool) {
	r := p.rooms[id]
	if r == nil {
		return Memory{}, false
	}
	m := Memory{Broker: r.broker, Heard: r.heard, State: r.state, Since: r.since, Boots: slices.Clone(r.boots),
		Missed: map[string]int{}, Raised: map[string]time.Time{}, On: map[string]string{}}
	for _, one := range r.misses {
		m.Missed[one.day.UTC().Format(time.RFC3339)] += one.count
	}
	for code, up := range r.raised {
		m.Raised[code] = up.at
		if up.store != "" {
			m.On[code] = up.store
		}
	}
	return m, true
}

// MarshalText returns JSON.
func (m *Memory) MarshalText() ([]byte, error) {
	type plain Memory
	return json.Marshal((*plain)(m))
}

// UnmarshalText reads what MarshalText wrote.
func (m *Memory) UnmarshalText(text []byte) error {
	type plain Memory
	return json.Unmarshal(text, (*plain)(m))
}

// Latest is a payload that was kept.
type Latest struct {
	Name    string // below the room: "state", "alert/mic-missing"
	Payload []byte
	At      time.Time
}

// Restore puts a room back as it was kept. It is in doubt until something is heard of it. Restore
// is for a model that has heard nothing yet.
func (p *Practice) Restore(id RoomID, m Memory, latest []Latest) {
	r := p.find(id)
	if r == nil {
		return
	}
	r.boots = m.Boots[:min(len(m.Boots), maxBoots)]
	r.raised = map[string]raise{}
	for code, at := range m.Raised {
		r.raised[code] = raise{at, m.On[code]}
	}
	for _, l := range latest {
		var e Effect
		if wanted(l.Name) {
			p.fold(r, l.Name, Message{Payload: l.Payload, Retained: true, At: l.At}, &e)
		}
	}
	for text, count := range m.Missed {
		if day, err := time.Parse(time.RFC3339, text); err == nil {
			r.misses = append(r.misses, miss{day, count})
		}
	}
	r.broker, r.heard, r.state, r.since = m.Broker, m.Heard, m.State, m.Since
	p.dirty = true
}

// Heard returns when each room was heard last, for those that were heard after a time.
func (p *Practice) Heard(after time.Time) []RoomID {
	var all []RoomID
	for id, r := range p.rooms {
		if r.heard.After(after) {
			all = append(all, id)
		}
	}
	return all
}
