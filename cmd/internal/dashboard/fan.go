package dashboard

import (
	"slices"
	"sync"

	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
)

// changeAll says that anything may have changed.
var changeAll = page.Change{All: true}

// maxNamed is how many rooms a change names. A page shows fewer tiles at once.
const maxNamed = 500

// fan tells everybody who has subscribed what changed. It never waits for any of them.
type fan struct {
	mu  sync.Mutex
	all map[chan page.Change]bool // guarded by mu; each holds at most one change
}

// Subscribe implements page.Source.
func (d *Dashboard) Subscribe() (<-chan page.Change, func()) {
	f, c := &d.fan, make(chan page.Change, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[chan page.Change]bool{}
	}
	f.all[c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.all, c)
	}
}

func (f *fan) tell(change page.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.all {
		merged := change
		select {
		case old := <-c:
			merged = merge(old, change)
		default:
		}
		c <- merged // nobody else sends
	}
}

func merge(a, b page.Change) page.Change {
	if a.All || b.All {
		return page.Change{All: true}
	}
	rooms := slices.Concat(a.Rooms, b.Rooms)
	slices.SortFunc(rooms, practice.RoomID.Compare)
	rooms = slices.Compact(rooms)
	if len(rooms) > maxNamed {
		return page.Change{All: true}
	}
	return page.Change{Rooms: rooms}
}
