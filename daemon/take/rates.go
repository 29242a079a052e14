package take

import (
	"math"
	"time"

	"tacet/daemon/recording"
)

const (
	// minRateChange is by how much the card's rate must differ from the last note to be noted
	// again.
	minRateChange = 650e-6
	// rateEvery is the least time between two notes.
	rateEvery = 10 * time.Second
)

// rateNotes decides when a recording notes the card's real rate.
type rateNotes struct {
	noted float64 // by the last note, or the head
	next  int64   // the first frame that may be noted again
}

// look takes the rate at a frame, 0 if it is unknown, and returns the note to make there, if one is
// due.
func (r *rateNotes) look(frame int64, nominal int, rate float64) (note recording.Rate, due bool) {
	if r.noted == 0 {
		r.noted = float64(nominal)
	}
	if rate == 0 || frame < r.next || math.Abs(rate/r.noted-1) < minRateChange {
		return recording.Rate{}, false
	}
	r.noted, r.next = rate, frame+int64(rateEvery.Seconds())*int64(nominal)
	return recording.Rate{Sample: frame, Rate: math.Round(rate)}, true
}
