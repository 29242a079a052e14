// Package take makes one recording, from its first block to its closed file.
//
//	Prepare   makes the head in memory: nothing is on any disk yet        → Prepared
//	Begin     writes the head, and enters the start in the ledger, synced → Begun
//	Keep      encodes and seals a block, appends it and syncs
//	End       seals the end, closes the file, enters the end              → Ended
//	Discard   forgets a take whose head is not on disk
//
// Failed may be posted at any time between Begun and Ended: the caller then ends the take. Every
// Begun without an error is followed by exactly one Ended, if the caller calls End.
//
// No method of Take blocks. The encoder and the disk, which may, are called on goroutines of the
// take's own. Up to two minutes of sealed segments wait for a disk that stalls; then the ring fills
// up.
package take

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tacet/audio/encoded"
	"tacet/daemon/disk"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/ring"
	"tacet/daemon/wallclock"
)

// queuedSegments bounds the sealed segments that wait for the disk; each is one second.
const queuedSegments = 120

// Encoder turns samples into the segments of one audio file, one second each.
type Encoder interface {
	// Encode takes interleaved samples and returns the segments that became complete. It keeps none
	// of its input.
	Encode(samples []int16) ([]encoded.Segment, error)
	// Close returns what is left, with the file's end mark.
	Close() ([]encoded.Segment, error)
	// Release drops what is left of a recording that does not end. It may be called more than once,
	// also after Close.
	Release()
}

// Settings are the same for every take of a daemon.
type Settings struct {
	// Head is a recording's head with everything that is known beforehand.
	Head       recording.Head
	NewEncoder func(recordingID string) (Encoder, error)
	// NewKey makes a recording's key pair and encrypts it to the recipients.
	NewKey func(ctx context.Context, recipients []string, comment string) (recording.Key, error)

	Reserve        time.Duration // room that a recording must find on disk
	BytesPerSecond int64         // of a recording, about

	Ring  *ring.Ring
	Clock wallclock.Clock
	Log   *slog.Logger
	// Post gets the events. It is called on the take's goroutines, and may block.
	Post func(event any)
}

// The events that a take posts.
type (
	// Prepared answers Prepare. Take is nil if there is an error.
	Prepared struct {
		Take *Take
		Err  error
	}
	// Begun answers Begin. After an error no file is left, or one without a whole head, which
	// recovery removes.
	Begun struct {
		Take *Take
		Err  error
	}
	// Failed reports why the recording can't go on. The error names its warning.
	Failed struct {
		Take *Take
		Err  error
	}
	// Ended answers End: the file is closed. After an error it has no end, and recovery has to give
	// it one.
	Ended struct {
		Take   *Take
		Length time.Duration // 0: it holds no sample
		Err    error
	}
)

// Take is one recording. Its methods are called by the owner, one goroutine.
type Take struct {
	ID, Name string
	Started  time.Time // wall clock
	Created  time.Time // monotonic clock

	s   *Settings
	enc Encoder

	// From Prepare to Begin.
	head recording.Head
	key  recording.Key
	acts []recording.Act

	// From Begin on.
	running  atomic.Bool
	sealer   *recording.Sealer
	file     file
	ledger   *ledger.Ledger
	items    chan item
	segments chan sealed

	// The encode goroutine's.
	position int64 // frames given to the encoder
	pending  recording.Happening
	rates    rateNotes
	wall     clockSteps

	// What has reached the disk.
	synced    atomic.Int64 // frames
	syncedAt  atomic.Int64 // by elapsed
	busySince atomic.Int64 // start of the append that is under way, by elapsed; 0: none is

	mu         sync.Mutex // never held during a call that may block
	checkpoint []byte     // the last one on disk
}

// file is what a recording is appended to: each Append is one write and one sync. After an error it
// is not written to any more.
type file interface {
	Append(b []byte) error
	Close() error
}

// item is a block to keep, or the end.
type item struct {
	block *ring.Block
	end   *ending
}

type ending struct {
	reason string
	acts   []recording.Act
}

// Prepare makes a take, without touching the disk but to check it, and posts Prepared.
func Prepare(s *Settings, d *disk.Disk, acts []recording.Act) {
	go func() {
		t, err := prepare(s, d, acts)
		s.Post(Prepared{t, err})
	}()
}

// Begin makes the head durable, and posts Begun. Light is proved or unproved.
func (t *Take) Begin(d *disk.Disk, light string) {
	t.head.Light = light
	go func() {
		err := t.writeHead(d)
		if err == nil {
			t.start(d)
		}
		t.s.Post(Begun{t, err})
	}()
}

// start starts the two goroutines. They end after the item with the end.
func (t *Take) start(d *disk.Disk) {
	t.ledger = d.Ledger
	t.setCheckpoint(t.sealer.Checkpoint())
	t.items = make(chan item, ring.Blocks+2) // room for every block and an end
	t.segments = make(chan sealed, queuedSegments)
	t.syncedAt.Store(int64(t.elapsed()))
	ahead, _ := wallAhead(t.s.Clock.Now, t.Created)
	t.wall = newClockSteps(t.head.Audio.Rate, ahead)
	go t.encodeAll()
	go t.writeAll()
	t.running.Store(true)
}

// Keep takes a block, which then belongs to the take.
func (t *Take) Keep(b *ring.Block) { t.items <- item{block: b} }

// End closes the recording after everything that was kept, and posts Ended.
func (t *Take) End(reason string, acts []recording.Act) {
	t.items <- item{end: &ending{reason, acts}}
}

// Discard forgets a take whose head is not on disk.
func (t *Take) Discard() { t.enc.Release() }

// Abandon leaves the recording without an end: what was kept goes to disk, and the next start gives
// it an end.
func (t *Take) Abandon() {
	if t.running.Load() {
		close(t.items)
	}
}

// elapsed is the time since the take was made. It is never 0.
func (t *Take) elapsed() time.Duration { return time.Since(t.Created) + 1 }

// Synced returns the length of what is on disk.
func (t *Take) Synced() time.Duration { return t.length(t.synced.Load()) }

func (t *Take) length(frames int64) time.Duration {
	return time.Duration(frames) * time.Second / time.Duration(t.head.Audio.Rate)
}

// SyncAge returns how long ago something last reached the disk.
func (t *Take) SyncAge() time.Duration { return t.elapsed() - time.Duration(t.syncedAt.Load()) }

// WriteTime returns how long an append to the file has been under way; 0 if none is.
func (t *Take) WriteTime() time.Duration {
	since := t.busySince.Load()
	if since == 0 {
		return 0
	}
	return t.elapsed() - time.Duration(since)
}

func (t *Take) setCheckpoint(c []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checkpoint = c
}

// Checkpoint returns the last signed checkpoint on disk.
func (t *Take) Checkpoint() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.checkpoint
}
