package stream

import "time"

const (
	paceKnown  = 10 * time.Second // so long a pace is measured before it is known
	paceWindow = 20 * time.Second // what came earlier no longer counts
	paceBucket = 500 * time.Millisecond
	// paceOff is by how much a pace is off that is worth telling: in the middle between the 300 ppm that any quartz may be off
	// and the 1,000 ppm that none is.
	paceOff = 650e-6
)

// A Pace measures how many frames a second a card really makes, over the last ten to twenty seconds, from what has come and
// when. It listens to the blocks that came least late, so that a busy machine doesn't matter: within 300 ppm.
type Pace struct {
	rate   float64
	frames int64
	begin  Raw
	begun  bool
	recent *recent
}

// NewPace measures a card that claims a rate.
func NewPace(rate int) *Pace {
	return &Pace{rate: float64(rate), recent: newRecent(paceWindow, paceBucket)}
}

// Push takes the next block of so many frames. Where frames are known to be lost before it, they count.
func (p *Pace) Push(frames int64, arrived Raw) {
	if !p.begun {
		p.begin, p.begun = arrived, true
	}
	p.frames += frames
	if arrived.Sub(p.begin) < settle {
		return
	}
	p.recent.add(point{float64(p.frames) / p.rate, arrived.Sub(p.begin).Seconds()})
}

// line is the pace, where it is known.
func (p *Pace) line() (line, bool) {
	if p.recent.span() < (paceKnown - paceBucket).Seconds() {
		return line{}, false
	}
	l, known := p.recent.line()
	return l, known && l.slope > 0
}

// Rate is how many frames a second the card makes; it is known after eleven seconds: in the first a card settles.
func (p *Pace) Rate() (rate float64, known bool) {
	l, known := p.line()
	if !known {
		return 0, false
	}
	return p.rate / l.slope, true
}

// Off tells whether the card is known to make more or fewer frames than it claims, by more than a quartz can be off: always
// where it is 1,000 ppm or more, never where it is 300 ppm or less.
func (p *Pace) Off() (rate float64, off bool) {
	rate, known := p.Rate()
	part := rate/p.rate - 1
	return rate, known && max(part, -part) > paceOff
}
