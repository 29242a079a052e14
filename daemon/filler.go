package daemon

import (
	"sync"
	"sync/atomic"
	"time"

	"tacet/audio/monitor"
)

// filler copies what the sound card delivers into the ring's blocks: on the audio thread, for one
// opening of the microphone. It never waits.
type filler struct {
	ring     *ring
	channels int
	opening  uint64
	overruns func() int64  // how often the card has thrown samples away; nil: it doesn't say
	out      chan<- *block // as many places as the ring has blocks
	stopped  atomic.Bool   // the audio thread copies nothing more

	mu   sync.Mutex // held while a piece is copied
	next *block     // guarded by mu: less than half full, of callbacks that bring little; nil: none
	seen int64      // guarded by mu: the overruns that a block was marked for
}

// deliver takes what one callback brought. All of it carries the callback's two stamps: nothing
// tells when the earlier part of it was captured.
func (f *filler) deliver(samples []int16, arrived time.Time, raw monitor.Raw) {
	f.mu.Lock()
	defer f.mu.Unlock()
	overrun, split := f.overran(), false
	if overrun && f.next != nil { // what comes now does not follow what is there
		f.out <- f.next
		f.next = nil
	}
	for len(samples) > 0 && !f.stopped.Load() {
		if f.next == nil {
			if f.next = f.ring.take(); f.next == nil {
				f.ring.lost.Add(int64(len(samples) / f.channels))
				return
			}
			f.next.overrun, overrun = overrun, false
		}
		b := f.next
		had := len(b.samples)
		n := copy(b.memory[had:], samples)
		b.samples, samples = b.memory[:had+n], samples[n:]
		b.arrived, b.raw, b.opening = arrived, raw, f.opening
		if 2*len(b.samples) >= len(b.memory) || split { // the rest of a callback does not wait for the next one
			f.out <- b
			f.next = nil
			split = len(samples) > 0
		}
	}
}

// overran says whether the card has thrown samples away since it was last asked.
func (f *filler) overran() bool {
	if f.overruns == nil {
		return false
	}
	before := f.seen
	f.seen = f.overruns()
	return f.seen != before
}

// stop keeps it from copying anything more.
func (f *filler) stop() { f.stopped.Store(true) }

// empty gives back what is not half full. The caller has closed the card.
func (f *filler) empty() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next != nil {
		f.ring.give(f.next)
		f.next = nil
	}
}
