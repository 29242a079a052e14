package daemon

import (
	"time"

	"tacet/daemon/recording"
)

const (
	// stepNoted is how far the wall clock must be off from where the notes so far put it to be
	// noted again. A clock that NTP slews by 500 ppm comes that far in eight minutes.
	stepNoted = 250 * time.Millisecond
	// stepBurst notes may stand close together; on average there is one for each stepEvery. With
	// more, several steps are one note, of their sum.
	stepBurst = 60
	stepEvery = 2 * time.Second
)

// clockSteps decides when a recording notes that the unit's wall clock was set. It is told again
// and again how far the wall clock is ahead of a clock that nobody sets, and notes what has come
// together since the last note: small steps add up, and no note is lost when one is put off.
//
// It is pure: it has no clock of its own. The zero value is not for use.
type clockSteps struct {
	rate  int64         // frames a second
	noted time.Duration // where the wall clock was at the start, and all notes since
	left  int64         // how far the budget for notes goes, in frames; a note takes stepEvery
	at    int64         // the frame that left holds of
}

// newClockSteps starts at a recording's first frame, with the wall clock that far ahead.
func newClockSteps(rate int, ahead time.Duration) clockSteps {
	c := clockSteps{rate: int64(rate), noted: ahead}
	c.left = c.frames(stepBurst * stepEvery)
	return c
}

func (c *clockSteps) frames(d time.Duration) int64 { return c.rate * int64(d) / int64(time.Second) }

// look takes how far the wall clock is ahead where the recording stands at a frame, and by how much
// that may be wrong, for want of a way to read two clocks at one time. It returns the note to make,
// if there is one to make here.
func (c *clockSteps) look(frame int64, ahead, doubt time.Duration) (note recording.ClockStep, due bool) {
	c.left = min(c.left+max(0, frame-c.at), c.frames(stepBurst*stepEvery))
	c.at = max(c.at, frame)
	step := (ahead - c.noted).Round(time.Millisecond)
	if step.Abs()-doubt < stepNoted || c.left < c.frames(stepEvery) {
		return recording.ClockStep{}, false
	}
	c.left -= c.frames(stepEvery)
	c.noted += step
	return recording.ClockStep{Sample: frame, Seconds: step.Seconds()}, true
}

// wallAhead is how far the wall clock is ahead of the monotonic one since a moment that both were
// read at, and by how much that may be wrong: this thread may be put off between the two readings.
// The best of a few is taken.
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
