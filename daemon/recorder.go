package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tacet/audio/encoded"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
)

// queuedSegments bounds what waits for a disk that stalls: two minutes of sealed segments. Behind
// it the ring fills up, and then the recording ends.
const queuedSegments = 120

// file is where a recording is appended: each Append is one write and one sync. After an error
// nothing is written to it any more.
type file interface {
	Append(b []byte) error
	Close() error
}

// recorder takes one recording from the owner's blocks to the disk. Goroutines of its own, encode
// and store, block where the owner must not.
type recorder struct {
	id, name string
	started  time.Time
	rate     int
	channels int

	clock  Clock
	log    *slog.Logger
	ring   *ring
	enc    Encoder
	sealer *recording.Sealer
	head   recording.Head // with key and acts, until it is on disk
	key    recording.Key
	acts   []recording.Act
	file   file
	ledger *ledger.Ledger
	post   func(event) // to the owner

	items  chan item
	sealed chan sealed

	said   bool // the owner's: that it records has been said
	failed bool // the owner's: a fault ends it

	// The owner reads these.
	storedSamples atomic.Int64 // synced
	storedAt      atomic.Int64 // when, by elapsed
	busySince     atomic.Int64 // an append under way since, by elapsed; 0: none
	origin        time.Time    // of elapsed

	mu         sync.Mutex
	checkpoint []byte // the last one on disk

	// The encode goroutine's own.
	position int64           // frames given to the encoder
	gaps     []recording.Gap // those not yet written before a segment
	steps    []recording.ClockStep
	paces    []recording.Rate
	rates    rates
	wall     clockSteps
}

// item is what the owner hands on: a block to keep, or the end.
type item struct {
	block *block
	end   *ending
}

type ending struct {
	reason string
	acts   []recording.Act
}

// sealed is one segment, or the end, ready for the disk.
type sealed struct {
	bytes      []byte
	checkpoint []byte
	samples    int64
	end        *ledger.Entry // set on the last one
}

// run starts the goroutines, once the head is on disk; they end after the item with the end.
func (r *recorder) run() {
	r.checkpoint = r.sealer.Checkpoint()
	r.items = make(chan item, ringBlocks+2) // every block and an end: the owner never blocks
	r.sealed = make(chan sealed, queuedSegments)
	r.storedAt.Store(int64(r.elapsed()))
	ahead, _ := wallAhead(r.clock.Now, r.origin)
	r.wall = newClockSteps(r.rate, ahead)
	go r.encodeAll()
	go r.storeAll()
}

func (r *recorder) elapsed() time.Duration { return time.Since(r.origin) + 1 } // never 0

// keep hands a block on. It belongs to the recorder from now on.
func (r *recorder) keep(b *block) { r.items <- item{block: b} }

// end closes the recording after everything kept so far.
func (r *recorder) end(reason string, acts []recording.Act) {
	r.items <- item{end: &ending{reason, acts}}
}

// encodeAll turns blocks into sealed segments. After an error it goes on taking blocks, since they
// have to go back to the ring, but encodes nothing more.
func (r *recorder) encodeAll() {
	defer close(r.sealed)
	defer r.enc.Release()
	var failed error
	fail := func(err error) {
		if failed == nil && err != nil {
			failed = err
			r.post(recorderFailed{r, health.EncoderFault, err})
		}
	}
	for it := range r.items {
		if b := it.block; b != nil {
			if failed == nil {
				fail(r.encode(b))
			}
			r.ring.give(b)
			continue
		}
		if failed == nil {
			fail(r.sealAll(r.enc.Close()))
		} else {
			it.end.reason = "fault"
		}
		fail(r.seal(*it.end))
		return
	}
}

func (r *recorder) encode(b *block) error {
	if b.silence > 0 {
		r.gaps = append(r.gaps, recording.Gap{Sample: r.position, Samples: b.silence})
		if err := r.encodeSilence(b.silence); err != nil {
			return err
		}
	}
	r.noteClock()
	if note, due := r.rates.note(r.position, r.rate, b.rate); due {
		r.paces = append(r.paces, note)
	}
	r.position += int64(len(b.samples) / r.channels)
	return r.sealAll(r.enc.Encode(b.samples))
}

// encodeSilence fills a gap with silence of its own length.
func (r *recorder) encodeSilence(frames int64) error {
	zeros := make([]int16, r.rate/10*r.channels)
	for frames > 0 {
		n := min(frames, int64(r.rate/10))
		r.position += n
		if err := r.sealAll(r.enc.Encode(zeros[:n*int64(r.channels)])); err != nil {
			return err
		}
		frames -= n
	}
	return nil
}

// noteClock notes at the sample where it was seen that the wall clock was set.
func (r *recorder) noteClock() {
	ahead, doubt := wallAhead(r.clock.Now, r.origin)
	if note, due := r.wall.look(r.position, ahead, doubt); due {
		r.steps = append(r.steps, note)
	}
}

// sealAll takes the encoder's answer and queues it for the disk.
func (r *recorder) sealAll(segments []encoded.Segment, err error) error {
	for i := 0; i < len(segments) && err == nil; i++ {
		err = r.sealOne(segments[i])
	}
	return err
}

func (r *recorder) sealOne(s encoded.Segment) error {
	h := r.happened(s.First + s.Samples)
	if h != nil {
		r.gaps, r.steps, r.paces = r.gaps[len(h.Gaps):], r.steps[len(h.ClockSteps):], r.paces[len(h.Rates):]
	}
	b, err := r.sealer.Segment(s.Data, h)
	clear(s.Data) // sound in clear
	if err != nil {
		return err
	}
	r.sealed <- sealed{bytes: b, checkpoint: r.sealer.Checkpoint(), samples: s.Samples}
	return nil
}

// happened is what belongs before the segment that ends at a frame: each gap and step stands before
// the one that it begins in. It is nil for nothing.
func (r *recorder) happened(end int64) *recording.Happening {
	g := leading(r.gaps, func(g recording.Gap) bool { return g.Sample < end })
	c := leading(r.steps, func(c recording.ClockStep) bool { return c.Sample < end })
	p := leading(r.paces, func(p recording.Rate) bool { return p.Sample < end })
	if len(g)+len(c)+len(p) == 0 {
		return nil
	}
	return &recording.Happening{Gaps: g, ClockSteps: c, Rates: p}
}

// leading is a copy of the first elements, for as long as they hold.
func leading[T any](list []T, holds func(T) bool) []T {
	n := 0
	for n < len(list) && holds(list[n]) {
		n++
	}
	return slices.Clone(list[:n])
}

func (r *recorder) seal(e ending) error {
	b, err := r.sealer.End(recording.End{Reason: e.reason, Samples: r.position}, e.acts)
	if err != nil {
		return err
	}
	r.sealed <- sealed{bytes: b, checkpoint: r.sealer.Checkpoint(), end: &ledger.Entry{
		Type: ledger.Ended, ID: r.id, Leaves: r.sealer.Leaves(), Root: r.sealer.Root(),
	}}
	return nil
}

// storeAll appends what was sealed: one write and one sync for all that waits.
func (r *recorder) storeAll() {
	var failed error
	var ended *ledger.Entry
	for s := range r.sealed {
		batch := append(s.bytes, r.waiting(&s)...)
		if s.end != nil {
			ended = s.end
		}
		if failed != nil {
			continue
		}
		r.busySince.Store(int64(r.elapsed()))
		failed = r.file.Append(batch)
		r.busySince.Store(0)
		if failed != nil {
			r.post(recorderFailed{r, "", failed})
			continue
		}
		r.mu.Lock()
		r.checkpoint = s.checkpoint
		r.mu.Unlock()
		r.storedSamples.Add(s.samples)
		r.storedAt.Store(int64(r.elapsed()))
	}
	if err := r.file.Close(); err != nil && failed == nil {
		r.log.Warn("closing the recording's file", "recording", r.id, "err", err)
	}
	r.finish(ended, failed)
}

// waiting takes what else is queued, and makes s describe all of it.
func (r *recorder) waiting(s *sealed) []byte {
	var more []byte
	for {
		select {
		case n, ok := <-r.sealed:
			if !ok {
				return more
			}
			more = append(more, n.bytes...)
			s.checkpoint, s.end, s.samples = n.checkpoint, n.end, s.samples+n.samples
		default:
			return more
		}
	}
}

// finish tells the owner that the file is closed, after the ledger knows it.
func (r *recorder) finish(ended *ledger.Entry, failed error) {
	if failed == nil && ended == nil {
		failed = fmt.Errorf("end of %s could not be sealed", r.id)
	}
	if failed == nil {
		ended.Time = r.clock.Now()
		err := r.ledger.Append(*ended)
		if err == nil {
			err = r.ledger.SaveHead()
		}
		if err != nil {
			r.post(recorderFailed{r, health.LedgerError, err})
		}
	}
	r.post(recorderEnded{r, failed})
}

// Checkpoint is the last one on disk.
func (r *recorder) lastCheckpoint() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checkpoint
}
