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
	maxCauses = 64  // per warning, more than there can be stores or lines
	maxDetail = 300 // characters
)

// Tracker tracks which warnings are up. Any goroutine may use it. It has no timer of its own: its
// owner calls Tick at each Deadline.
type Tracker struct {
	mu       sync.Mutex // guards the fields below
	causes   map[subject]*cause
	shown    string // the snapshot at the last change
	onChange func()
}

type subject struct {
	code Code
	on   string
}

type cause struct {
	detail string
	since  time.Time
	gone   time.Time // zero: the cause lasts
	up     bool      // the warning shows: the cause has lasted for After
}

// NewTracker returns a Tracker with nothing up.
func NewTracker() *Tracker { return &Tracker{causes: map[subject]*cause{}} }

// OnChange sets a function that is called after every change of what is up, of a detail, or of
// Blocking. It runs without the tracker's lock, on the goroutine that made the change, and must not
// block.
func (t *Tracker) OnChange(changed func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.onChange = changed
}

// Set records that the warning's cause lasts. It reports whether that is new, which it is not if
// the cause lasted already or was gone for less than Linger.
func (t *Tracker) Set(code Code, detail string) (fresh bool) { return t.SetFor(code, "", detail) }

// SetFor is Set for one of several stores or lines.
func (t *Tracker) SetFor(code Code, on, detail string) (fresh bool) {
	w, known := Lookup(code)
	if !known {
		return t.SetFor(InternalError, on, "undeclared warning "+string(code)+" "+detail)
	}
	now := time.Now()
	defer t.changes(now)()
	c := t.causes[subject{code, on}]
	if c == nil {
		if t.count(code) >= maxCauses {
			return false
		}
		c = &cause{since: now}
		t.causes[subject{code, on}] = c
		fresh = true
	}
	c.detail, c.gone = oneLine(detail), time.Time{}
	if w.Lasts > 0 {
		c.gone = now
	}
	return fresh
}

// Clear records that the warning's causes are gone, all of them.
func (t *Tracker) Clear(code Code) { t.clear(func(s subject) bool { return s.code == code }) }

// ClearFor is Clear for one of several stores or lines.
func (t *Tracker) ClearFor(code Code, on string) {
	t.clear(func(s subject) bool { return s == subject{code, on} })
}

// EndedWell records that a recording has ended well. It clears the notes from before its start.
func (t *Tracker) EndedWell(started time.Time) {
	defer t.changes(time.Now())()
	for s, c := range t.causes {
		if w, _ := Lookup(s.code); !w.Problem() && c.gone.Before(started) {
			delete(t.causes, s)
		}
	}
}

// clear is cheap when nothing is up: it is called for every block of samples.
func (t *Tracker) clear(which func(subject) bool) {
	t.mu.Lock()
	var lasting []*cause
	for s, c := range t.causes {
		if which(s) && c.gone.IsZero() {
			lasting = append(lasting, c)
		}
	}
	t.mu.Unlock()
	if len(lasting) == 0 {
		return
	}
	now := time.Now()
	defer t.changes(now)()
	for _, c := range lasting {
		c.gone = now
	}
}

// Tick shows the warnings whose cause has lasted long enough, and clears those whose cause has been
// gone long enough.
func (t *Tracker) Tick(now time.Time) { t.changes(now)() }

// Deadline is when the next Tick changes something. ok is false if none will.
func (t *Tracker) Deadline() (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next time.Time
	for s, c := range t.causes {
		at := c.next(s.code)
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero()
}

// next is when c changes by itself, or zero.
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

// Up returns the warnings that are up: those that block first, then faults, notes last; within
// these by code.
func (t *Tracker) Up() []Active {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.up()
}

func (t *Tracker) up() []Active {
	active := map[Code]*Active{}
	for s, c := range t.causes {
		if !c.up {
			continue
		}
		a := active[s.code]
		if a == nil {
			w, _ := Lookup(s.code)
			a = &Active{Warning: w, Since: c.since}
			active[s.code] = a
		}
		if c.since.Before(a.Since) {
			a.Since = c.since
		}
		a.Causes = append(a.Causes, Cause{s.on, c.detail, c.since})
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

// Blocking reports whether the cause of a blocking warning lasts, shown or not.
func (t *Tracker) Blocking() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blocking()
}

func (t *Tracker) blocking() bool {
	for s, c := range t.causes {
		if w, _ := Lookup(s.code); w.Blocks && c.gone.IsZero() {
			return true
		}
	}
	return false
}

// changes locks the tracker for a change. The function it returns applies what is due at now,
// unlocks the tracker and calls onChange if anything has changed.
func (t *Tracker) changes(now time.Time) (done func()) {
	t.mu.Lock()
	t.settle(now) // what was due before the change happens first
	return func() {
		t.settle(now)
		onChange := t.onChange
		if shown := t.snapshot(); shown == t.shown {
			onChange = nil
		} else {
			t.shown = shown
		}
		t.mu.Unlock()
		if onChange != nil {
			onChange()
		}
	}
}

func (t *Tracker) settle(now time.Time) {
	for s, c := range t.causes {
		w, _ := Lookup(s.code)
		lasts := c.gone.IsZero() || w.Lasts > 0
		if !c.up && lasts && now.Sub(c.since) >= w.After {
			c.up = true
		}
		if !c.gone.IsZero() && now.Sub(c.gone) >= max(w.Linger, w.Lasts) {
			delete(t.causes, s)
		}
	}
}

// snapshot holds everything that an observer can see.
func (t *Tracker) snapshot() string {
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
	for s := range t.causes {
		if s.code == code {
			n++
		}
	}
	return n
}

// oneLine makes a detail one line of printable characters of bounded length.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(s); len(runes) > maxDetail {
		s = string(runes[:maxDetail]) + "…"
	}
	return s
}
