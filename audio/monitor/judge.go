package monitor

import (
	"math"
	"time"
)

// How a late block is judged. Everything is measured in time, so that the size of the blocks does
// not matter.
const (
	settle     = time.Second            // in its first second a card's lateness may still change
	settleMost = 150 * time.Millisecond // by up to this
	lagNoise   = 15 * time.Millisecond  // lateness this much above the recent noise is not noise
	stepNoise  = 5 * time.Millisecond   // lateness this much above the last wake-ups is a step
	lookAhead  = time.Second            // blocks that come this soon may make up for a late one
	lookSmall  = 2 * time.Second        // the same for one that is late by less than small
	small      = 100 * time.Millisecond
	lookWakes  = 4                      // more wake-ups of the card than this are waited for
	lookMost   = 4 * time.Second        // after this a block is judged in any case
	sudden     = 2 * time.Millisecond   // less than this is not late
	pulse      = 750 * time.Millisecond // no card changes its pace and returns to the old one within this
	sameLag    = 3 * time.Millisecond   // latenesses that differ by less are equal
	nearby     = 250 * time.Millisecond // blocks this close may have been late together
	stalls     = 3                      // blocks of this many wake-ups may have been late together
	ring       = 800 * time.Millisecond // the longest ring of a card
)

// How the pace before a block is found.
const (
	paceLately  = 3 * time.Second // it is measured over this long
	paceSure    = 2 * time.Second // the least time over which it is measured
	paceLeast   = time.Second     // the same on a machine whose noise is below calm
	calm        = time.Millisecond
	unsure      = 3        // a factor for the noise while only the latest blocks are known
	sameSlope   = 0.0025   // slopes that differ by less may be equal
	slowestPace = 1 / 0.88 // seconds of time per second of frames; no card is slower
	fastestPace = 1 / 2.3  // the same; no card is faster
)

// lostBefore is how many frames are missing before the first of the held blocks. decided is false
// while later blocks may still explain its lateness.
func (g *Gaps) lostBefore(held []block, all bool) (lost int64, decided bool) {
	if len(g.recent.points) == 0 {
		return 0, true
	}
	before, noise, known := g.before()
	if held[0].overrun {
		return g.lostInOverrun(held, before, all)
	}
	late, most := leastLate(held, before.slope)-before.base, lagNoise.Seconds()+noise
	if !known {
		// At the slowest pace, blocks that come much later would make up for any loss.
		late, most = leastLate(soon(held), slowestPace)-g.recent.least(slowestPace), settleMost.Seconds()
	}
	if late <= most {
		return 0, true
	}
	if all {
		if late < ring.Seconds() {
			late = 0
		}
		return g.count(late, before), true
	}
	age := held[len(held)-1].arrived - held[0].arrived
	if !waited(held, late) {
		return 0, false
	}
	if !known {
		return g.lostAtNewPace(held, before), true
	}
	if after := later(held); leastLate(held, before.slope) < leastLate(after, before.slope)-sameLag.Seconds() {
		// The loss comes later and this block was only late, or the card slows down. Or the machine
		// stalls just now, which a few more wake-ups show.
		return 0, wakesIn(after) > lookWakes || age >= lookMost
	}
	slowed := late-g.wakes.level(before, held[0].point) < stepNoise.Seconds()
	if slowed && !g.sudden(held, before, noise) {
		return 0, true
	}
	if late < ring.Seconds() && !g.wakes.rare(late, wakesIn(held)) {
		return 0, age >= lookMost // on a machine this busy it may mean nothing
	}
	return g.count(late, before), true
}

// lostAtNewPace is how many frames are missing before the first of the held blocks while the card's
// pace is not known yet: the held blocks must show it.
func (g *Gaps) lostAtNewPace(held []block, before line) int64 {
	if l, ok := g.under(held); ok && plausible(l) {
		before.slope = l.slope
	}
	if age := held[len(held)-1].arrived - held[0].arrived; age.Seconds() > seldom*float64(wakesIn(held)) {
		g.under(complete(held)) // so few that a stall bends the line
		before.slope = max(before.slope, g.hull.steepest())
	}
	late := leastLate(held, before.slope) - g.recent.least(before.slope)
	if late <= settleMost.Seconds() {
		return 0
	}
	return g.count(late, before)
}

// lostInOverrun is how many frames were lost in a reported overrun: the least lateness until the
// next one shows it.
func (g *Gaps) lostInOverrun(held []block, before line, all bool) (lost int64, decided bool) {
	n := 1
	for n < len(held) && !held[n].overrun {
		n++
	}
	if n == len(held) && held[n-1].arrived-held[0].arrived < lookAhead && !all {
		return 0, false
	}
	late := leastLate(held[:n], before.slope) - g.recent.least(before.slope)
	if late < sameLag.Seconds() {
		return 0, true
	}
	return g.count(late, before), true
}

// sudden reports whether the card was in time until just now and continues at its old pace. Then it
// has not slowed down.
func (g *Gaps) sudden(held []block, before line, noise float64) bool {
	after, known := g.under(later(held))
	if !known || !alike(before, after, sameSlope) {
		return false
	}
	least := leastLate(held, before.slope)
	i := 0 // the first block that is only as late as all that follow
	for leastLate(held[i:i+1], before.slope) > least+sameLag.Seconds() {
		i++
	}
	late := g.wakes.lately(before, held[0].point, held[i].point.y-pulse.Seconds())
	return late < sudden.Seconds()+min(noise, lagNoise.Seconds())
}

// before is the card's pace before the held blocks, and the noise of the points above it, in
// seconds.
func (g *Gaps) before() (l line, noise float64, known bool) {
	span := g.recent.span()
	l, known = g.recent.line()
	if !known || !g.settled || !plausible(l) || span < paceLeast.Seconds() {
		return line{slope: 1}, 0, false
	}
	noise = g.recent.noise(l)
	long, lasts := g.pace.line()
	switch {
	case lasts && alike(l, long, sameSlope):
		l = line{long.slope, g.recent.least(long.slope)}
		return l, g.recent.noise(l), true
	case lasts: // it has just changed, and may change again
		return l, small.Seconds() + unsure*noise, true
	}
	return l, unsure * noise, noise < calm.Seconds() || span >= paceSure.Seconds()
}

// alike reports whether two lines have about the same slope.
func alike(a, b line, most float64) bool { return math.Abs(a.slope/b.slope-1) < most }

func plausible(l line) bool { return l.slope > fastestPace && l.slope < slowestPace }

// count is how many frames a card delivers in some seconds, at a pace.
func (g *Gaps) count(seconds float64, pace line) int64 {
	return int64(math.Round(seconds * g.rate / pace.slope))
}

// waited reports whether the held blocks have had enough time to make up for their lateness.
func waited(held []block, late float64) bool {
	look := lookAhead
	if late < small.Seconds() {
		look = lookSmall
	}
	age := held[len(held)-1].arrived - held[0].arrived
	return age >= look && wakesIn(held) > lookWakes || age >= lookMost
}

// wakesIn counts the wake-ups of the held blocks: those of one period arrive together.
func wakesIn(held []block) int {
	n := 1
	for i := 1; i < len(held); i++ {
		if !together(held[i-1], held[i]) {
			n++
		}
	}
	return n
}

// complete are the held blocks without the last wake-up, of which more may follow.
func complete(held []block) []block {
	n := len(held) - 1
	for n > 0 && together(held[n-1], held[n]) {
		n--
	}
	return held[:n]
}

// together reports whether a block arrived with the one before it, in one wake-up.
func together(before, b block) bool {
	return b.point.y-before.point.y <= (b.point.x-before.point.x)/4
}

// later are the held blocks that came a good while after the first one, and not in its wake-up or
// the next two: stalls may follow one another.
func later(held []block) []block {
	wakes := 1
	for i := 1; i < len(held); i++ {
		if !together(held[i-1], held[i]) {
			wakes++
		}
		if age := held[i].arrived - held[0].arrived; age >= nearby && wakes > stalls || age >= lookAhead {
			return held[i:]
		}
	}
	return held[len(held)-1:]
}

// soon are those that came in the half second after the first of the held blocks.
func soon(held []block) []block {
	n := 1
	for n < len(held) && held[n].arrived-held[0].arrived < lookAhead/2 {
		n++
	}
	return held[:n]
}

// leastLate is how far above a line of a slope through zero the least late of the blocks lies.
func leastLate(held []block, slope float64) float64 {
	least := math.Inf(1)
	for _, b := range held {
		least = min(least, b.point.y-slope*b.point.x)
	}
	return least
}

// under is the pace of some held blocks.
func (g *Gaps) under(held []block) (line, bool) {
	g.hull.reset()
	for _, b := range held {
		g.hull.add(b.point)
	}
	return g.hull.line()
}
