package fleet

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"tacet/daemon/health"
)

// A moment is a time since midnight of the first day, by the clock of the simulated practice.
type moment = time.Duration

// What the days of a room are like, by the clock of the simulated practice.
const (
	dayStarts    = 8 * time.Hour
	dayEnds      = 18 * time.Hour
	day          = 24 * time.Hour
	betweenTalks = 12 * time.Minute // on average, after an end
	talkLeast    = 4 * time.Minute
	talkMost     = 40 * time.Minute

	// How often something goes wrong in one room, on average.
	betweenFaults   = 2 * day
	betweenLosses   = 5 * day
	betweenRestarts = 10 * day
	betweenCuts     = 20 * day
	betweenUpdates  = 7 * day
)

// act is a kind of thing that happens.
type act uint8

const (
	talk    act = iota // everybody has pressed
	hush               // somebody has pressed again
	copied             // a store has all of a recording
	fault              // a warning comes up
	mend               // and goes
	lose               // the network fails
	find               // and is back
	cut                // the power fails
	restore            // and is back
	restart            // the unit is started again
	offer              // a new version is installed
	renew              // and starts
)

// happening is what happens in a room at one moment.
type happening struct {
	at    moment
	act   act
	which string      // the recording, for hush and copied
	store string      // for copied
	last  bool        // for copied: all stores have it now
	code  health.Code // for mend
}

// mishap is a warning that may come up.
type mishap struct {
	code   health.Code
	store  string
	lasts  time.Duration // on average
	weight int
}

var mishaps = []mishap{
	{health.StoreMissing, "drive", 40 * time.Minute, 5},
	{health.StoreMissing, "nas", 20 * time.Minute, 3},
	{health.StoreFull, "drive", 3 * time.Hour, 1},
	{health.MicMissing, "", 15 * time.Minute, 2},
	{health.ClockUnsynced, "", 10 * time.Minute, 2},
	{health.SpoolLow, "", 4 * time.Hour, 1},
	{health.ButtonStuck, "", 5 * time.Minute, 1},
	{health.LightSense, "", 30 * time.Minute, 1},
}

// agenda is what will happen in a room, in order. It is pure: the same random numbers give the same
// agenda.
type agenda struct {
	rand *rand.Rand
	todo []happening // sorted
}

// newAgenda returns the agenda of a room from a moment on.
func newAgenda(r *rand.Rand, from moment, calm bool) *agenda {
	a := &agenda{rand: r}
	a.add(happening{at: a.open(from + a.about(betweenTalks)), act: talk})
	if calm {
		return a
	}
	for _, rare := range []struct {
		act   act
		every time.Duration
	}{{fault, betweenFaults}, {lose, betweenLosses}, {restart, betweenRestarts}, {cut, betweenCuts},
		{offer, betweenUpdates}} {
		a.add(happening{at: from + a.about(rare.every), act: rare.act})
	}
	return a
}

// add puts something on the agenda.
func (a *agenda) add(h happening) {
	at, _ := slices.BinarySearchFunc(a.todo, h, func(x, y happening) int {
		return cmp.Or(cmp.Compare(x.at, y.at), -1) // after those of the same moment
	})
	a.todo = slices.Insert(a.todo, at, h)
}

// next takes out what happens first.
func (a *agenda) next() happening {
	h := a.todo[0]
	a.todo = slices.Delete(a.todo, 0, 1)
	return h
}

// about returns a random time with a mean, at most five times that.
func (a *agenda) about(mean time.Duration) time.Duration {
	return time.Duration(min(a.rand.ExpFloat64(), 5) * float64(mean))
}

// open moves a moment into working hours.
func (a *agenda) open(at moment) moment {
	switch clock := at % day; {
	case clock < dayStarts:
		return at - clock + dayStarts + a.about(betweenTalks)
	case clock > dayEnds:
		return at - clock + day + dayStarts + a.about(betweenTalks)
	}
	return at
}

// length is how long a consultation lasts.
func (a *agenda) length() time.Duration {
	return talkLeast + time.Duration(a.rand.Int64N(int64(talkMost-talkLeast)))
}

// mishap picks what goes wrong.
func (a *agenda) mishap() mishap {
	total := 0
	for _, m := range mishaps {
		total += m.weight
	}
	n := a.rand.IntN(total)
	for _, m := range mishaps {
		if n -= m.weight; n < 0 {
			return m
		}
	}
	panic("unreachable")
}
