package monitor

import (
	"math"
	"time"
)

const (
	paceKnown  = 10 * time.Second // the least measurement
	paceWindow = 20 * time.Second // the longest: earlier blocks no longer count
	paceBucket = 500 * time.Millisecond
	// paceOff is the deviation that counts as off: between the 300 ppm that any quartz may be off
	// and the 1,000 ppm that none is.
	paceOff = 650e-6
	// The drift from the nominal rate must exceed paceDoubt times the noise to be the card's. A
	// machine that stalls, or is late for long and then catches up, bends the line, and shows as
	// noise.
	paceDoubt = 4
	// paceJump is how far ahead of its pace a stream must be, after a burst of blocks, to have
	// jumped.
	paceJump = 20 * time.Millisecond
)

// A Pace measures how many frames per second a card really delivers, over the last ten to twenty
// seconds, to within 300 ppm. It relies on the blocks that arrived least late, so that a busy
// machine does not matter.
type Pace struct {
	rate   float64
	frames int64
	start  Raw // of the measurement
	opened bool
	last   point   // the end of the last block
	burst  bool    // the last blocks came faster than any card captures
	before line    // the pace before the burst; without a slope if not known
	noise  float64 // seconds by which the points were above that line
	recent *recent
}

// NewPace measures a card with a nominal rate.
func NewPace(rate int) *Pace {
	return &Pace{rate: float64(rate), recent: newRecent(paceWindow, paceBucket)}
}

// Push takes the next block. Its frames include those that were lost before it.
func (p *Pace) Push(frames int64, arrived Raw) {
	if !p.opened {
		p.start, p.opened = arrived, true
	}
	p.frames += frames
	now := point{float64(p.frames) / p.rate, arrived.Sub(p.start).Seconds()}
	if p.early(now) {
		p.start, p.last, p.burst = arrived, point{x: now.x}, false
		p.recent.forget(math.Inf(1))
		return
	}
	p.last = now
	if now.y < settle.Seconds() {
		return
	}
	p.recent.add(now)
}

// early reports whether the stream has jumped ahead of its pace. Then a declared loss was false, or
// all blocks before were late, and the measurement has to start again.
func (p *Pace) early(now point) bool {
	if now.x-p.last.x <= (now.y-p.last.y)/fastestPace+sameLag.Seconds() {
		p.burst = false
		return false
	}
	if !p.burst {
		p.burst, p.before = true, line{}
		if l, known := p.recent.line(); known && plausible(l) && p.recent.span() >= paceSure.Seconds() {
			p.before = l
			p.noise = p.recent.noise(l)
		}
	}
	return p.before.slope > 0 && p.before.at(now.x)-now.y > paceJump.Seconds()+unsure*p.noise
}

// line is the pace, if it is known.
func (p *Pace) line() (line, bool) {
	if p.recent.span() < (paceKnown - paceBucket).Seconds() {
		return line{}, false
	}
	l, known := p.recent.line()
	return l, known && l.slope > 0
}

// Rate is how many frames per second the card delivers. It is known after eleven seconds, the first
// of which let the card settle, unless the machine is too busy for the blocks to show the card's
// pace.
func (p *Pace) Rate() (rate float64, known bool) {
	l, known := p.line()
	if !known {
		return 0, false
	}
	noise, span := p.recent.noise(l)*paceDoubt, p.recent.span()
	drift := max(l.slope-1, 1-l.slope) * span
	if noise >= paceOff*span && noise >= drift {
		return 0, false
	}
	return p.rate / l.slope, true
}

// Wrong returns the rate, in frames a second, and whether it is known to be off the nominal one by
// more than a quartz can be: always from 1,000 ppm, never up to 300 ppm.
func (p *Pace) Wrong() (rate float64, wrong bool) {
	rate, known := p.Rate()
	part := rate/p.rate - 1
	return rate, known && max(part, -part) > paceOff
}
