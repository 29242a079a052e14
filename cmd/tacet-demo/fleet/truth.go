package fleet

import (
	"slices"
	"strings"

	"tacet/cmd/internal/fleet"
	"tacet/daemon/topic"
)

// Truth is what a room is, whatever the broker knows of it.
type Truth struct {
	Site, Room string
	Powered    bool   // it runs; else its power is cut
	Linked     bool   // its network works
	Connected  bool   // the broker has received everything that it says on a connect
	Boot       string // of the present start
	Events     uint64 // published since that start
	Phase      topic.Phase
	Alerts     []string // codes, sorted
	Version    string
}

// Truth returns the truth about all rooms, in the order of their numbers.
func (f *Fleet) Truth() []Truth {
	all := make([]Truth, len(f.rooms))
	for i, r := range f.rooms {
		all[i] = r.truth()
	}
	return all
}

// Counts sums up what the fleet does.
type Counts struct {
	Rooms, Connected, Recording, Alerted int
	Events                               uint64 // of the present starts
}

// Counts returns the fleet's counts.
func (f *Fleet) Counts() Counts {
	n := Counts{Rooms: len(f.rooms)}
	for _, t := range f.Truth() {
		if t.Connected {
			n.Connected++
		}
		if t.Phase == topic.Recording {
			n.Recording++
		}
		if len(t.Alerts) > 0 {
			n.Alerted++
		}
		n.Events += t.Events
	}
	return n
}

// List is the fleet.toml of the simulated practice.
func (f *Fleet) List() *fleet.Fleet {
	list := &fleet.Fleet{}
	bySite := map[string]int{}
	for _, r := range f.rooms {
		at, known := bySite[r.names.Site]
		if !known {
			at = len(list.Sites)
			bySite[r.names.Site] = at
			list.Sites = append(list.Sites, fleet.Site{ID: r.names.Site})
		}
		list.Sites[at].Rooms = append(list.Sites[at].Rooms,
			fleet.Room{ID: r.names.Room, Name: r.title, Recipients: recipients, Key: r.key.public})
	}
	slices.SortFunc(list.Sites, func(a, b fleet.Site) int { return strings.Compare(a.ID, b.ID) })
	for _, s := range list.Sites {
		slices.SortFunc(s.Rooms, func(a, b fleet.Room) int { return strings.Compare(a.ID, b.ID) })
	}
	return list
}
