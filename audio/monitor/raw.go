package monitor

import "time"

// A Raw is a reading of CLOCK_MONOTONIC_RAW: the time since the machine started, on a clock that is
// never adjusted. Time synchronisation slews CLOCK_MONOTONIC by 8 % and more, and a card measured
// against it would seem fast or slow. A Raw is used only to judge the card. Edges and readings of
// lines are stamped with the other clock, and so is each block that is compared with them. The
// types differ so that the two can't be confused.
type Raw time.Duration

// Sub is the time between two readings.
func (r Raw) Sub(earlier Raw) time.Duration { return time.Duration(r - earlier) }

// Add is the reading d later.
func (r Raw) Add(d time.Duration) Raw { return r + Raw(d) }
