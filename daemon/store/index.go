//go:build unix

package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tacet/daemon/recording"
)

// entry is a recording in the spool, as the stores see it.
type entry struct {
	name, id string
	order    string    // sorts entries by age, as far as that is known
	began    time.Time // by its name; zero where that can't be relied on
	seen     time.Time // when it came here: it has waited at least since then
	live     bool
	finished bool // it has its end, and that is on the disk
	held     []bool
	leaving  bool // it is being released
}

// index is what is in the spool, and which stores hold what of it. It is in memory, so that one
// recording more costs the same however many there are. Any goroutine may use it.
type index struct {
	mu      sync.Mutex
	entries map[string]*entry // by name
	waiting [][]*entry        // for each store: what it lacks, oldest first
	lacking int               // recordings that one store or more lacks
	running string            // the recording that is being written
	came    int               // how many came since the start
}

// A dating says what is known of a recording's age.
type dating uint8

const (
	cameNow  dating = iota // it came while this process looked on: after all that were found
	dated                  // it was found, and began when its name says
	notDated               // it was found, and the unit's clock was not set when it began: at least as old as this process
)

// date notes what is known of an entry's age. A time by a clock that was not set is compared with
// no other: what was found is older than what came, and only names that can be relied on are
// compared with names.
func (x *index) date(e *entry, d dating, started time.Time) {
	e.seen = time.Now()
	switch d {
	case dated:
		e.began, e.order = started, "1 "+e.name
	case notDated:
		e.order = "2 " + e.name
	default:
		x.came++
		e.order = fmt.Sprintf("3 %020d", x.came)
	}
}

// since is since when an entry has waited. What its name says can't be used while the clock is not
// set.
func (e *entry) since(clockSet bool) Since {
	if clockSet && !e.began.IsZero() {
		return Since{e.began, true}
	}
	return Since{e.seen, false}
}

func newIndex(stores int) *index {
	return &index{entries: map[string]*entry{}, waiting: make([][]*entry, stores)}
}

// put adds a recording, or changes what is known of it. held and d count only for one that is not
// there yet.
func (x *index) put(name string, live, finished bool, held []bool, d dating) {
	started, _, id, err := recording.ParseName(name)
	if err != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[name]
	if e == nil {
		e = &entry{name: name, id: id, held: make([]bool, len(x.waiting))}
		copy(e.held, held)
		x.date(e, d, started)
		x.entries[name] = e
		for i := range x.waiting {
			if !e.held[i] {
				x.waiting[i] = insert(x.waiting[i], e)
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
	if x.running == name {
		x.running = ""
	}
	e := x.entries[name]
	if e == nil {
		return
	}
	if e.lacked() {
		x.lacking--
	}
	delete(x.entries, name)
	for i := range x.waiting {
		x.waiting[i] = without(x.waiting[i], e)
	}
}

// hold notes that a store holds a recording, and reports whether the spool's copy may go now: no
// more than once.
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
	x.waiting[store] = without(x.waiting[store], e)
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

// next is the newest or the oldest finished recording that a store lacks, and that is not passed
// over.
func (x *index) next(store int, newest bool, over func(name string) bool) (name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	waiting := x.waiting[store]
	for i := range waiting {
		e := waiting[i]
		if newest {
			e = waiting[len(waiting)-1-i]
		}
		if e.finished && !e.live && !over(e.name) {
			return e.name
		}
	}
	return ""
}

// pending is how many recordings a store lacks, and since when the oldest has waited.
func (x *index) pending(store int, clockSet bool) (n int, oldest Since) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting[store]) > 0 {
		oldest = x.waiting[store][0].since(clockSet)
	}
	return len(x.waiting[store]), oldest
}

// pendingAnywhere is how many recordings one store or more lacks, and since when the oldest has
// waited.
func (x *index) pendingAnywhere(clockSet bool) (n int, oldest Since) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var first *entry
	for _, waiting := range x.waiting {
		if len(waiting) > 0 && (first == nil || waiting[0].order < first.order) {
			first = waiting[0]
		}
	}
	if first != nil {
		oldest = first.since(clockSet)
	}
	return x.lacking, oldest
}

func byOrder(e, o *entry) int { return strings.Compare(e.order, o.order) }

func insert(sorted []*entry, e *entry) []*entry {
	i, found := slices.BinarySearchFunc(sorted, e, byOrder)
	if found {
		return sorted
	}
	return slices.Insert(sorted, i, e)
}

func without(sorted []*entry, e *entry) []*entry {
	if i, found := slices.BinarySearchFunc(sorted, e, byOrder); found {
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
