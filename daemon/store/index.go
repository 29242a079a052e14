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

// entry is a recording in the spool.
type entry struct {
	name, id string
	order    string    // sorts entries by age, as far as that is known
	began    time.Time // by its name; zero if that is unreliable
	seen     time.Time // when it was added: it has waited at least since then
	live     bool
	finished bool   // it has its end, and all of it is on disk
	held     []bool // by store
	leaving  bool   // it is being released
}

// index is what is in the spool, and which stores hold it. It is kept in memory, so that the cost
// of a recording doesn't depend on their number. Any goroutine may use it.
type index struct {
	mu      sync.Mutex
	entries map[string]*entry // by name
	waiting [][]*entry        // by store: what it lacks, oldest first
	lacking int               // number of recordings that one store or more lacks
	running string            // the live recording
	came    int               // number of recordings started by this process
}

// A dating is what is known about a recording's age.
type dating uint8

const (
	cameNow  dating = iota // started by this process: after all that were found
	dated                  // found, and started when its name says
	notDated               // found, and started while the unit's clock was not set: at least as old as this process
)

// date sets an entry's place in the order of ages. Recordings that were found are older than new
// ones. Names are compared only with names, and only if the clock was set.
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

// since returns since when an entry has waited. While the clock is not set it can't use the name.
func (e *entry) since(clockSet bool) Since {
	if clockSet && !e.began.IsZero() {
		return Since{e.began, true}
	}
	return Since{e.seen, false}
}

func newIndex(stores int) *index {
	return &index{entries: map[string]*entry{}, waiting: make([][]*entry, stores)}
}

// put adds or updates a recording. held and d count only for a new one.
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

// drop removes a recording that is no longer in the spool.
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
		x.waiting[i] = removed(x.waiting[i], e)
	}
}

// hold records that a store holds a recording. It reports, once, that the spool's copy may be
// released.
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
	x.waiting[store] = removed(x.waiting[store], e)
	return e.startRelease(r)
}

// startRelease reports whether the spool's copy may be released, and if so marks it as leaving.
func (e *entry) startRelease(r Release) bool {
	if e.live || !e.finished || e.leaving || !r.met(e.held) {
		return false
	}
	e.leaving = true
	return true
}

// cancelRelease undoes startRelease, because the release failed.
func (x *index) cancelRelease(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.entries[name]; e != nil {
		e.leaving = false
	}
}

// ids returns the IDs of all recordings in the spool.
func (x *index) ids() map[string]bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	ids := make(map[string]bool, len(x.entries))
	for _, e := range x.entries {
		ids[e.id] = true
	}
	return ids
}

// releasable returns the recordings that may be released, and marks them as leaving.
func (x *index) releasable(r Release) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var names []string
	for name, e := range x.entries {
		if e.startRelease(r) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// get returns a copy of a recording's entry.
func (x *index) get(name string) (entry, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[name]
	if e == nil {
		return entry{}, false
	}
	return *e, true
}

// live returns the live recording, or "".
func (x *index) live() (name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.running
}

// next returns the newest or the oldest finished recording that a store lacks and skip doesn't
// skip.
func (x *index) next(store int, newest bool, skip func(name string) bool) (name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	waiting := x.waiting[store]
	for i := range waiting {
		e := waiting[i]
		if newest {
			e = waiting[len(waiting)-1-i]
		}
		if e.finished && !e.live && !skip(e.name) {
			return e.name
		}
	}
	return ""
}

// pending returns how many recordings a store lacks, and since when the oldest has waited.
func (x *index) pending(store int, clockSet bool) (n int, oldest Since) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting[store]) > 0 {
		oldest = x.waiting[store][0].since(clockSet)
	}
	return len(x.waiting[store]), oldest
}

// pendingAnywhere returns how many recordings one store or more lacks, and since when the oldest
// has waited.
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

func removed(sorted []*entry, e *entry) []*entry {
	if i, found := slices.BinarySearchFunc(sorted, e, byOrder); found {
		return slices.Delete(sorted, i, i+1)
	}
	return sorted
}

// Release says when the spool's copy of a recording may be removed.
type Release string

// The values in the configuration.
const (
	ReleaseAll   Release = "all"
	ReleaseAny   Release = "any"
	ReleaseNever Release = "never"
)

// met reports whether enough stores hold a recording. Without any stores it is false.
func (r Release) met(held []bool) bool {
	switch {
	case len(held) == 0 || r == ReleaseNever:
		return false
	case r == ReleaseAny:
		return slices.Contains(held, true)
	}
	return !slices.Contains(held, false)
}
