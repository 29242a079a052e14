package monitor

import (
	"math"
	"time"
)

// startHold is the time in which a ring full of old samples is emptied.
const startHold = 200 * time.Millisecond

// A Verdict says what to insert before a block, and what to drop of it.
type Verdict struct {
	Block int64 // its number, from 0, in the order of Push
	Lost  int64 // frames that were lost before the block: insert that much silence
	Stale int64 // frames at the start of the block that were captured before the card was opened: drop them
}

// Gaps finds lost frames by comparing the frames that have arrived with the raw clock. It does not
// rely on the card: most losses leave no trace except missing time.
//
// Push takes a block and returns the verdicts that are now certain, in order. A block that arrives
// in time is decided at once. A late block, and all after it, is held until it is clear whether
// frames were lost or only delayed: for one second, for two if it is late by less than 0.1 s, or
// for up to four if the card wakes us rarely or the machine keeps stalling. The first blocks are
// held for 200 ms, to recognise samples from before the opening. After that no frame is stale.
//
// The card's pace is measured, since it is not exactly the nominal rate and can change. It is the
// line under the points of the recent blocks (frames against arrival time), which the least late
// blocks touch. A loss is a step above that line, from one wake-up of the card to the next, that no
// later block falls below. A line that only bends is a change of pace and not a loss. For a card
// between 0.9 and 2.0 times the nominal rate, even if that changes by 10 %, delays cause no false
// loss as long as they are made up for while the blocks are held. A sound server may make up for a
// delay later than that. Then the declared loss was false, but nothing is dropped: the file is
// longer by that much. A card that wakes us less than five times per second may show one false loss
// when its pace changes.
//
// A loss of 20 ms or more is found, placed before the first block after it (or one earlier, if two
// arrive in one period), and measured to a few milliseconds. There are three exceptions. Before the
// pace is known, in the first two seconds (three on a busy machine), a loss must exceed 150 ms.
// Small losses are missed while a machine is so busy that few blocks arrive in time, and in the
// seconds after a change of pace: a card that slows down for a second while the machine stalls
// looks the same. Losses within three wake-ups of the card may be found as one. If the card wakes
// us less than five times per second, a loss must exceed a tenth of the time between two wake-ups,
// is found only after enough wake-ups, and is measured roughly.
//
// Lost counts the frames that the card would have delivered in the missing time, at its own pace. A
// file plays all frames at the nominal rate, so the silence is as long as the sound would have
// been. If the pace is not nominal, a position in the file is not a time in the room: [Gaps.Pace]
// has the rate.
type Gaps struct {
	rate   float64
	opened Raw
	blocks int64 // pushed so far
	frames int64 // the position of the stream: pushed and lost so far, without the stale

	first   time.Duration // when the first block arrived, since opened
	started bool          // the first blocks have been decided
	settled bool          // the first second no longer counts
	overrun bool          // the next block follows a reported loss
	held    []block
	decided []Verdict // returned by Push and Flush; valid until the next call
	recent  *recent
	wakes   wakes
	hull    hull
	pace    *Pace
}

type block struct {
	index, frames int64
	stale         int64         // of the frames, at the start
	arrived       time.Duration // since opened
	point         point
	overrun       bool // it follows a reported loss
}

// NewGaps takes the time just before the call that opened the card.
func NewGaps(rate int, opened Raw) *Gaps {
	return &Gaps{rate: float64(rate), opened: opened, recent: newRecent(paceLately, nearby), pace: NewPace(rate)}
}

// Pace measures the card's pace.
func (g *Gaps) Pace() *Pace { return g.pace }

// Overrun reports that samples were lost before the next block, as the sound library knows of an
// overrun. The arrival of that block, and of those in the second after it, shows how many. So a
// small loss is found that would otherwise pass for lateness or a change of pace, however busy the
// machine is.
func (g *Gaps) Overrun() { g.overrun = true }

// Push takes the next block. The result is valid until the next call.
func (g *Gaps) Push(frames int, arrived Raw) []Verdict {
	at := max(0, arrived.Sub(g.opened))
	if g.blocks == 0 {
		g.first = at
	}
	g.frames += int64(frames)
	g.held = append(g.held, block{
		index: g.blocks, frames: int64(frames), arrived: at,
		point: point{float64(g.frames) / g.rate, at.Seconds()}, overrun: g.overrun,
	})
	g.blocks++
	g.overrun = false
	if !g.started && at-g.first < startHold {
		return nil
	}
	return g.decide(false)
}

// Flush decides all blocks that are still held, since none follow. Lateness that is still
// unexplained counts as a loss only if it is longer than a card's ring.
func (g *Gaps) Flush() []Verdict { return g.decide(true) }

// Held is the number of blocks that are not decided yet.
func (g *Gaps) Held() int { return len(g.held) }

// decide decides the held blocks that it can, or all.
func (g *Gaps) decide(all bool) []Verdict {
	g.decided = g.decided[:0]
	if len(g.held) == 0 {
		return nil
	}
	if !g.started {
		g.started = true
		g.dropStale()
	}
	n := 0
	for ; n < len(g.held); n++ {
		held := g.held[n:]
		lost, decided := g.lostBefore(held, all)
		if !decided {
			break
		}
		g.insert(held, lost)
		b := &held[0]
		if !g.settled && b.arrived-g.first >= settle {
			g.settled = true
			g.recent.forget((b.arrived - settle/2).Seconds())
		}
		before, _, known := g.before()
		g.wakes.add(b.point, before, known)
		g.recent.add(b.point)
		g.pace.Push(lost+b.frames-b.stale, g.opened.Add(b.arrived))
		g.decided = append(g.decided, Verdict{Block: b.index, Lost: lost, Stale: b.stale})
	}
	g.held = g.held[:copy(g.held, g.held[n:])]
	return g.decided
}

// dropStale marks the frames that can't have been captured since the opening, the oldest ones.
func (g *Gaps) dropStale() {
	early := 0.0
	for _, b := range g.held {
		early = max(early, b.point.x-b.point.y)
	}
	stale := int64(math.Round(early * g.rate))
	for i := 0; i < len(g.held) && stale > 0; i++ {
		b := &g.held[i]
		b.stale = min(stale, b.frames)
		stale -= b.stale
		g.insert(g.held[i:], -b.stale)
	}
}

// insert moves the held blocks n frames later in the stream.
func (g *Gaps) insert(held []block, n int64) {
	g.frames += n
	for i := 0; i < len(held) && n != 0; i++ {
		held[i].point.x += float64(n) / g.rate
	}
}
