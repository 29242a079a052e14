package mqtt

import (
	"encoding/json"
	"maps"

	"tacet/daemon/topic"
)

// Memory keeps over restarts what Home Assistant was told last: a component that is described no
// more has to be taken away by its name. Both may wait for a disk: Load is called by New, Save on a
// goroutine of its own, never twice at a time.
type Memory interface {
	Load() ([]byte, error) // nothing, where nothing was saved
	Save([]byte) error
}

// told is what Memory holds.
type told struct {
	Topic      string            `json:"topic"` // of the description; empty: there is none
	Site       string            `json:"site"`
	Room       string            `json:"room"`
	Components map[string]string `json:"components"` // platforms, by key
}

// maxTold bounds what is read of it, in components.
const maxTold = 200

// describer has the unit described to Home Assistant: first with what has gone since the last time,
// then without.
type describer struct {
	memory Memory
	now    told
	clean  []byte // the description that stays
	stale  []byte // the one that also takes away what has gone; nil: nothing has
	old    string // a topic of former times, to be emptied; or ""
	saved  bool   // now is in memory
	saving chan struct{}
}

// newDescriber compares what is to be told with what was. A memory that can't be read is none.
func newDescriber(device topic.Device, memory Memory) (*describer, error) {
	d := &describer{memory: memory, now: told{Site: device.Site, Room: device.Room}, saving: make(chan struct{}, 1)}
	var before told
	if memory != nil {
		if data, err := memory.Load(); err == nil {
			if json.Unmarshal(data, &before) != nil || len(before.Components) > maxTold {
				before = told{}
			}
		}
	}
	if before.Site != device.Site || before.Room != device.Room {
		before = told{} // of a room that another unit may have by now
	}
	var err error
	if t := device.Discovery(); t != "" {
		d.now.Topic, d.now.Components = t, device.Components()
		if d.clean, err = device.MarshalJSON(); err != nil {
			return nil, err
		}
	}
	if before.Topic != "" && before.Topic != d.now.Topic {
		if device.Names.Check(before.Topic, nil) == nil {
			d.old = before.Topic
		}
		before.Components = nil // they go with it
	}
	gone := maps.Clone(before.Components)
	maps.DeleteFunc(gone, func(key, platform string) bool { return d.now.Components[key] == platform })
	if len(gone) > 0 && d.now.Topic != "" {
		device.Gone = gone
		if d.stale, err = device.MarshalJSON(); err != nil {
			return nil, err
		}
		if device.Names.Check(d.now.Topic, d.stale) != nil { // somebody wrote into the file
			d.stale = nil
		}
	}
	d.saved = d.old == "" && d.stale == nil && before.Topic == d.now.Topic &&
		maps.Equal(before.Components, d.now.Components)
	return d, nil
}

// first are the payloads to begin with, by topic.
func (d *describer) first() map[string][]byte {
	all := map[string][]byte{}
	if d.old != "" {
		all[d.old] = nil
	}
	switch {
	case d.stale != nil:
		all[d.now.Topic] = d.stale
	case d.now.Topic != "":
		all[d.now.Topic] = d.clean
	}
	return all
}

// arrived takes note that the broker has one of them, and returns what is to be said on the topic
// next; nil: nothing.
func (d *describer) arrived(name string) []byte {
	if name == d.old {
		d.old = ""
	}
	if name == d.now.Topic && d.stale != nil {
		d.stale = nil
		return d.clean
	}
	if !d.saved && d.old == "" && d.stale == nil {
		d.save()
	}
	return nil
}

func (d *describer) save() {
	data, err := json.Marshal(d.now)
	if err != nil || d.memory == nil {
		return
	}
	d.saved = true
	select {
	case d.saving <- struct{}{}:
		go func() { _ = d.memory.Save(data); <-d.saving }() // where it fails, the next start tries again
	default:
		d.saved = false // a disk hangs: later
	}
}
