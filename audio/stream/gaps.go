package stream

import (
	"math"
	"time"
)

// How Gaps judges. A block's lag is when it arrived, less the time that all frames up to its end take to play. Lost frames
// raise the lag for good; a busy machine raises it for a few blocks, and then a burst of them makes up for it.
const (
	startHold  = 200 * time.Millisecond // a ring full of old samples has been emptied by then
	settle     = time.Second            // a card's lag may still move in its first second,
	settleMost = 150 * time.Millisecond // by less than this
	lagNoise   = 15 * time.Millisecond  // above the noise of the last two seconds: that much more is no noise
	lookAhead  = time.Second            // so long a block may be late and yet be made up for,
	lookSmall  = 2 * time.Second        // if it is late by less than small, so long,
	small      = 100 * time.Millisecond
	lookBlocks = 4                      // and by so many blocks
	sameLag    = 3 * time.Millisecond   // lags that differ by less are the same
	ring       = 800 * time.Millisecond // what a card keeps for who comes late, at most
	holdMost   = 512                    // blocks held at most, however small they are
	driftSlack = 5 * time.Millisecond   // a card's clock may run fast by this and by driftPart, in all
	driftPart  = 2000                   // one part in so many: 500 ppm
)

// A Verdict says what belongs before a block. Blocks count from 0, in the order in which they were pushed.
type Verdict struct {
	Block int64
	Lost  int64 // frames that the card lost before this block: put that much silence there
	Stale int64 // frames at the block's front that were captured before the card was opened: drop them
}

// Gaps finds lost frames: it compares what has arrived with the monotonic clock. It needs no word from the card: most
// losses leave no trace but the time that is missing.
//
// Push hands in a block and returns the blocks that are now decided, in order. As long as blocks come when they should,
// that is the block itself. A late block, and all behind it, is held until it shows whether time was lost or only spent:
// a second, or two where it is late by less than 0.1 s. The first blocks are held for 200 ms, so that samples from before the
// opening are told from later ones.
//
// A loss of 20 ms or more is found, placed before the first block that follows it (or one earlier, where two come in one
// period), and measured to a few milliseconds. In the first second only one above 150 ms is found; while a machine is so busy
// that no block comes in time, small ones aren't. Jitter of any size that is made up for, and a card whose clock is wrong by
// 300 ppm, are no loss.
type Gaps struct {
	rate   int64
	opened Raw
	blocks int64 // pushed so far
	frames int64 // pushed and lost so far: where the stream stands

	first   time.Duration // when the first block arrived, since opened
	started bool          // the first blocks have been let go
	held    []block
	decided []Verdict // Push's and Flush's answer: valid until the next call
	recent  lags
}

type block struct {
	index, frames int64
	stale         int64         // of the frames, at the front
	arrived       time.Duration // since opened
	lag           time.Duration
	least         time.Duration // the least lag of this block and of all that came later
}

// NewGaps begins with a card that was opened at a time just before the call that opened it.
func NewGaps(rate int, opened Raw) *Gaps {
	return &Gaps{rate: int64(rate), opened: opened}
}

// Push takes the next block of so many frames. The answer is valid until the next call.
func (g *Gaps) Push(frames int, arrived Raw) []Verdict {
	at := max(0, arrived.Sub(g.opened))
	if g.blocks == 0 {
		g.first = at
	}
	g.frames += int64(frames)
	g.held = append(g.held, block{index: g.blocks, frames: int64(frames), arrived: at, lag: at - g.length(g.frames)})
	g.blocks++
	if !g.started && at-g.first < startHold && len(g.held) < holdMost {
		return nil
	}
	return g.decide(false)
}

// Flush decides all blocks that are still held: nothing follows them. Lateness that can't show any more what it was counts
// as a loss only where it is longer than a card's ring.
func (g *Gaps) Flush() []Verdict { return g.decide(true) }

// Held is how many blocks are not decided yet.
func (g *Gaps) Held() int { return len(g.held) }

// length is how long frames play.
func (g *Gaps) length(frames int64) time.Duration {
	return time.Duration(float64(frames) / float64(g.rate) * float64(time.Second))
}

// count is how many frames play in d.
func (g *Gaps) count(d time.Duration) int64 {
	return int64(math.Round(d.Seconds() * float64(g.rate)))
}

// decide lets go of what can be decided: with all set, of everything.
func (g *Gaps) decide(all bool) []Verdict {
	g.decided = g.decided[:0]
	if len(g.held) == 0 {
		return nil
	}
	g.dropStale()
	g.started = true
	g.look()
	n := 0
	for ; n < len(g.held); n++ {
		b := &g.held[n]
		lost := g.lostBefore(b)
		if lost > 0 && g.waited(n, lost) {
			if b.least < g.later(n)-sameLag {
				lost = 0 // the loss comes later: this block was only late
			}
		} else if lost > 0 && !all {
			break
		} else if lost < g.count(ring) {
			lost = 0 // it may only have come late
		}
		g.insert(n, lost)
		g.recent.add(b.arrived, b.lag)
		g.decided = append(g.decided, Verdict{Block: b.index, Lost: lost, Stale: b.stale})
	}
	g.held = g.held[:copy(g.held, g.held[n:])]
	return g.decided
}

// waited tells whether a held block's lateness can be called a loss: what came since has not made up for it.
func (g *Gaps) waited(n int, lost int64) bool {
	look := lookAhead
	if lost < g.count(small) {
		look = lookSmall
	}
	newest := g.held[len(g.held)-1]
	return newest.arrived-g.held[n].arrived >= look && len(g.held)-n > lookBlocks || len(g.held) >= holdMost
}

// later is the least lag of those who came a good while after a held block.
func (g *Gaps) later(n int) time.Duration {
	for _, b := range g.held[n:] {
		if b.arrived-g.held[n].arrived >= bucket {
			return b.least
		}
	}
	return g.held[len(g.held)-1].least
}

// dropStale finds frames that came although there was no time to capture them in since the opening. At the start they are
// the oldest; later on, where a card's clock may have run fast, they are sought in the newest block.
func (g *Gaps) dropStale() {
	first, limit := 0, time.Duration(0)
	if g.started {
		first = len(g.held) - 1
		limit = driftSlack + g.held[first].arrived/driftPart
	}
	g.look()
	stale := g.count(max(0, -limit-g.held[first].least))
	for i := first; i < len(g.held) && stale > 0; i++ {
		b := &g.held[i]
		b.stale = min(stale, b.frames)
		stale -= b.stale
		g.insert(i, -b.stale)
	}
}

// lostBefore is how many frames are missing before a held block, as far as one can see by now.
func (g *Gaps) lostBefore(b *block) int64 {
	usual, noise, known := g.recent.usual()
	if !known {
		return 0
	}
	most := lagNoise + noise
	if b.arrived-g.first < settle {
		most = settleMost
	}
	if late := b.least - usual; late > most {
		return g.count(late)
	}
	return 0
}

// insert puts n frames into the stream before a held block, and so makes it and all later ones that much less late.
func (g *Gaps) insert(i int, n int64) {
	g.frames += n
	for ; i < len(g.held) && n != 0; i++ {
		g.held[i].lag -= g.length(n)
		g.held[i].least -= g.length(n)
	}
}

// look finds, for each held block, the least lag from there on.
func (g *Gaps) look() {
	least := time.Duration(math.MaxInt64)
	for i := len(g.held) - 1; i >= 0; i-- {
		least = min(least, g.held[i].lag)
		g.held[i].least = least
	}
}
