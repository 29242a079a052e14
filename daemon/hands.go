package daemon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/lines"
)

const (
	// readFailTime is how long the lines may be unreadable, or not answer, before consent ends.
	readFailTime = 500 * time.Millisecond
	// heldTime is how long a button may be held before it counts as stuck.
	heldTime = time.Minute
)

// hands are the buttons and the door contact. They are the owner's.
type hands struct {
	buttons       []consent.Button
	debounce      time.Duration // the longest of the buttons'
	reader        *lines.Reader
	levels        []bool    // of the lines, as the consent machine knows them; the door is the last
	known         bool      // they have been read since the start
	settledAt     time.Time // before this no press can give consent
	askedAt       time.Time // when a reading was asked for; zero: none is under way
	failingSince  time.Time // since when they can't be read
	contrarySince time.Time // since when readings contradict the edges
	watchErr      error     // why edges are not seen
}

// ask asks for a reading, unless one is under way.
func (h *hands) ask(now time.Time) {
	if h.askedAt.IsZero() {
		h.askedAt = now
		h.reader.Ask()
	}
}

// consenting reports whether every line of a reading stands as it does while consent does. A door
// that was already open is no news; one that has just opened is.
func (h *hands) consenting(r lines.Reading) bool {
	for i, active := range r.Levels {
		if i == len(h.buttons) {
			if active && !h.levels[i] {
				return false
			}
		} else if active != (h.buttons[i].Style == consent.Latching) {
			return false
		}
	}
	return true
}

// missed returns edges that were never reported, as far as a reading shows. Normally the reader of
// the lines makes them up itself, at once. A reading may be older than an edge that was posted
// before it, so levels must contradict the edges for a while to be believed.
func (h *hands) missed(r lines.Reading) (edges []lines.Edge) {
	if slices.Equal(r.Levels, h.levels) {
		h.contrarySince = time.Time{}
		return nil
	}
	if h.contrarySince.IsZero() {
		h.contrarySince = r.At
	}
	if r.At.Sub(h.contrarySince) < readFailTime {
		return nil
	}
	for i, active := range r.Levels {
		if active != h.levels[i] {
			edges = append(edges, lines.Edge{Input: i, Active: active, At: r.At})
		}
	}
	return edges
}

// code returns the warning for an error of the lines, which may say which input it is about.
func (h *hands) code(err error) health.Code {
	var on interface{ Input() int }
	if errors.As(err, &on) && on.Input() >= len(h.buttons) {
		return health.DoorFault
	}
	return health.ButtonFault
}

// edge gives a change of a line to the machine.
func (d *Daemon) edge(e lines.Edge) {
	h := &d.hands
	if e.Input < 0 || e.Input >= len(h.levels) {
		return
	}
	h.levels[e.Input] = e.Active
	d.log.Debug("edge", "input", e.Input, "active", e.Active, "fresh", e.Fresh)
	if e.Input < len(h.buttons) {
		d.step(consent.Edge{Button: e.Input, Pressed: e.Active, At: e.At, Fresh: e.Fresh})
	} else if e.Active || !e.Fresh { // in doubt it was open
		d.step(consent.Door{At: e.At})
	}
}

// firstReading tells the machine how the lines stand at the start: a button that is held gives no
// consent.
func (d *Daemon) firstReading(r lines.Reading, now time.Time) {
	h := &d.hands
	h.known, h.settledAt = true, now.Add(h.debounce)
	if r.Err != nil {
		d.handsTried(r.Err)
		return
	}
	copy(h.levels, r.Levels)
	for i := range h.buttons {
		d.step(consent.Edge{Button: i, Pressed: r.Levels[i], At: r.At})
	}
}

// linesRead takes a reading. It can withdraw consent, and prove held blocks, but never give
// consent.
func (d *Daemon) linesRead(r lines.Reading, now time.Time) {
	h := &d.hands
	if r.First {
		d.firstReading(r, now)
		return
	}
	h.askedAt = time.Time{}
	if r.Err != nil {
		if h.failingSince.IsZero() {
			h.failingSince = r.At
		}
		if d.atRest() {
			d.handsTried(r.Err)
		} else if now.Sub(h.failingSince) >= readFailTime {
			d.handsFailed(r.Err)
		}
		return
	}
	h.failingSince = time.Time{}
	if d.atRest() {
		d.handsTried(nil)
	}
	if h.consenting(r) {
		d.mic.LinesClear(r.At)
	}
	for _, e := range h.missed(r) {
		d.edge(e)
	}
}

// handsTried raises or clears the warning about the buttons, while nothing is recorded.
func (d *Daemon) handsTried(err error) {
	if err = errors.Join(err, d.hands.watchErr); err != nil {
		d.warnings.Warn(d.hands.code(err), err)
		return
	}
	d.warnings.Clear(health.ButtonFault)
	d.warnings.Clear(health.DoorFault)
}

func (d *Daemon) handsFailed(err error) {
	d.warnings.Warn(d.hands.code(err), err)
	d.step(consent.Fault{})
}

// watchHands ends consent if the lines don't answer, and warns of a button that nobody can be
// holding for so long.
func (d *Daemon) watchHands(now time.Time) {
	h := &d.hands
	if !h.askedAt.IsZero() && now.Sub(h.askedAt) >= readFailTime {
		d.handsFailed(fmt.Errorf("the lines have not answered for %s", readFailTime))
	}
	var stuck error
	for i, b := range h.buttons {
		if t, held := d.machine.HeldSince(i); held && now.Sub(t) >= heldTime {
			stuck = fmt.Errorf("the button on line %s has been held down for %s", b.Line, heldTime)
		}
	}
	d.warnings.While(health.ButtonStuck, stuck)
}
