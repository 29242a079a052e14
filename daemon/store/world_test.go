//go:build unix

package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
	"tacet/daemon/spool"
)

// world is a unit with its stores, in fake time: a real spool on a faulty disk, and sticks that are
// faulty disks.
type world struct {
	*testing.T
	disk    *durabletest.Disk
	spool   *spool.Spool
	log     *memory
	sticks  []*stick
	more    []Kind // after the sticks
	release Release
	keep    time.Duration
	unit    recordingtest.Unit
	office  recordingtest.Office
	set     *Set
	stop    context.CancelFunc
	ended   chan struct{}
	wrote   map[string][]byte // every recording, by name, as the spool was given it
	clock   string            // what the next recordings' heads say of the unit's clock; empty: synced
	unset   atomic.Bool       // the unit's clock is, now
	between func()            // called after a start has looked at the spool, and before anything is copied; may be nil

	mu        sync.Mutex
	conflicts []string
}

func newWorld(t *testing.T, stores int) *world {
	w := &world{T: t, disk: durabletest.NewDisk(1), log: &memory{}, release: ReleaseAll, wrote: map[string][]byte{}}
	w.unit, w.office = recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	w.reopen()
	for i := range stores {
		w.sticks = append(w.sticks, newStick(uint64(i+2)))
	}
	return w
}

// reopen opens the spool on the present disk.
func (w *world) reopen() {
	w.Helper()
	var err error
	w.spool, err = spool.Open(w.disk)
	w.must(err)
}

// start starts the followers. The end of the test stops them.
func (w *world) start() {
	w.Helper()
	s := Settings{
		Spool: w.spool, Log: slog.New(slog.NewTextHandler(w.Output(), nil)), Ledger: w.log, Release: w.release,
		ClockSet: func() bool { return !w.unset.Load() }, Copied: func(string, string) {}, Released: func(string) {},
		Changed: func() {},
		Conflict: func(store, why string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.conflicts = append(w.conflicts, store+": "+why)
		},
	}
	for i, k := range w.sticks {
		s.Places = append(s.Places, Place{Name: name(i), Kind: k, Keep: w.keep})
	}
	for i, k := range w.more {
		s.Places = append(s.Places, Place{Name: name(len(w.sticks) + i), Kind: k})
	}
	set, err := NewSet(s)
	if err != nil {
		w.Fatal(err)
	}
	if w.between != nil {
		w.between()
	}
	ctx, stop := context.WithCancel(context.Background())
	w.set, w.stop, w.ended = set, stop, make(chan struct{})
	go func() { defer close(w.ended); set.Run(ctx) }()
}

func (w *world) end() {
	w.stop()
	<-w.ended
}

func name(i int) string { return fmt.Sprintf("store-%d", i) }

// recorder writes one recording into the spool, piece by piece.
type recorder struct {
	w      *world
	name   string
	sealer *recording.Sealer
	file   *spool.File
	n      int
}

// begin starts a recording, so many minutes after the base time.
func (w *world) begin(minute int) *recorder {
	w.Helper()
	started := recordingtest.Started.Add(time.Duration(minute) * time.Minute)
	spec := recordingtest.Spec{Unit: w.unit, For: []string{w.office.Recipient}, ID: recording.NewID(), Started: started,
		Clock: w.clock}
	r := &recorder{w: w, name: recording.Name(started, "room-3", spec.ID), sealer: recordingtest.NewSealer(w, spec)}
	head, err := r.sealer.Begin(recordingtest.Consent)
	w.must(err)
	r.file, err = w.spool.Create(r.name)
	w.must(err)
	r.append(head)
	return r
}

func (r *recorder) append(b []byte) {
	r.w.Helper()
	r.w.must(r.file.Append(b))
	r.w.wrote[r.name] = append(r.w.wrote[r.name], b...)
}

func (r *recorder) segment(size int) {
	r.w.Helper()
	r.n++
	b, err := r.sealer.Segment(bytes.Repeat([]byte{byte(r.n)}, size), nil)
	r.w.must(err)
	r.append(b)
}

func (r *recorder) finish() string {
	r.w.Helper()
	b, err := r.sealer.End(recording.End{Reason: recording.Withdrawn, Samples: int64(r.n) * 8000}, recordingtest.Closing)
	r.w.must(err)
	r.append(b)
	r.w.must(r.file.Close())
	return r.name
}

// record puts a complete recording into the spool.
func (w *world) record(minute int, sizes ...int) string {
	w.Helper()
	r := w.begin(minute)
	for _, n := range sizes {
		r.segment(n)
	}
	return r.finish()
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// within waits until a condition holds.
func (w *world) within(limit time.Duration, what string, holds func() bool) {
	w.Helper()
	for end := time.Now().Add(limit); !holds(); {
		if !time.Now().Before(end) {
			w.Fatalf("no %s within %s: %+v, ledger %v", what, limit, w.set.Stores(), w.log.lines())
		}
		<-time.After(50 * time.Millisecond)
		synctest.Wait()
	}
}

// copied waits until every store holds every recording, then compares the copies after a power cut.
func (w *world) copied(limit time.Duration) {
	w.Helper()
	w.within(limit, "copies", func() bool { n, _ := w.set.Pending(); return n == 0 })
	for i, k := range w.sticks {
		w.holds(i, k.disk)
	}
}

// holds compares a disk with every recording that the ledger says is on it.
func (w *world) holds(store int, d *durabletest.Disk) {
	w.Helper()
	for n, want := range w.wrote {
		_, _, id, _ := recording.ParseName(n)
		if !w.log.has(id, name(store)) {
			continue
		}
		found := false
		for b := 1; b <= maxNames && !found; b++ {
			got, err := d.Safe(Beside(n, b))
			found = err == nil && bytes.Equal(got, want)
		}
		if !found {
			w.Errorf("%s is said to be held by %s, and is not there", n, name(store))
		}
	}
}

// stick is a Kind whose medium is a faulty disk.
type stick struct {
	changed chan struct{}

	mu   sync.Mutex
	disk *durabletest.Disk
	away error // why it can't be opened
	last *medium
	n    int // of the medium
	open int // how often it was tried
}

func newStick(seed uint64) *stick {
	return &stick{changed: make(chan struct{}, 1), disk: durabletest.NewDisk(seed)}
}

func (k *stick) Changed() <-chan struct{} { return k.changed }

// take pulls the stick out, inserts another one, or puts it back (nil).
func (k *stick) take(why error, d *durabletest.Disk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.away = why
	if d != nil {
		k.disk = d
		k.n++
	}
	if k.last != nil && (why != nil || d != nil) {
		k.last.gone.Store(true)
		k.last.disk.FailFrom(1, syscall.EIO)
	}
	if why == nil {
		k.disk.Mend()
	}
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

func (k *stick) Open(ctx context.Context) (Medium, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open++
	if k.away != nil {
		return nil, k.away
	}
	k.last = &medium{stick: k, disk: k.disk, id: fmt.Sprint(k.n)}
	return k.last, nil
}

func (k *stick) opens() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open
}
