//go:build unix

package store

import (
	"slices"
	"sync"
	"time"

	"tacet/daemon/recording"
)

// entry is a recording in the spool, as the stores see it.
type entry struct {
	name, id string
	live     bool
	finished bool // it has its end, and that is on the disk
	held     []bool
	leaving  bool // it is being released
}

// index is what is in the spool, and which stores hold what of it. It is in memory, so that one recording more costs the
// same however many there are. Any goroutine may use it.
type index struct {
	mu      sync.Mutex
	entries map[string]*entry // by name
	waiting [][]string        // for each store: the names of what it lacks, oldest first
	lacking int               // recordings that one store or more lacks
	running string            // the recording that is being written
}

func newIndex(stores int) *index {
	return &index{entries: map[string]*entry{}, waiting: make([][]string, stores)}
}

// put adds a recording, or changes what is known of it.
func (x *index) put(name string, live, finished bool, held []bool) {
	_, _, id, err := recording.ParseName(name)
	if err != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[name]
	if e == nil {
		e = &entry{name: name, id: id, held: make([]bool, len(x.waiting))}
		copy(e.held, held)
		x.entries[name] = e
		for i := range x.waiting {
			if !e.held[i] {
				x.waiting[i] = insert(x.waiting[i], name)
			}
		}
		if e.lacked() {
			x.lacking++
		}
	}
	e.live, e.finished = live, finished
	if live {
		x.running = name
	} else if x.running == name {
		x.running = ""
	}
}

func (e *entry) lacked() bool { return slices.Contains(e.held, false) }

// drop forgets a recording that is not in the spool any more.
func (x *index) drop(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[name]; e != nil && e.lacked() {
		x.lacking--
	}
	if x.running == name {
		x.running = ""
	}
	delete(x.entries, name)
	for i := range x.waiting {
		x.waiting[i] = without(x.waiting[i], name)
	}
}

// hold notes that a store holds a recording, and reports whether the spool's copy may go now: no more than once.
func (x *index) hold(name string, store int, r Release) (release bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[name]
	if e == nil {
		return false
	}
	before := e.lacked()
	e.held[store] = true
	if before && !e.lacked() {
		x.lacking--
	}
	x.waiting[store] = without(x.waiting[store], name)
	return e.leave(r)
}

// leave reports whether the spool's copy may go, and if so, that somebody sees to it.
func (e *entry) leave(r Release) bool {
	if e.live || !e.finished || e.leaving || !r.met(e.held) {
		return false
	}
	e.leaving = true
	return true
}

// stay takes back that somebody sees to a release: it failed.
func (x *index) stay(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[name]; e != nil {
		e.leaving = false
	}
}

// ids are the IDs of all recordings in the spool.
func (x *index) ids() map[string]bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	ids := make(map[string]bool, len(x.entries))
	for _, e := range x.entries {
		ids[e.id] = true
	}
	return ids
}

// leaving returns the recordings that may go.
func (x *index) leaving(r Release) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var names []string
	for name, e := range x.entries {
		if e.leave(r) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// get is a copy of what is known of a recording.
func (x *index) get(name string) (entry, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[name]
	if e == nil {
		return entry{}, false
	}
	return *e, true
}

// live is the recording that is being written; empty where there is none.
func (x *index) live() (name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.running
}

// next is the newest or the oldest finished recording that a store lacks, and that is not passed over.
func (x *index) next(store int, newest bool, over func(name string) bool) (name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	waiting := x.waiting[store]
	for i := range waiting {
		name := waiting[i]
		if newest {
			name = waiting[len(waiting)-1-i]
		}
		if e := x.entries[name]; e.finished && !e.live && !over(name) {
			return name
		}
	}
	return ""
}

// pending is how many recordings a store lacks (all stores together: any of them), and when the oldest began.
func (x *index) pending(store int) (n int, oldest time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.waiting[store]), began(x.waiting[store])
}

func (x *index) pendingAnywhere() (n int, oldest time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, waiting := range x.waiting {
		if t := began(waiting); oldest.IsZero() || !t.IsZero() && t.Before(oldest) {
			oldest = t
		}
	}
	return x.lacking, oldest
}

// began is when the oldest of some recordings began, by its name.
func began(waiting []string) time.Time {
	if len(waiting) == 0 {
		return time.Time{}
	}
	t, _, _, err := recording.ParseName(waiting[0])
	if err != nil {
		return time.Time{}
	}
	return t
}

func insert(sorted []string, name string) []string {
	i, found := slices.BinarySearch(sorted, name)
	if found {
		return sorted
	}
	return slices.Insert(sorted, i, name)
}

func without(sorted []string, name string) []string {
	if i, found := slices.BinarySearch(sorted, name); found {
		return slices.Delete(sorted, i, i+1)
	}
	return sorted
}

// Release says when the spool's copy of a recording may go.
type Release string

// What the configuration may say.
const (
	ReleaseAll   Release = "all"
	ReleaseAny   Release = "any"
	ReleaseNever Release = "never"
)

// met reports whether the stores that hold a recording are enough. No stores are never enough.
func (r Release) met(held []bool) bool {
	switch {
	case len(held) == 0 || r == ReleaseNever:
		return false
	case r == ReleaseAny:
		return slices.Contains(held, true)
	}
	return !slices.Contains(held, false)
}
