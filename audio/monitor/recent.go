package monitor

import (
	"slices"
	"time"
)

// pointsLeast points are kept at any age, for cards that wake us rarely.
const pointsLeast = 11

// recent remembers the blocks that arrived least late: one per bucket of time, within a window.
type recent struct {
	window, bucket float64 // seconds
	slope          float64 // for comparing the points of one bucket
	points         []point // the lowest of each bucket, in order
	hull           hull
	above          []float64
}

func newRecent(window, bucket time.Duration) *recent {
	return &recent{window: window.Seconds(), bucket: bucket.Seconds(), slope: 1}
}

func (r *recent) add(p point) {
	n := len(r.points)
	if n > 0 && int64(p.y/r.bucket) <= int64(r.points[n-1].y/r.bucket) {
		if last := r.points[n-1]; p.y-r.slope*p.x < last.y-r.slope*last.x {
			r.points[n-1] = p
		}
		return
	}
	old := 0
	for old < n-pointsLeast && p.y-r.points[old].y > r.window {
		old++
	}
	r.points = append(r.points[:copy(r.points, r.points[old:])], p)
}

// forget drops the points from before a time.
func (r *recent) forget(before float64) {
	old := 0
	for old < len(r.points) && r.points[old].y < before {
		old++
	}
	r.points = r.points[:copy(r.points, r.points[old:])]
}

// span is the time between the first point and the last.
func (r *recent) span() float64 {
	if len(r.points) == 0 {
		return 0
	}
	return r.points[len(r.points)-1].y - r.points[0].y
}

// line is the pace of the points. It also sets the slope for comparing later ones.
func (r *recent) line() (line, bool) {
	r.hull.reset()
	for _, p := range r.points {
		r.hull.add(p)
	}
	l, known := r.hull.line()
	if known && l.slope > 0 {
		r.slope = l.slope
	}
	return l, known
}

// least is how far the lowest point lies above the line of that slope through the origin.
func (r *recent) least(slope float64) float64 {
	least := r.points[0].y - slope*r.points[0].x
	for _, p := range r.points[1:] {
		least = min(least, p.y-slope*p.x)
	}
	return least
}

// noise is the median height of the points above the line, in seconds.
func (r *recent) noise(l line) float64 {
	r.above = r.above[:0]
	for _, p := range r.points {
		r.above = append(r.above, max(0, p.y-l.at(p.x)))
	}
	if len(r.above) == 0 {
		return 0
	}
	slices.Sort(r.above)
	return r.above[len(r.above)/2]
}
