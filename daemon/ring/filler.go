package ring

import (
	"sync"
	"sync/atomic"
	"time"

	"tacet/audio/monitor"
)

// Filler copies samples from the sound card into blocks, on the audio thread, for one opening of
// the microphone. It never waits.
type Filler struct {
	ring     *Ring
	channels int
	opening  uint64
	overruns func() int64  // how often the card has dropped samples; nil: it does not say
	out      chan<- *Block // with room for every block of the ring
	stopped  atomic.Bool   // the audio thread copies nothing more

	mu   sync.Mutex // held while a piece is copied
	next *Block     // guarded by mu: a block less than half full, from short callbacks; nil: none
	seen int64      // guarded by mu: the overruns for which a block was marked
}

// NewFiller sends filled blocks of one opening to out, which must have room for all of them. The
// microphone may have a method Overruns() int64.
func NewFiller(r *Ring, channels int, opening uint64, microphone any, out chan<- *Block) *Filler {
	f := &Filler{ring: r, channels: channels, opening: opening, out: out}
	if card, counts := microphone.(interface{ Overruns() int64 }); counts {
		f.overruns, f.seen = card.Overruns, card.Overruns()
	}
	return f
}

// Deliver takes the samples of one callback. All of them get the callback's two time stamps, since
// nothing says when the earlier ones were captured.
func (f *Filler) Deliver(samples []int16, arrived time.Time, raw monitor.Raw) {
	f.mu.Lock()
	defer f.mu.Unlock()
	overrun, split := f.overran(), false
	if overrun && f.next != nil { // the new samples do not follow those in the block
		f.out <- f.next
		f.next = nil
	}
	for len(samples) > 0 && !f.stopped.Load() {
		if f.next == nil {
			if f.next = f.ring.take(); f.next == nil {
				f.ring.lost.Add(int64(len(samples) / f.channels))
				return
			}
			f.next.Overrun, overrun = overrun, false
		}
		b := f.next
		had := len(b.Samples)
		n := copy(b.memory[had:], samples)
		b.Samples, samples = b.memory[:had+n], samples[n:]
		b.Arrived, b.Raw, b.Opening = arrived, raw, f.opening
		if 2*len(b.Samples) >= len(b.memory) || split { // the rest of a callback does not wait for the next one
			f.out <- b
			f.next = nil
			split = len(samples) > 0
		}
	}
}

// overran reports whether the card has dropped samples since the last call.
func (f *Filler) overran() bool {
	if f.overruns == nil {
		return false
	}
	before := f.seen
	f.seen = f.overruns()
	return f.seen != before
}

// Stop ends the copying. A piece that is being copied may still be sent.
func (f *Filler) Stop() { f.stopped.Store(true) }

// Drop gives a partly filled block back to the ring. The card must be closed.
func (f *Filler) Drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next != nil {
		f.ring.Give(f.next)
		f.next = nil
	}
}
