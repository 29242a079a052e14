package main

import "time"

// A consultation is a recording that the people in the room have started, with somebody who speaks.
type consultation struct {
	*speech
	room  *room
	count int   // recordings before it
	from  int64 // the first sample that may be in it
}

// consult waits out the dead time and starts to speak. Then the parties give consent, one after the
// other. The caller stops the speech.
func (r *room) consult(parties ...int) (*consultation, error) {
	pause(deadTime)
	c := &consultation{room: r, count: len(recordings())}
	var err error
	if c.speech, err = speak(); err != nil {
		return nil, err
	}
	last := len(parties) - 1
	for _, line := range parties[:last] {
		r.press(line)
		pause(500 * time.Millisecond)
	}
	if c.from, err = r.give(c.speech, parties[last]); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// end lets a party withdraw. The recording must be whole: all that was said, once and in order.
func (c *consultation) end(line int) (recorded, error) {
	to, err := c.room.withdraw(c.speech, line)
	if err != nil {
		return recorded{}, err
	}
	rec, err := c.ended("whole", "withdrawn")
	if err != nil {
		return rec, err
	}
	samples, err := rec.listen()
	if err != nil {
		return rec, err
	}
	return rec, c.room.whole(samples, c.speech, c.from, to)
}

// ended waits for the recording to be closed.
func (c *consultation) ended(state, reason string) (recorded, error) {
	return ended(c.count+1, state, reason)
}

// record makes a recording of some length, which must be whole.
func (r *room) record(length time.Duration, parties ...int) (file string, err error) {
	c, err := r.consult(parties...)
	if err != nil {
		return "", err
	}
	defer c.stop()
	if err := stays("recording, and the light on", length, func() bool { return r.lit() && micOpen() }); err != nil {
		return "", err
	}
	rec, err := c.end(parties[0])
	return rec.File, err
}

// give presses until the unit records, and returns the first sample that may be recorded. A busy
// emulated machine can't always tell how old an edge is, and then a press gives nothing. So the
// hand presses again, as people do.
func (r *room) give(s *speech, line int) (from int64, err error) {
	for range 3 {
		r.down(line)
		pause(hand)
		from = s.at()
		r.up(line)
		var took time.Duration
		if took, err = until("light after a give", patience/2, r.lit); err != nil {
			continue
		}
		if _, err = until("it says recording", patience/2, func() bool { return status().Phase == "recording" }); err == nil {
			r.note("release to light: %v", took.Round(time.Millisecond))
			return from, nil
		}
	}
	return 0, err
}

// withdraw presses, and returns the last sample that may be recorded.
func (r *room) withdraw(s *speech, line int) (to int64, err error) {
	r.down(line)
	to = s.at()
	took, err := until("dark after a withdrawal", patience, func() bool { return !r.lit() })
	pause(hand)
	r.up(line)
	r.note("press to dark: %v", took.Round(time.Millisecond))
	return to, err
}
