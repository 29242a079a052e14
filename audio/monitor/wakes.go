package monitor

import "math"

const (
	wakesKept = 32
	// rareEnough is how unlikely lateness must be, as a natural logarithm: six in a million.
	rareEnough = 12
	// bend is how much later a card gets in each second after it has slowed down. Between two
	// wake-ups that is at most bendMost seconds, unless the card wakes us rarely: then it can't be
	// distinguished from a small loss, and does not count as one.
	bend     = 0.11
	bendMost = 0.01
	seldom   = 0.2
	// near and nearLeast are for how many seconds, and for at least how many wake-ups, lateness may
	// have grown.
	near      = 0.1
	nearLeast = 4
)

// wakes remembers how late the card's last wake-ups were, which is typical of the machine. Blocks
// that arrive together, because they belong to one period or make up for a stall, are one wake-up,
// as late as its last block.
type wakes struct {
	late [wakesKept]float64 // a ring; NaN while the pace was not known
	at   [wakesKept]point   // the point of each
	n    int                // wake-ups so far; the newest is at n-1
	last point
}

// add takes the next block. How late it was counts for rare only if the pace is known.
func (w *wakes) add(p point, pace line, known bool) {
	late := math.NaN()
	if known {
		late = p.y - pace.at(p.x)
	}
	if w.n == 0 || p.y-w.last.y > (p.x-w.last.x)/4 {
		w.n++
		w.late[(w.n-1)%wakesKept] = late
	}
	i := (w.n - 1) % wakesKept
	w.late[i], w.at[i] = min(late, w.late[i]), p
	w.last = p
}

// rare reports whether a row of wake-ups, each at least this late, is unusual for this machine.
func (w *wakes) rare(late float64, row int) bool {
	n, as := 0, 1
	for _, l := range w.late[:min(w.n, wakesKept)] {
		if math.IsNaN(l) {
			continue
		}
		n++
		if l >= late-sameLag.Seconds() {
			as++
		}
	}
	return float64(row)*math.Log(float64(n+2)/float64(as)) >= rareEnough
}

// newest is the index of the last complete wake-up at the arrival of a block, or -1.
func (w *wakes) newest(now point) int {
	if now.y-w.last.y <= (now.x-w.last.x)/4 {
		return w.n - 2
	}
	return w.n - 1
}

// lately is the least lateness of the last two wake-ups, and of the two before them if they came
// after a time. More would show a slow-down that was short, and not a stall.
func (w *wakes) lately(pace line, now point, since float64) float64 {
	late := math.Inf(1)
	newest := w.newest(now)
	for i := newest; i >= max(0, newest-lookWakes+1); i-- {
		p := w.at[i%wakesKept]
		if i < newest-1 && p.y < since {
			break
		}
		late = min(late, p.y-pace.at(p.x))
	}
	return late
}

// level is how late a wake-up may be now without being later than the last ones, if the card has
// slowed down.
func (w *wakes) level(pace line, now point) float64 {
	level := math.Inf(1)
	newest := w.newest(now)
	for i := newest; i >= max(0, w.n-wakesKept); i-- {
		p := w.at[i%wakesKept]
		age := now.y - p.y
		if newest-i >= nearLeast && age > near {
			break
		}
		slowed := bend * age
		if i == newest && i > 0 {
			if usual := p.y - w.at[(i-1)%wakesKept].y; usual < seldom && age < 1.5*usual { // it came in time
				slowed = min(slowed, bendMost)
			}
		}
		level = min(level, p.y-pace.at(p.x)+slowed)
	}
	return level
}
