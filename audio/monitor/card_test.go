package monitor

import (
	"math/rand/v2"
	"time"

	"pgregory.net/rapid"
)

// A fakeCard is a sound card with a ring and an interrupt per period. A thread reads it, more or
// less in time, as the sound library does: in pieces, while at least one period is available.
type fakeCard struct {
	rate          int
	pace          paces
	piece, period int
	ring          int                  // frames that it keeps for who comes late
	jitter        func() time.Duration // how late the thread wakes up
	lose          map[int]int          // before this piece the card loses so many frames
	opened        Raw
}

// paces are the card's speeds relative to its nominal one. The first starts at the opening.
type paces []pace

type pace struct {
	from  time.Duration // since the opening
	speed float64
}

// frames is how many seconds of frames the card has made by a time.
func (l paces) frames(now time.Duration) (made float64) {
	for i, p := range l {
		end := now
		if i+1 < len(l) {
			end = min(now, l[i+1].from)
		}
		if end > p.from {
			made += p.speed * (end - p.from).Seconds()
		}
	}
	return made
}

// when is the time at which the card has made some seconds of frames.
func (l paces) when(made float64) time.Duration {
	for i, p := range l {
		if i+1 < len(l) {
			if step := p.speed * (l[i+1].from - p.from).Seconds(); made > step {
				made -= step
				continue
			}
		}
		return p.from + time.Duration(made/p.speed*float64(time.Second))
	}
	panic("a card without a pace")
}

// at is the speed at a time.
func (l paces) at(now time.Duration) float64 {
	speed := l[0].speed
	for _, p := range l {
		if p.from <= now {
			speed = p.speed
		}
	}
	return speed
}

// constant is the pace of a card that is fast by some ppm.
func constant(ppm int) paces { return paces{{0, 1 + float64(ppm)/1e6}} }

type delivery struct {
	frames  int
	arrived Raw
	lost    int64         // frames that were lost before it, in truth
	late    time.Duration // since its last frame was captured
	speed   float64       // of the card at that time
	overrun bool          // what was lost before it was lost in an overrun
}

// run plays the card for d.
func (c *fakeCard) run(d time.Duration) []delivery {
	var list []delivery
	now := 3 * time.Millisecond // since the opening
	ring := &fakeRing{card: c, base: c.made(now)}
	var lost int64
	over := false
	for now < d {
		if n := len(list); c.lose[n] > 0 {
			ring.lose(ring.read, c.lose[n])
			lost += int64(c.lose[n])
			delete(c.lose, n)
		}
		avail := ring.made(now) - ring.read
		if avail > c.ring { // overrun: the ring is emptied and the card starts again
			lost += int64(c.made(now) - ring.base - ring.read - ring.lost)
			ring.base, ring.read, ring.lost, ring.at = c.made(now), 0, 0, 0
			avail, over = 0, true
		}
		if avail < c.period {
			due := (ring.made(now)/c.period + 1) * c.period // the next interrupt
			now = max(now, ring.when(due)) + c.jitter()
			continue
		}
		ring.read += c.piece
		now += 30 * time.Microsecond
		list = append(list, delivery{c.piece, c.opened.Add(now), lost, now - ring.when(ring.read), c.pace.at(now), over})
		lost, over = 0, false
	}
	return list
}

// made is how many frames the card has made by a time.
func (c *fakeCard) made(now time.Duration) int { return int(c.pace.frames(now) * float64(c.rate)) }

// A fakeRing fills at the card's pace, except for lost frames.
type fakeRing struct {
	card     *fakeCard
	base     int // its first frame
	read     int
	lost, at int // frames that are lost, the last of them after the frame at
}

func (r *fakeRing) lose(at, n int) { r.at, r.lost = at, r.lost+n }

// when is the time at which some frames have been made.
func (r *fakeRing) when(made int) time.Duration {
	if made > r.at {
		made += r.lost
	}
	return r.card.pace.when(float64(r.base+made)/float64(r.card.rate)) + time.Microsecond
}

// made is how many frames have been made by now.
func (r *fakeRing) made(now time.Duration) int {
	n := r.card.made(now) - r.base
	if n > r.at {
		n = max(r.at, n-r.lost)
	}
	return n
}

// steady is an idle machine, a busy one is often late, a stalling one rarely. All catch up before a
// ring overflows.
func steady(r *rand.Rand) func() time.Duration {
	return func() time.Duration { return time.Duration(r.ExpFloat64() * float64(300*time.Microsecond)) }
}

func busy(r *rand.Rand) func() time.Duration {
	return func() time.Duration {
		switch p := r.Float64(); {
		case p < 0.6:
			return time.Duration(r.Float64() * float64(3*time.Millisecond))
		case p < 0.9:
			return time.Duration(r.Float64() * float64(40*time.Millisecond))
		default:
			return time.Duration(r.Float64() * float64(350*time.Millisecond))
		}
	}
}

func (c *fakeCard) stalling(r *rand.Rand) func() time.Duration {
	calm := steady(r)
	seldom := 0.1 * float64(c.period) / float64(c.rate) // in each period, which makes once in ten seconds
	return func() time.Duration {
		if r.Float64() < seldom {
			return time.Duration(r.Float64() * float64(350*time.Millisecond))
		}
		return calm()
	}
}

func drawCard(t *rapid.T) (*fakeCard, *rand.Rand) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	c := &fakeCard{
		rate:   rapid.SampledFrom([]int{8000, 16000, 44100, 48000}).Draw(t, "rate"),
		pace:   constant(rapid.IntRange(-300, 300).Draw(t, "ppm")),
		opened: Raw(time.Hour),
	}
	c.period = map[int]int{8000: 512, 16000: 1024, 44100: 4096, 48000: 4096}[c.rate]
	c.piece, c.ring = min(c.period, 2048), 8*c.period
	return c, r
}
