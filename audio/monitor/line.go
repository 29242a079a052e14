package monitor

// A point is a block's end in the stream: after x seconds of frames, counted at the nominal rate,
// it was y on the clock.
type point struct{ x, y float64 }

// A line is the card's pace: slope seconds of the clock for each second of frames. A card that is
// true to its rate has the slope 1, one that is twice as fast 0.5.
type line struct{ slope, base float64 }

func (l line) at(x float64) float64 { return l.base + l.slope*x }

func through(a, b point) line {
	slope := (b.y - a.y) / (b.x - a.x)
	return line{slope, a.y - slope*a.x}
}

// A hull finds the line that lies under all points and closest to them on average. Lateness only
// ever raises a point, so that line is the card's pace as long as some blocks arrive in time,
// however late the others are.
type hull struct {
	edge []point // the lower convex hull of the points, from left to right
	sum  float64 // of all x
	n    float64
}

func (h *hull) reset() { h.edge, h.sum, h.n = h.edge[:0], 0, 0 }

// add takes the next point, which must not lie left of an earlier one.
func (h *hull) add(p point) {
	h.sum += p.x
	h.n++
	if n := len(h.edge); n > 0 && p.x <= h.edge[n-1].x {
		if p.y >= h.edge[n-1].y {
			return
		}
		h.edge = h.edge[:n-1]
	}
	for n := len(h.edge); n > 1; n-- {
		a, b := h.edge[n-2], h.edge[n-1]
		if (b.y-a.y)*(p.x-a.x) < (p.y-a.y)*(b.x-a.x) {
			break
		}
		h.edge = h.edge[:n-1]
	}
	h.edge = append(h.edge, p)
}

// line is known from two points on. The sum of the points' heights is least above the edge of the
// hull that contains their mean x.
func (h *hull) line() (l line, known bool) {
	n := len(h.edge)
	if n < 2 {
		return line{}, false
	}
	i := 1
	for i < n-1 && h.edge[i].x < h.sum/h.n {
		i++
	}
	return through(h.edge[i-1], h.edge[i]), true
}
