package daemon

import (
	"context"
	"errors"
	"time"

	"tacet/daemon/health"
)

// statusLamp drives the status light, on a goroutine of its own: a line may hang.
type statusLamp struct {
	light StatusLight
	next  chan string // the newest word that it was not driven to
	asked string      // the owner's: the last word that was sent
	since time.Time   // the owner's: when
	again time.Time   // the owner's: after a failure not before
}

// statusDriven is what came of it.
type statusDriven struct {
	word string
	err  error
}

func newStatusLamp(light StatusLight) *statusLamp {
	return &statusLamp{light: light, next: make(chan string, 1)}
}

func (l *statusLamp) run(ctx context.Context, post func(event)) {
	for {
		select {
		case word := <-l.next:
			post(statusDriven{word, l.drive(word)})
		case <-ctx.Done():
			return
		}
	}
}

func (l *statusLamp) drive(word string) error {
	switch word {
	case "flash":
		return l.light.Flash()
	case "pulse":
		return l.light.Pulse()
	case "off":
		return l.light.Off()
	}
	return l.light.Steady()
}

// show sends a word, in place of one that was not taken yet. Only the owner calls it.
func (l *statusLamp) show(word string, now time.Time) {
	select {
	case <-l.next:
	default:
	}
	l.asked, l.since = word, now
	l.next <- word
}

// showStatus has the status light say how the unit is.
func (d *Daemon) showStatus(now time.Time) {
	l := d.statusLamp
	if l == nil || now.Before(l.again) {
		return
	}
	want := "steady"
	lapses, recording := d.machine.LapsesAt()
	switch {
	case !d.ready && !recording:
		want = "flash"
	case health.Problems(d.up()), recording && now.Add(nearMax).After(lapses):
		want = "pulse"
	}
	if want != l.asked {
		l.show(want, now)
	} else if want != d.statusLight && now.Sub(l.since) >= lampHangs {
		d.warn(health.StatusLightFault, errors.New("its line does not answer"))
	}
}

func (d *Daemon) statusDriven(e statusDriven, now time.Time) {
	l := d.statusLamp
	if e.err != nil {
		d.warn(health.StatusLightFault, e.err)
		l.asked, l.again = "", now.Add(probeEvery)
		return
	}
	d.statusLight = e.word
	d.health.Clear(health.StatusLightFault)
}
