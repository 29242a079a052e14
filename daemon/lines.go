package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
)

const (
	// readFailTime is how long the lines may be unreadable, or not answer, before consent ends.
	readFailTime = 500 * time.Millisecond
	// watchRetry is the pause before a reader that failed is tried again.
	watchRetry = time.Second
)

// lineReader reads the lines for the owner, on a goroutine of its own: a line may hang. Whatever
// edge is older than a reading has been posted before it, since Read has passed it on before it
// returns.
type lineReader struct {
	ask   chan struct{} // room for one
	asked time.Time     // the owner's: since when an answer is due; zero: none is
}

// reading is how the lines stood at a time, which was taken before they were read.
type reading struct {
	at     time.Time
	levels []bool
	err    error
	first  bool
}

// readLines reads when asked to, until ctx ends. The first reading comes by itself, and the edges
// that are watched come after it.
func (d *Daemon) readLines(ctx context.Context) {
	r := d.read()
	r.first = true
	d.post(r)
	go d.watch(ctx)
	for {
		select {
		case <-d.lines.ask:
			d.post(d.read())
		case <-ctx.Done():
			return
		}
	}
}

func (d *Daemon) read() reading {
	at := time.Now()
	levels, err := d.hw.Buttons.Read()
	if err == nil && len(levels) != len(d.levels) {
		err = fmt.Errorf("%d lines read, not %d", len(levels), len(d.levels))
	}
	return reading{at: at, levels: levels, err: err}
}

// watch lets the buttons' reader post its edges until ctx ends. A reader that fails is tried again:
// until it reads, nothing is recorded.
func (d *Daemon) watch(ctx context.Context) {
	began := func() { d.post(watchBegins{}) }
	for {
		works := time.AfterFunc(watchRetry, began) // if it has not failed by then
		err := d.hw.Buttons.Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
			d.post(edge{input, active, at, fresh})
		})
		works.Stop()
		if ctx.Err() != nil {
			return
		}
		d.post(watchEnded{fmt.Errorf("watch the buttons: %w", err)})
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
			return
		}
	}
}

// askLines wants the lines read, unless that is on its way.
func (d *Daemon) askLines(now time.Time) {
	if !d.lines.asked.IsZero() {
		return
	}
	d.lines.asked = now
	select {
	case d.lines.ask <- struct{}{}:
	default:
	}
}

// linesRead takes a reading. A change that brought no edge can withdraw, never give.
func (d *Daemon) linesRead(r reading, now time.Time) {
	if r.first { // nobody asked for it
		d.linesFirst(r, now)
		return
	}
	d.lines.asked = time.Time{}
	if r.err == nil {
		d.readFailing = time.Time{}
		d.linesSeen(r)
		return
	}
	if d.readFailing.IsZero() {
		d.readFailing = r.at
	}
	if d.atRest() {
		d.handsTried(r.err)
	} else if now.Sub(d.readFailing) >= readFailTime {
		d.buttonsFailed(r.err)
	}
}

// linesFirst tells the machine how the lines stand at start: what is held now has given nothing.
func (d *Daemon) linesFirst(r reading, now time.Time) {
	d.linesSettle = now.Add(d.debounce)
	d.linesKnown = true
	if r.err != nil {
		d.handsTried(r.err)
		return
	}
	copy(d.levels, r.levels)
	for i := range d.buttons {
		d.step(consent.Edge{Button: i, Pressed: r.levels[i], At: r.at})
	}
}

// linesSeen tells the hold-back if every line says that consent stands.
func (d *Daemon) linesSeen(r reading) {
	if d.atRest() {
		d.handsTried(nil)
	}
	clear := true
	for i, active := range r.levels {
		if i == d.buttons { // a door that stands open since before is no news; one that has opened is
			clear = clear && (!active || d.levels[i])
		} else if active != (d.settings.Buttons[i].Style == consent.Latching) {
			clear = false
		}
	}
	if clear && d.mic.keeping {
		d.mic.hold.LinesClear(r.at)
	}
	d.contradict(r)
}

// contradict makes up the edges that nobody told of. The reader of the lines does so itself, and at
// once; a reading may be older than an edge that was told before it. So it takes a while until a
// level is believed rather than the edges.
func (d *Daemon) contradict(r reading) {
	if slices.Equal(r.levels, d.levels) {
		d.contrary = time.Time{}
		return
	}
	if d.contrary.IsZero() {
		d.contrary = r.at
	}
	if r.at.Sub(d.contrary) < readFailTime {
		return
	}
	for i, active := range r.levels {
		if active != d.levels[i] {
			d.edge(edge{input: i, active: active, at: r.at})
		}
	}
}

// watchLines ends consent when the lines don't answer.
func (d *Daemon) watchLines(now time.Time) {
	if !d.lines.asked.IsZero() && now.Sub(d.lines.asked) >= readFailTime {
		d.buttonsFailed(fmt.Errorf("the lines have not answered for %s", readFailTime))
	}
}

// handsTried puts the warning about the buttons up, or takes it down, while nothing is recorded.
func (d *Daemon) handsTried(err error) {
	if err = errors.Join(err, d.watchErr); err != nil {
		d.warn(lineCode(err, d.buttons), err)
		return
	}
	d.health.Clear(health.ButtonFault)
	d.health.Clear(health.DoorFault)
}

func (d *Daemon) buttonsFailed(err error) {
	d.warn(lineCode(err, d.buttons), err)
	d.step(consent.Fault{})
}

// lineCode tells a door that can't be read from a button that can't: an error may say which input
// it is about.
func lineCode(err error, buttons int) health.Code {
	var on interface{ Input() int }
	if errors.As(err, &on) && on.Input() >= buttons {
		return health.DoorFault
	}
	return health.ButtonFault
}

// edge gives a change of a line to the machine.
func (d *Daemon) edge(e edge) {
	if e.input < 0 || e.input >= len(d.levels) {
		return
	}
	d.levels[e.input] = e.active
	d.log.Debug("edge", "input", e.input, "active", e.active, "fresh", e.fresh)
	if e.input < d.buttons {
		d.step(consent.Edge{Button: e.input, Pressed: e.active, At: e.at, Fresh: e.fresh})
	} else if e.active || !e.fresh { // in doubt it was open
		d.step(consent.Door{At: e.at})
	}
}
