package mqtt

import (
	"encoding/json"
	"maps"
	"slices"

	"tacet/daemon/topic"
)

// DescriptionStore keeps the unit's last description for Home Assistant across restarts: a
// component that is gone must be removed by its name. Both methods may wait for a disk. New calls
// Load; a goroutine of its own calls Save, one call at a time.
type DescriptionStore interface {
	Load() ([]byte, error) // nil if nothing was saved
	Save([]byte) error
}

// described is the content of a DescriptionStore: the unit as it was last described.
type described struct {
	Topic      string            `json:"topic"` // of the description, or ""
	Site       string            `json:"site"`
	Room       string            `json:"room"`
	Components map[string]string `json:"components"` // platforms, by key
}

// maxComponents limits what is accepted from a DescriptionStore.
const maxComponents = 200

// describer publishes the unit's description for Home Assistant in two steps: first one that
// removes the components that are gone, then the final one.
type describer struct {
	store   DescriptionStore
	current described
	final   []byte // the description that stays
	removal []byte // the one that also removes components; nil: not needed, or acknowledged
	former  string // a former discovery topic that must be emptied, or ""
	saved   bool   // current is in store
	saving  chan struct{}
}

// newDescriber compares the device with what was described before. A store that can't be read
// counts as empty.
func newDescriber(device topic.Device, store DescriptionStore) (*describer, error) {
	d := &describer{store: store, current: described{Site: device.Site, Room: device.Room},
		saving: make(chan struct{}, 1)}
	before := load(store)
	if before.Site != device.Site || before.Room != device.Room {
		before = described{} // the room's topic may belong to another unit now
	}
	var err error
	if t := device.Discovery(); t != "" {
		d.current.Topic, d.current.Components = t, device.Components()
		if d.final, err = device.MarshalJSON(); err != nil {
			return nil, err
		}
	}
	if before.Topic != "" && before.Topic != d.current.Topic {
		if device.Describes(before.Topic) {
			d.former = before.Topic
		}
		before.Components = nil // emptying the topic removes them
	}
	gone := maps.Clone(before.Components)
	maps.DeleteFunc(gone, func(key, platform string) bool {
		return d.current.Components[key] == platform || !slices.Contains(topic.Platforms(), platform)
	})
	if len(gone) > 0 && d.current.Topic != "" {
		device.Gone = gone
		if d.removal, err = device.MarshalJSON(); err != nil {
			return nil, err
		}
	}
	d.saved = d.former == "" && d.removal == nil && before.Topic == d.current.Topic &&
		maps.Equal(before.Components, d.current.Components)
	return d, nil
}

func load(store DescriptionStore) described {
	if store == nil {
		return described{}
	}
	var d described
	data, err := store.Load()
	if err != nil || json.Unmarshal(data, &d) != nil || len(d.Components) > maxComponents {
		return described{}
	}
	return d
}

// initial returns the payloads to publish first, by topic.
func (d *describer) initial() map[string][]byte {
	all := map[string][]byte{}
	if d.former != "" {
		all[d.former] = nil
	}
	switch {
	case d.removal != nil:
		all[d.current.Topic] = d.removal
	case d.current.Topic != "":
		all[d.current.Topic] = d.final
	}
	return all
}

// acknowledged records that the broker has the payload of a topic. It returns the payload to
// publish on that topic next, or nil.
func (d *describer) acknowledged(name string) []byte {
	if name == d.former {
		d.former = ""
	}
	if name == d.current.Topic && d.removal != nil {
		d.removal = nil
		return d.final
	}
	if !d.saved && d.former == "" && d.removal == nil {
		d.save()
	}
	return nil
}

func (d *describer) save() {
	data, err := json.Marshal(d.current)
	if err != nil || d.store == nil {
		return
	}
	select {
	case d.saving <- struct{}{}:
		d.saved = true
		go func() { _ = d.store.Save(data); <-d.saving }() // after a failure the next start tries again
	default: // the last Save still waits for a disk: try again later
	}
}
