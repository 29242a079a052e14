package take

import (
	"time"

	"tacet/daemon/recording"
)

const (
	// minStep is how far the wall clock must be from where the notes so far put it to be noted
	// again. A clock that NTP slews by 500 ppm comes that far in eight minutes.
	minStep = 250 * time.Millisecond
	// Up to stepBurst notes may stand close together; on average there is one for each stepEvery.
	// Beyond that several steps are noted as one, their sum.
	stepBurst = 60
	stepEvery = 2 * time.Second
)

// clockSteps decides when a recording notes that the wall clock was set. It notes everything that
// has happened since the last note, so small steps add up, and a note that is put off is not lost.
// It reads no clock itself.
type clockSteps struct {
	rate  int64         // frames a second
	noted time.Duration // how far the wall clock was ahead at the start, plus all notes since
	left  int64         // budget for notes, in frames; a note costs stepEvery
	at    int64         // the frame at which the budget was left
}

// newClockSteps starts at a recording's first frame, with the wall clock this far ahead of the
// monotonic clock.
func newClockSteps(rate int, ahead time.Duration) clockSteps {
	c := clockSteps{rate: int64(rate), noted: ahead}
	c.left = c.frames(stepBurst * stepEvery)
	return c
}

func (c *clockSteps) frames(d time.Duration) int64 { return c.rate * int64(d) / int64(time.Second) }

// look takes how far the wall clock is ahead at a frame, and the error of that. It returns the note
// to make there, if one is due.
func (c *clockSteps) look(frame int64, ahead, doubt time.Duration) (note recording.ClockStep, due bool) {
	c.left = min(c.left+max(0, frame-c.at), c.frames(stepBurst*stepEvery))
	c.at = max(c.at, frame)
	step := (ahead - c.noted).Round(time.Millisecond)
	if step.Abs()-doubt < minStep || c.left < c.frames(stepEvery) {
		return recording.ClockStep{}, false
	}
	c.left -= c.frames(stepEvery)
	c.noted += step
	return recording.ClockStep{Sample: frame, Seconds: step.Seconds()}, true
}

// wallAhead returns how far the wall clock is ahead of the monotonic clock, both counted from one
// moment, and the error of that: the thread may be suspended between the two readings. It takes the
// best of up to three tries.
func wallAhead(wall func() time.Time, since time.Time) (ahead, doubt time.Duration) {
	for try := range 3 {
		before := time.Since(since)
		at := wall().Round(0)
		took := time.Since(since) - before
		if try == 0 || took < doubt {
			ahead, doubt = at.Sub(since.Round(0))-before-took/2, took
		}
		if doubt < time.Millisecond {
			break
		}
	}
	return ahead, doubt
}
