package daemon

import (
	"log/slog"
	"slices"
	"time"

	"tacet/audio/stream"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
)

// A killed process costs at most one second. What waits for its second to be
// full, or for a disk that is slow, would be lost with the process: so what is
// sealed and not on the disk yet is also kept in a file in memory, the tail. Once
// half of the running second is encoded it is sealed into the tail; the part after
// that, a period of the card's and the hold-back are what a kill can cost. A
// recording's last second, which is shorter, goes there too until its end is on the
// disk: nothing else says how short it is.
//
// Nothing gets into a tail that is not in the recording's file a second later:
// what a withdrawal cuts off has not left the hold-back.
const (
	// maxUnsynced bounds what a tail holds of sealed segments; behind a disk that
	// takes longer than that it stays as it is.
	maxUnsynced = recording.MaxTail / 2
	// tailTime is what the last word on a tail may take. It is written to memory.
	tailTime = time.Second
)

// keepTails gives the spool the folder in memory.
func (d *Daemon) keepTails(s *spool.Spool) {
	memory, err := d.o.FS(d.o.RunDir)
	if err != nil {
		d.log.Warn("no folder in memory for what is not on the disk yet: a killed process costs a second more", "err", err)
		return
	}
	s.KeepTails(memory)
}

// tails writes the tails of one recording, on a goroutine of its own: whatever
// the folder is on, the encoder never waits for it.
type tails struct {
	spool *spool.Spool
	name  string
	log   *slog.Logger
	next  chan []byte   // the newest that is not written
	drop  bool          // set before next is closed: all is on the disk
	done  chan struct{} // closed by run
}

func newTails(s *spool.Spool, name string, log *slog.Logger) *tails {
	return &tails{spool: s, name: name, log: log, next: make(chan []byte, 1), done: make(chan struct{})}
}

func (t *tails) run() {
	defer close(t.done)
	said := false
	for tail := range t.next {
		if err := t.spool.WriteTail(t.name, tail); err != nil && !said {
			said = true
			t.log.Warn("what is not on the disk yet is not kept in memory either", "err", err)
		}
	}
	if t.drop {
		t.spool.DropTail(t.name)
	}
}

// put hands a tail on, in place of one that is not written yet. Only the encode
// goroutine calls it.
func (t *tails) put(tail []byte) {
	select {
	case <-t.next:
	default:
	}
	t.next <- tail
}

// end writes the last one, or with drop takes it away.
func (t *tails) end(drop bool) {
	t.drop = drop
	close(t.next)
	select {
	case <-t.done:
	case <-time.After(tailTime):
	}
}

// unsynced is what is sealed and not known to be on the disk. It is the encode
// goroutine's own.
type unsynced struct {
	pieces [][]byte // segments, in order and without a hole
	ends   []int64  // where each ends, in frames
	bytes  int
	full   bool // there was no room for one: none until all are on the disk
}

// add takes a segment that ends at a frame.
func (u *unsynced) add(piece []byte, end int64) {
	if u.full = u.full || u.bytes+len(piece) > maxUnsynced; u.full {
		return
	}
	u.pieces, u.ends, u.bytes = append(u.pieces, piece), append(u.ends, end), u.bytes+len(piece)
}

// synced forgets what is on the disk: all up to a frame. all: everything is that
// was sealed.
func (u *unsynced) synced(frame int64, all bool) {
	for len(u.ends) > 0 && u.ends[0] <= frame {
		u.bytes -= len(u.pieces[0])
		u.pieces, u.ends = u.pieces[1:], u.ends[1:]
	}
	u.full = u.full && !all
}

// noteSealed takes a segment that was sealed. While the disk has not taken the one
// before, both go into the tail. A recording's last, which is shorter, is there already.
func (r *recorder) noteSealed(piece []byte, s stream.Segment) {
	stored := r.storedSamples.Load()
	r.unsynced.synced(stored, stored == r.sealedTo)
	behind := stored < r.sealedTo
	r.sealedTo, r.tailed = s.First+s.Samples, false
	if r.shorter(s) {
		return
	}
	r.unsynced.add(piece, r.sealedTo)
	if behind && !r.unsynced.full {
		r.tails.put(slices.Concat(r.unsynced.pieces...))
	}
}

// keepTail seals what there is of the running second into the tail, once it is
// half a second.
func (r *recorder) keepTail() error {
	if r.tailed || r.position-r.sealedTo < int64(r.rate/2) {
		return nil
	}
	r.tailed = true
	return r.putTail(r.enc.Partial())
}

// putTail makes a new tail, with a segment at its end that says how short it is.
func (r *recorder) putTail(s stream.Segment) error {
	stored := r.storedSamples.Load()
	r.unsynced.synced(stored, stored == r.sealedTo)
	if s.Samples == 0 || r.unsynced.full {
		return nil
	}
	tail, err := r.sealer.Tail(s.Data, s.Samples, r.happened(s.First+s.Samples))
	if err != nil {
		return err
	}
	r.tails.put(append(slices.Concat(r.unsynced.pieces...), tail...))
	return nil
}

// shorter reports whether a segment is less than a second, as only a recording's
// last can be.
func (r *recorder) shorter(s stream.Segment) bool { return s.Samples < int64(r.rate) }
