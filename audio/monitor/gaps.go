package monitor

import (
	"math"
	"time"
)

// startHold is when a ring full of old samples has been emptied.
const startHold = 200 * time.Millisecond

// A Verdict says what belongs before a block. Blocks count from 0, in the order in which they were
// pushed.
type Verdict struct {
	Block int64
	Lost  int64 // frames that the card lost before this block: put that much silence there
	Stale int64 // frames at the block's front that were captured before the card was opened: drop them
}

// Gaps finds lost frames: it compares what has arrived with the raw clock. It needs no word from
// the card: most losses leave no trace but the time that is missing.
//
// Push hands in a block and returns the blocks that are now decided, in order. As long as blocks
// come when they should, that is the block itself. A late block, and all after it, is held until it
// shows whether time was lost or only spent: a second, or two where it is late by less than 0.1 s,
// or four where the card seldom wakes us. The first blocks are held for 200 ms, so that samples
// from before the opening are told from later ones. After that no frame is stale.
//
// What a card should deliver is measured, not taken from its label: cards run at a pace of their
// own, and a pace can change. The line under the latest blocks, which the least late of them touch,
// is the pace. A loss is a step above that line, from one wake-up of the card to the next, that no
// later block goes below. A line that only bends is a card whose pace has changed, and no loss.
// Between 0.9 and 2.0 times the nominal rate, also where it changes by 10 %, no loss is seen where
// there was none, however late blocks come, as long as that is made up for while they are held.
// What is made up for later than that was declared as lost: no card keeps samples for so long, but
// a sound server may. Nothing is dropped then: the file is that much longer. A card that wakes us
// less than five times a second may be wronged by one loss when its pace changes.
//
// A loss of 20 ms or more is found, placed before the first block that follows it (or one earlier,
// where two come in one period), and measured to a few milliseconds. Before the pace is known, in
// the first two seconds (three on a busy machine), only one above 150 ms is found; while a machine
// is so busy that few blocks come in time, small ones aren't, nor are those in the seconds after
// the pace has changed. Where a card wakes us less than five times a second, only one is found that
// is longer than a tenth of the time between two wake-ups, only once enough of them have shown what
// is usual, and it is measured roughly.
//
// Lost counts frames that the card didn't deliver: the time that is missing at the pace that the
// card had. In a file, which plays them at the nominal rate as all others, a silence is therefore
// just as long as the sound would have been. Where the card's pace is not nominal, neither that nor
// any other position in the file is a time in the room: [Gaps.Pace] tells the rate.
type Gaps struct {
	rate   float64
	opened Raw
	blocks int64 // pushed so far
	frames int64 // pushed and lost so far, without the stale: where the stream stands

	first   time.Duration // when the first block arrived, since opened
	started bool          // the first blocks have been let go
	settled bool          // what came in the first second no longer counts
	overrun bool          // the next block follows a loss that somebody has seen
	held    []block
	decided []Verdict // Push's and Flush's answer: valid until the next call
	recent  *recent
	wakes   wakes
	hull    hull
	pace    *Pace
}

type block struct {
	index, frames int64
	stale         int64         // of the frames, at the front
	arrived       time.Duration // since opened
	point         point
	overrun       bool // before it something was lost, as somebody has seen
}

// NewGaps begins with a card that was opened at a time just before the call that opened it.
func NewGaps(rate int, opened Raw) *Gaps {
	return &Gaps{rate: float64(rate), opened: opened, recent: newRecent(paceLately, nearby), pace: NewPace(rate)}
}

// Pace is the card's own.
func (g *Gaps) Pace() *Pace { return g.pace }

// Overrun says that samples are known to have been lost before the next block, as the sound library
// reports of an overrun. How many, its lateness tells, and that of what comes in the second after
// it: a small loss is found where it would else be lateness or a change of pace, however busy the
// machine is.
func (g *Gaps) Overrun() { g.overrun = true }

// Push takes the next block of so many frames. The answer is valid until the next call.
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

// Flush decides all blocks that are still held: nothing follows them. Lateness that can't show any
// more what it was counts as a loss only where it is longer than a card's ring.
func (g *Gaps) Flush() []Verdict { return g.decide(true) }

// Held is how many blocks are not decided yet.
func (g *Gaps) Held() int { return len(g.held) }

// decide lets go of what can be decided: with all set, of everything.
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
		if before, _, known := g.before(); known {
			g.wakes.add(b.point, before)
		}
		g.recent.add(b.point)
		g.pace.Push(lost+b.frames-b.stale, g.opened.Add(b.arrived))
		g.decided = append(g.decided, Verdict{Block: b.index, Lost: lost, Stale: b.stale})
	}
	g.held = g.held[:copy(g.held, g.held[n:])]
	return g.decided
}

// dropStale finds frames among the first that came although there was no time to capture them in
// since the opening: the oldest.
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

// insert puts n frames into the stream before the first of the held blocks.
func (g *Gaps) insert(held []block, n int64) {
	g.frames += n
	for i := 0; i < len(held) && n != 0; i++ {
		held[i].point.x += float64(n) / g.rate
	}
}
