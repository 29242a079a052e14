package hw

import (
	"errors"
	"fmt"
	"os"
	"time"

	"periph.io/x/conn/v3/gpio"
)

const (
	// freshFor bounds the age of a fresh edge. It is shorter than the shortest press that can give consent (50 ms),
	// so a press and its release from one stale queue can't both pass.
	freshFor = 20 * time.Millisecond
	// blocked is how long a wait must have lasted for us to believe that it found the queue empty.
	blocked = 500 * time.Microsecond
	// settle is the wait after an edge. When it runs out the queue is empty and the level is read.
	settle = 5 * time.Millisecond
	// prove is the wait that has to run out after an absence before anything is fresh again.
	prove = 100 * time.Millisecond
	// recheck is how often an idle line is read again, for whatever the kernel may not have told. The lines of a
	// panel do it together: what costs is the wake-up.
	recheck = 15 * time.Second
	// shortest is the shortest wait of an idle line.
	shortest = 5 * time.Second
	// mostEarly is how many waits in a row may return before their time, empty, before that is called an error.
	mostEarly = 100
)

// A reader follows one line for one Watch.
//
// periph drops the kernel's timestamp of an edge, so its age has to be bounded otherwise: an edge is no older than
// the last moment at which the queue is known to have been empty. So an edge is fresh if the wait that returned it
// began within freshFor of such a moment:
//
//   - If that wait had really blocked, the edge came while it did: it is as old as the wake-up took.
//   - If it returned at once, the edge came since the queue was empty: at most freshFor before.
//   - If the reader was away for longer (its caller was busy; nobody had called Watch) the edge may be of any age. Such
//     edges are reported, not fresh, until a wait has run out: then the queue is known to be empty again.
//
// The queue is known to be empty when a wait ran out, in its time, and just before a wait that had blocked returned.
// So a bouncing contact stays fresh: each bounce came while the reader waited, or within freshFor of one that did.
// A short wait that ran out proves little: if the process stands still between setting the deadline and looking at the
// queue, it isn't looked at. So after an absence the wait is longer.
//
// What this can't see is a time for which the process did not run, if that fell into a wait: it is taken for one that
// had blocked. A fresh edge may be older by that time, and by another freshFor.
type reader struct {
	*input
	report func(input int, active bool, at time.Time, fresh bool) bool // false: the Watch is over, nobody was told
	opened time.Time                                                   // waits are aligned to it

	empty   time.Time // the queue was empty then; zero: it isn't known
	settled bool      // the queue is empty and the last level reported is the line's
	doubt   bool      // the level differed; an edge that says so may just be coming
	early   int       // waits in a row that returned too soon
}

// step waits once and deals with what came of it.
func (r *reader) step() error {
	began := time.Now()
	known := !r.empty.IsZero() && began.Sub(r.empty) <= freshFor
	timeout := settle
	switch {
	case !known:
		timeout = prove
	case r.settled:
		timeout = idleWait(began.Sub(r.opened))
	}
	number, edge, err := r.line.WaitForEdge(timeout)
	at := time.Now()
	took := at.Sub(began)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return r.ranOut(at, took, timeout)
	}
	if err != nil {
		return fmt.Errorf("wait for an edge of line %s: %w", r.info, err)
	}
	if number != r.info.Number {
		return fmt.Errorf("wait for an edge of line %s: got one of line %d", r.info, number)
	}
	r.settled, r.doubt, r.early = false, false, 0
	if known && took >= blocked {
		r.empty = at
	}
	if edge != gpio.RisingEdge && edge != gpio.FallingEdge {
		return nil // not an edge that we know: the level, read next, tells
	}
	r.tell((edge == gpio.RisingEdge) != r.activeLow, at, known)
	return nil
}

// ranOut reads the level after a wait without an edge. A difference is reported only if it is still there, and still
// without an edge, after another wait: else an honest press might be taken for one of unknown age.
func (r *reader) ranOut(at time.Time, took, timeout time.Duration) error {
	inTime := took >= timeout && took <= timeout+freshFor // early: halted. Late: the process stood still.
	if inTime {
		r.empty = at
	}
	if took >= timeout {
		r.early = 0
	} else if r.early++; r.early > mostEarly {
		return fmt.Errorf("wait for an edge of line %s: %d waits ended before their time", r.info, r.early)
	}
	active, err := r.read()
	if err != nil {
		return err
	}
	switch {
	case active == r.last:
		r.settled, r.doubt = inTime, false
	case !r.doubt:
		r.settled, r.doubt = false, true
	default:
		r.settled, r.doubt = false, false
		r.tell(active, time.Now(), false)
	}
	return nil
}

func (r *reader) tell(active bool, at time.Time, fresh bool) {
	if r.report(r.index, active, at, fresh) {
		r.last = active
	}
}

// idleWait is the time until the panel's next recheck, or the one after it if that is too near.
func idleWait(since time.Duration) time.Duration {
	d := recheck - since%recheck
	if d < shortest {
		d += recheck
	}
	return d
}
