package practice

import (
	"slices"
	"time"
)

const (
	// maxSkew is how far this computer's clock may be from the units'. Messages take a second at
	// most, and the units' clocks are synchronised.
	maxSkew = 20 * time.Second
	// enough is how many units must agree that this computer's clock is wrong.
	enough = 2
)

type clock struct {
	jumped time.Time
	by     time.Duration
	skew   time.Duration
	of     int
}

// ClockJumped records that this computer's clock jumped against its own monotonic one.
func (p *Practice) ClockJumped(by time.Duration, at time.Time) Entry {
	p.clock.jumped, p.clock.by = at, by
	return Entry{Kind: Clock, At: at, Text: by.Round(time.Second).String()}
}

// Clocks returns what is known of this computer's clock.
func (p *Practice) Clocks() Clocks {
	c := p.clock
	return Clocks{Jumped: c.jumped, By: c.by, Skew: c.skew, Compared: c.of,
		Wrong: c.of >= enough && c.skew.Abs() > maxSkew}
}

// compare takes the time that a unit has just sent.
func (r *room) compare(unit, now time.Time) { r.skew, r.skewed = unit.Sub(now), true }

// compareClocks takes the median over the units whose clock is synchronised.
func (p *Practice) compareClocks() {
	var all []time.Duration
	for _, r := range p.rooms {
		if r.skewed && r.unit != nil && r.unit.Clock == "synced" && (r.state != Silent && r.state != Unknown) {
			all = append(all, r.skew)
		}
	}
	p.clock.of, p.clock.skew = len(all), 0
	if len(all) > 0 {
		slices.Sort(all)
		p.clock.skew = all[len(all)/2]
		if low := all[(len(all)-1)/2]; low.Abs() < p.clock.skew.Abs() {
			p.clock.skew = low // of two that disagree, the one that is closer to ours
		}
	}
}
