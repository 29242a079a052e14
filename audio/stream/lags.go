package stream

import (
	"slices"
	"time"
)

const (
	bucket  = 250 * time.Millisecond
	buckets = 8
)

// lags remembers the least lag of each quarter of a second, for two seconds.
type lags struct {
	ring [buckets]struct {
		number int64 // which quarter since the opening, plus one; 0: none
		least  time.Duration
	}
	newest int64
}

func (l *lags) add(at, lag time.Duration) {
	number := int64(at/bucket) + 1
	r := &l.ring[number%buckets]
	if r.number != number {
		r.number, r.least = number, lag
	}
	r.least = min(r.least, lag)
	l.newest = max(l.newest, number)
}

// usual is the least lag of late, and the noise: by how much the middling quarter's least lag is above that. The quarter that
// is not over yet says nothing about noise.
func (l *lags) usual() (least, noise time.Duration, known bool) {
	var whole [buckets]time.Duration
	n := 0
	for _, r := range l.ring {
		if r.number == 0 {
			continue
		}
		if !known || r.least < least {
			least, known = r.least, true
		}
		if r.number != l.newest {
			whole[n] = r.least
			n++
		}
	}
	if n > 0 {
		slices.Sort(whole[:n])
		noise = max(0, whole[n/2]-least)
	}
	return least, noise, known
}
