package monitor

import (
	"math"
	"time"
)

const (
	paceKnown  = 10 * time.Second // so long a pace is measured before it is known
	paceWindow = 20 * time.Second // what came earlier no longer counts
	paceBucket = 500 * time.Millisecond
	// paceOff is by how much a pace is off that is worth telling: in the middle between the 300 ppm
	// that any quartz may be off and the 1,000 ppm that none is.
	paceOff = 650e-6
	// paceDoubt times the noise is by how much the blocks must have drifted apart from the nominal
	// rate for it to be the card: a machine that stood still, or was late for long and then made up
	// for it, bends the line, and shows as noise.
	paceDoubt = 4
	// paceJump is how far ahead of its pace a stream must be after a burst of blocks for it to be a
	// jump.
	paceJump = 20 * time.Millisecond
)

// A Pace measures how many frames a second a card really makes, over the last ten to twenty
// seconds, from what has come and when. It listens to the blocks that came least late, so that a
// busy machine doesn't matter: within 300 ppm.
type Pace struct {
	rate   float64
	frames int64
	begin  Raw
	begun  bool
	last   point   // the last block's end
	burst  bool    // it came faster than any card captures, and
	before line    // this is the pace at which those before such blocks came; no slope: not known
	noise  float64 // by how much they were above it, in seconds
	recent *recent
}

// NewPace measures a card that claims a rate.
func NewPace(rate int) *Pace {
	return &Pace{rate: float64(rate), recent: newRecent(paceWindow, paceBucket)}
}

// Push takes the next block of so many frames. Where frames are known to be lost before it, they
// count.
func (p *Pace) Push(frames int64, arrived Raw) {
	if !p.begun {
		p.begin, p.begun = arrived, true
	}
	p.frames += frames
	now := point{float64(p.frames) / p.rate, arrived.Sub(p.begin).Seconds()}
	if p.early(now) {
		p.begin, p.last, p.burst = arrived, point{x: now.x}, false
		p.recent.forget(math.Inf(1))
		return
	}
	p.last = now
	if now.y < settle.Seconds() {
		return
	}
	p.recent.add(now)
}

// early tells whether the stream has just jumped ahead of the pace at which it came: then what was
// taken for a loss was none, or the blocks before were all late, and nothing before says anything
// of the pace.
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

// line is the pace, where it is known.
func (p *Pace) line() (line, bool) {
	if p.recent.span() < (paceKnown - paceBucket).Seconds() {
		return line{}, false
	}
	l, known := p.recent.line()
	return l, known && l.slope > 0
}

// Rate is how many frames a second the card makes; it is known after eleven seconds: in the first a
// card settles. On a machine that is so busy that the blocks say nothing of the card it isn't
// known.
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

// Off tells whether the card is known to make more or fewer frames than it claims, by more than a
// quartz can be off: always where it is 1,000 ppm or more, never where it is 300 ppm or less.
func (p *Pace) Off() (rate float64, off bool) {
	rate, known := p.Rate()
	part := rate/p.rate - 1
	return rate, known && max(part, -part) > paceOff
}
