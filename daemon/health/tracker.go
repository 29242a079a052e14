package health

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	maxCauses = 64  // of one warning; there are never more stores or lines
	maxDetail = 300 // characters
)

// Tracker knows which warnings are up. Any goroutine may use it. It runs nothing by itself: what
// only the passing of time changes, changes at Tick, which its owner calls at Deadline.
type Tracker struct {
	mu       sync.Mutex // guards all below
	causes   map[place]*cause
	shown    string // what was up when last looked, to tell a change
	onChange func()
}

type place struct {
	code Code
	on   string
}

type cause struct {
	detail string
	since  time.Time
	gone   time.Time // zero: it stands
	up     bool      // shows: it stood, After had passed since it first did
}

// NewTracker returns one with nothing up.
func NewTracker() *Tracker { return &Tracker{causes: map[place]*cause{}} }

// OnChange has changed called whenever what is up, a detail of it, or Blocking may have changed. It
// is called without the tracker's lock, from whatever goroutine made the change, and must not
// block.
func (t *Tracker) OnChange(changed func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.onChange = changed
}

// Set says that the warning's cause stands, and reports whether that is new: not so when it stood
// already, nor when it had gone for less than Linger.
func (t *Tracker) Set(code Code, detail string) (fresh bool) { return t.SetFor(code, "", detail) }

// SetFor is Set for one of several: a store, a line.
func (t *Tracker) SetFor(code Code, on, detail string) (fresh bool) {
	w, known := Lookup(code)
	if !known {
		return t.SetFor(InternalError, on, "undeclared warning "+string(code)+" "+detail)
	}
	now := time.Now()
	defer t.changes(now)()
	c := t.causes[place{code, on}]
	if c == nil {
		if t.count(code) >= maxCauses {
			return false
		}
		c = &cause{since: now}
		t.causes[place{code, on}] = c
		fresh = true
	}
	c.detail, c.gone = oneLine(detail), time.Time{}
	if w.Lasts > 0 {
		c.gone = now
	}
	return fresh
}

// Clear says that the warning's cause is gone, wherever it was.
func (t *Tracker) Clear(code Code) { t.clear(func(p place) bool { return p.code == code }) }

// ClearFor is Clear for one of several.
func (t *Tracker) ClearFor(code Code, on string) {
	t.clear(func(p place) bool { return p == place{code, on} })
}

// EndedWell says that a recording has ended well. What was only to be noted, and was so before the
// recording started, goes.
func (t *Tracker) EndedWell(started time.Time) {
	defer t.changes(time.Now())()
	for p, c := range t.causes {
		if w, _ := Lookup(p.code); !w.Problem() && c.gone.Before(started) {
			delete(t.causes, p)
		}
	}
}

// clear costs next to nothing where there is nothing to clear: it is called with every block of
// samples.
func (t *Tracker) clear(which func(place) bool) {
	t.mu.Lock()
	var standing []*cause
	for p, c := range t.causes {
		if which(p) && c.gone.IsZero() {
			standing = append(standing, c)
		}
	}
	t.mu.Unlock()
	if len(standing) == 0 {
		return
	}
	now := time.Now()
	defer t.changes(now)()
	for _, c := range standing {
		c.gone = now
	}
}

// Tick takes note of the time: what has stood long enough shows, what was gone long enough goes.
func (t *Tracker) Tick(now time.Time) { t.changes(now)() }

// Deadline is when the next Tick would change something.
func (t *Tracker) Deadline() (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next time.Time
	for p, c := range t.causes {
		at := c.next(p.code)
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero()
}

// next is when c changes by itself; zero: it does not.
func (c *cause) next(code Code) time.Time {
	w, _ := Lookup(code)
	switch {
	case !c.gone.IsZero() && c.up:
		return c.gone.Add(max(w.Linger, w.Lasts))
	case c.gone.IsZero() && !c.up:
		return c.since.Add(w.After)
	}
	return time.Time{}
}

// Up returns the warnings that are up: what blocks first, then faults, notes last; among these by
// code.
func (t *Tracker) Up() []Active {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.up()
}

func (t *Tracker) up() []Active {
	active := map[Code]*Active{}
	for p, c := range t.causes {
		if !c.up {
			continue
		}
		a := active[p.code]
		if a == nil {
			w, _ := Lookup(p.code)
			a = &Active{Warning: w, Since: c.since}
			active[p.code] = a
		}
		if c.since.Before(a.Since) {
			a.Since = c.since
		}
		a.Causes = append(a.Causes, Cause{p.on, c.detail, c.since})
	}
	var all []Active
	for _, a := range active {
		slices.SortFunc(a.Causes, func(x, y Cause) int { return strings.Compare(x.On, y.On) })
		all = append(all, *a)
	}
	slices.SortFunc(all, func(x, y Active) int {
		if x.rank() != y.rank() {
			return x.rank() - y.rank()
		}
		return cmp.Compare(x.Code, y.Code)
	})
	return all
}

func (w Warning) rank() int {
	switch {
	case w.Blocks:
		return 0
	case w.Severity == Fault:
		return 1
	case w.Problem():
		return 2
	}
	return 3
}

// Blocking reports whether a cause stands that recording is refused for, shown yet or not.
func (t *Tracker) Blocking() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blocking()
}

func (t *Tracker) blocking() bool {
	for p, c := range t.causes {
		if w, _ := Lookup(p.code); w.Blocks && c.gone.IsZero() {
			return true
		}
	}
	return false
}

// changes takes the lock for a change and returns what ends it: settles what is due at now, and
// tells of it.
func (t *Tracker) changes(now time.Time) (done func()) {
	t.mu.Lock()
	t.settle(now) // what was due before the change comes before it
	return func() {
		t.settle(now)
		told := t.onChange
		if shown := t.picture(); shown == t.shown {
			told = nil
		} else {
			t.shown = shown
		}
		t.mu.Unlock()
		if told != nil {
			told()
		}
	}
}

func (t *Tracker) settle(now time.Time) {
	for p, c := range t.causes {
		w, _ := Lookup(p.code)
		stands := c.gone.IsZero() || w.Lasts > 0
		if !c.up && stands && now.Sub(c.since) >= w.After {
			c.up = true
		}
		if !c.gone.IsZero() && now.Sub(c.gone) >= max(w.Linger, w.Lasts) {
			delete(t.causes, p)
		}
	}
}

// picture is all that somebody who watches could see.
func (t *Tracker) picture() string {
	var b strings.Builder
	if t.blocking() {
		b.WriteString("blocked")
	}
	for _, a := range t.up() {
		for _, c := range a.Causes {
			b.WriteString("\n" + string(a.Code) + "\t" + c.On + "\t" + c.Detail)
		}
	}
	return b.String()
}

func (t *Tracker) count(code Code) (n int) {
	for p := range t.causes {
		if p.code == code {
			n++
		}
	}
	return n
}

// oneLine keeps a detail to one line of printable characters, of bounded length.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(s); len(runes) > maxDetail {
		s = string(runes[:maxDetail]) + "…"
	}
	return s
}
