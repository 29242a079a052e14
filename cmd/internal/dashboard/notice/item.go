package notice

import (
	"time"

	"tacet/daemon/health"
)

// phase is where a fault is in a rule's state machine.
type phase string

const (
	ok       phase = "ok"       // over, and not to be mentioned again before Cool
	pending  phase = "pending"  // up, but not for long enough
	firing   phase = "firing"   // to be mentioned, or mentioned
	clearing phase = "clearing" // gone, but not for long enough
	over     phase = "over"     // gone, and the incident's message is still due
)

// key identifies an item within a rule.
type key struct {
	Subject Subject
	Code    health.Code
}

// item is one fault of one subject in one rule. A fault without an item is ok. As JSON it is what is
// stored.
type item struct {
	Name     string          `json:"name"`
	Severity health.Severity `json:"-"` // as declared
	Phase    phase           `json:"phase"`
	Since    time.Time       `json:"since"`              // since when it is up, for people
	Began    time.Time       `json:"began,omitzero"`     // since when the grace runs
	Fired    time.Time       `json:"fired,omitzero"`     // when it began to fire
	Gone     time.Time       `json:"gone,omitzero"`      // since when its cause is gone; zero: it is there
	Cool     time.Time       `json:"cool,omitzero"`      // not to be mentioned before
	Again    bool            `json:"again,omitempty"`    // it came back during a cool-down
	Flaps    int             `json:"flaps,omitempty"`    // how often it came back
	Incident string          `json:"incident,omitempty"` // in which it was mentioned
	up       bool            // as seen now
	stored   bool            // the store has a record of it
}

// spent reports whether nothing needs to be remembered of an item.
func (i *item) spent(now time.Time) bool { return i.Phase == ok && !now.Before(i.Cool) }

const never = time.Duration(1<<63 - 1)

// step moves an item on. It reports whether that changed what is stored, and after how long the next
// step is due.
func (i *item) step(r *Rule, now time.Time) (changed bool, wait time.Duration) {
	before := *i
	if most := now.Add(r.Cooldown); i.Cool.After(most) { // the clock was set back
		i.Cool = most
	}
	if i.up {
		i.present(r, now)
	} else {
		i.absent(r, now)
	}
	return *i != before, i.wait(r, now)
}

func (i *item) present(r *Rule, now time.Time) {
	if !i.Gone.IsZero() {
		i.Gone = time.Time{}
		i.Flaps++
	}
	switch i.Phase {
	case ok:
		i.Phase, i.Began, i.Flaps, i.Again = pending, now, 0, now.Before(i.Cool)
	case clearing, over:
		i.Phase = firing
	}
	if i.Phase == pending && elapsed(&i.Began, now, r.Grace) && !now.Before(i.Cool) {
		i.Phase, i.Fired = firing, now
	}
}

func (i *item) absent(r *Rule, now time.Time) {
	if i.Gone.IsZero() && i.Phase != ok {
		i.Gone = now
	}
	if i.Phase == firing {
		i.Phase = clearing
	}
	switch {
	case i.Phase == pending && elapsed(&i.Gone, now, i.calm(r)),
		i.Phase == clearing && i.Incident == "" && elapsed(&i.Gone, now, r.Clear):
		i.end(i.Cool)
	case i.Phase == clearing && elapsed(&i.Gone, now, i.calm(r)):
		i.Phase = over
	}
}

// calm is how long the cause must be gone.
func (i *item) calm(r *Rule) time.Duration {
	switch {
	case i.Phase == pending:
		return min(r.Clear, r.Grace)
	case i.Again:
		return max(r.Clear, r.Cooldown)
	}
	return r.Clear
}

// end makes an item ok, and keeps it until cool.
func (i *item) end(cool time.Time) {
	*i = item{Name: i.Name, Severity: i.Severity, Phase: ok, Since: i.Since, Cool: cool, up: i.up,
		stored: i.stored}
}

// wait is how long it takes until time alone moves the item.
func (i *item) wait(r *Rule, now time.Time) time.Duration {
	switch {
	case i.Phase == pending && i.up:
		return max(i.Began.Add(r.Grace).Sub(now), i.Cool.Sub(now))
	case (i.Phase == pending || i.Phase == clearing) && !i.up:
		return i.Gone.Add(i.calm(r)).Sub(now)
	case i.Phase == ok:
		return i.Cool.Sub(now)
	}
	return never
}

// elapsed reports whether d has passed since a time. A time in the future is from before the clock
// was set back: the wait begins anew.
func elapsed(since *time.Time, now time.Time, d time.Duration) bool {
	if since.After(now) {
		*since = now
	}
	return now.Sub(*since) >= d
}

// close is for a room that is closed: what was not mentioned is forgotten.
func (i *item) close() {
	if i.Incident == "" && i.Phase != ok {
		i.end(i.Cool)
	}
}

// doubt is for a subject that can't be seen: nothing starts and nothing ends.
func (i *item) doubt() {
	switch i.Phase {
	case pending:
		i.end(i.Cool)
	case clearing:
		i.Phase, i.Gone = firing, time.Time{}
	}
}
