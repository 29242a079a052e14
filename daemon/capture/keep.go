package capture

import (
	"time"

	"tacet/daemon/ring"
)

const (
	// readingEvery is the pause between two readings of the lines for held blocks.
	readingEvery = 10 * time.Millisecond
	// readingDelay is how long after a block arrived the lines are read for it if no other block
	// comes. That is later than necessary. But the next block usually comes first, and then one
	// wake-up serves both.
	readingDelay = 100 * time.Millisecond
	// handOnsPerSecond is how often in each second of a recording kept blocks are handed on. More
	// often would only cost wake-ups.
	handOnsPerSecond = 2
)

// Add takes a block into the hold-back. It reports whether the open microphone delivered samples,
// and whether there was sound in them. Blocks that nobody wants go back to the ring.
func (m *Mic) Add(b *ring.Block) (arrived, sound bool) {
	if b.Opening != m.opening || !m.keeping {
		m.s.Ring.Give(b)
		return false, false
	}
	sound = m.examine(b)
	m.hold.Block(b, b.Arrived)
	m.undecided = append(m.undecided, b)
	if b.Overrun {
		m.gaps.Overrun()
	}
	// Count the frames that did not fit in the ring as arrived: the block declares their loss
	// already.
	m.decide(m.gaps.Push(len(b.Samples)/m.s.Channels+int(b.Lost), b.Raw))
	m.noteRate(b)
	return m.state == isOpen, sound // while it is opening, TakeOpened comes first
}

// NeedsReading reports whether held blocks wait for a reading of the lines and a look at the light.
func (m *Mic) NeedsReading(now time.Time) bool {
	if !m.keeping {
		return false
	}
	due, held := m.hold.Due()
	if !held || now.Before(due) || now.Before(m.askAgain) {
		return false
	}
	m.askAgain = now.Add(readingEvery)
	return true
}

func (m *Mic) wakeForReading() (time.Time, bool) {
	if !m.keeping {
		return time.Time{}, false
	}
	due, held := m.hold.Due()
	if due.Before(m.askAgain) {
		return m.askAgain, held
	}
	return due.Add(max(0, readingDelay-m.s.Debounce)), held
}

// LinesClear says that at a time no line showed a withdrawal.
func (m *Mic) LinesClear(at time.Time) {
	if m.keeping {
		m.hold.LinesClear(at)
	}
}

// LightLit says that the light was seen lit at a time.
func (m *Mic) LightLit(at time.Time) {
	if m.keeping {
		m.hold.LightLit(at)
	}
}

// ready takes proved blocks out of the hold-back. It returns how many of them, from the first, the
// gap finder has finished with, and the frames of the recording up to there.
func (m *Mic) ready() (n int, frames int64) {
	m.proved = append(m.proved, m.hold.Keep()...)
	for frames = m.handedOn; n < len(m.proved) && m.proved[n].Decided; n++ {
		frames += m.proved[n].Silence + int64(len(m.proved[n].Samples)/m.s.Channels)
	}
	return n, frames
}

// Keepable reports whether there are blocks that may be kept.
func (m *Mic) Keepable() bool {
	if m.hold == nil {
		return false
	}
	n, _ := m.ready()
	return n > 0
}

// HandOn gives the blocks that may be kept to keep, twice in each second of a recording.
func (m *Mic) HandOn(keep func(*ring.Block)) {
	n, frames := m.ready()
	if share := int64(m.s.Rate / handOnsPerSecond); frames/share > m.handedOn/share {
		m.handOn(n, frames, keep)
	}
}

func (m *Mic) handOn(n int, frames int64, keep func(*ring.Block)) {
	for _, b := range m.proved[:n] {
		keep(b)
	}
	m.proved, m.handedOn = m.proved[n:], frames
}

// Cut ends the keeping. Blocks that are proved, and were captured before a time, go to keep unless
// it is nil; all others are wiped.
func (m *Mic) Cut(at time.Time, keep func(*ring.Block)) {
	if m.hold == nil {
		return
	}
	m.keeping = false
	m.filler.Stop()
	m.decide(m.gaps.Flush())
	m.hold.Cut(at)
	n, frames := m.ready()
	if keep != nil {
		m.handOn(n, frames, keep)
	}
	for _, b := range append(m.proved, m.hold.Drop()...) {
		m.s.Ring.Give(b)
	}
	m.proved, m.undecided, m.hold = nil, nil, nil
}

// Losing reports whether samples that should be kept are being lost because the ring is full.
func (m *Mic) Losing() bool { return m.keeping && m.s.Ring.Full() }
