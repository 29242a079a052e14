package monitor

import "time"

// A Raw is a reading of CLOCK_MONOTONIC_RAW: the time since the machine started, on a clock that
// nobody bends. Time servers slew CLOCK_MONOTONIC, by 8 % and more, and a card judged against that
// seems to run fast or slow when it does neither. A Raw judges the card, and nothing else: edges of
// lines and readings of them are stamped with the other clock, and so is each block that is
// compared with them. The types differ so that the two are never mixed up.
type Raw time.Duration

// Sub is the time that passed between two readings.
func (r Raw) Sub(earlier Raw) time.Duration { return time.Duration(r - earlier) }

// Add is the reading a time later.
func (r Raw) Add(d time.Duration) Raw { return r + Raw(d) }
