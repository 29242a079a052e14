// Package readiness checks every few seconds whether a recording could start: is the sound card
// there, can the disk be used and is there room on it, can a recording's key be made. It also does
// the housekeeping that may block: it opens the disk, closes interrupted recordings, starts the
// followers, and removes recordings without samples.
package readiness

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tacet/daemon/disk"
	"tacet/daemon/health"
	"tacet/daemon/spool"
	"tacet/daemon/update"
)

// Every is the pause between two checks. A press in between that finds something missing is refused
// all the same. Each check costs an idle unit some twenty context switches.
const Every = 5 * time.Second

// unfinishedEvery is how often to look for a recording that could not be closed. The spool knows
// when to try to close it again.
const unfinishedEvery = time.Minute

// Settings are what a Checker needs.
type Settings struct {
	Opener *disk.Opener
	// Present reports why the sound card can't be there; known is false if only opening it can
	// tell.
	Present func() (known bool, err error)
	// TryKey makes a recording's key and throws it away.
	TryKey func(context.Context, *disk.Disk) error
	// Follow starts the followers.
	Follow func(context.Context, *disk.Disk) (*disk.Copies, error)

	// Updates looks for a version that was installed since the start; nil: none ever is.
	Updates func() update.Found

	Reserve        time.Duration // room that a recording must find on disk
	BytesPerSecond int64         // of a recording
	Log            *slog.Logger
}

// Checker checks on a goroutine of its own. Its other methods never block.
type Checker struct {
	s    Settings
	post func(event any)
	now  chan struct{} // asks for a check at once

	// The goroutine's own, until Run has returned.
	disk         *disk.Disk   // once open
	copies       *disk.Copies // once interrupted recordings are closed
	unfinished   []string     // IDs of the recordings that could not be closed
	unfinishedAt time.Time    // when they were last looked at

	interrupted atomic.Bool // there may be recordings to close
	keyFailed   atomic.Bool // a recording's key could not be made: try until it can, since presses are refused

	mu    sync.Mutex
	empty []take // recordings without samples, to be removed
}

type take struct{ id, name string }

// Result is what a check found. Each error is nil if all is well.
type Result struct {
	Mic      error
	MicKnown bool // Mic says whether the card is there; otherwise only opening it can tell
	KeyTried bool
	Key      error

	Disk    *disk.Disk   // nil: not open yet
	Copies  *disk.Copies // nil: the followers have not started yet
	DiskErr error
	Free    time.Duration // room, as recording time
	Fatal   error         // ends the process
	Exposed error         // who else can use the unit's key
	Update  update.Found

	Findings []disk.Finding // what recovery found
	Closed   []string       // IDs of recordings that could not be closed before
}

// New returns a checker that posts Results to one function, which may block.
func New(s Settings, post func(event any)) *Checker {
	return &Checker{s: s, post: post, now: make(chan struct{}, 1)}
}

// Run checks until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	timer := time.NewTimer(Every)
	defer timer.Stop()
	for {
		c.post(c.check(ctx))
		timer.Reset(Every)
		select {
		case <-timer.C:
		case <-c.now:
		case <-ctx.Done():
			return
		}
	}
}

// Soon asks for a check.
func (c *Checker) Soon() {
	select {
	case c.now <- struct{}{}:
	default:
	}
}

// KeyFailed makes the checks try to make a recording's key until that works.
func (c *Checker) KeyFailed() { c.keyFailed.Store(true) }

// Interrupted makes the next check close recordings that nobody writes any more.
func (c *Checker) Interrupted() { c.interrupted.Store(true) }

// Erase makes the next check remove a recording without samples.
func (c *Checker) Erase(id, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.empty = append(c.empty, take{id, name})
}

// Opened returns what was opened. Run must have returned.
func (c *Checker) Opened() (*disk.Disk, *disk.Copies) { return c.disk, c.copies }

func (c *Checker) check(ctx context.Context) Result {
	var r Result
	r.MicKnown, r.Mic = c.s.Present()
	if c.s.Updates != nil {
		r.Update = c.s.Updates()
	}
	if c.keyFailed.Load() {
		r.KeyTried, r.Key = true, c.s.TryKey(ctx, c.disk)
		c.keyFailed.Store(r.Key != nil)
	}
	if c.disk == nil {
		c.disk, r.DiskErr = c.s.Opener.Open()
		if e := (*spool.Error)(nil); errors.As(r.DiskErr, &e) && e.Kind == spool.InUse {
			r.Fatal = e
		}
		c.interrupted.Store(true)
	}
	if c.disk != nil {
		r.Exposed = c.disk.KeyExposed()
		r.DiskErr = c.checkDisk(ctx, &r)
	}
	r.Disk, r.Copies = c.disk, c.copies
	return r
}

// checkDisk does the housekeeping, and returns the first error that keeps a recording from
// starting.
func (c *Checker) checkDisk(ctx context.Context, r *Result) error {
	if err := c.disk.Check(); err != nil {
		return err
	}
	if err := c.refreshTrust(); err != nil {
		return err
	}
	var err error
	if c.interrupted.Swap(false) || c.disk.Spool.Due() ||
		len(c.unfinished) > 0 && time.Since(c.unfinishedAt) >= unfinishedEvery {
		if err = c.recover(r); err != nil {
			c.interrupted.Store(true)
		}
	}
	c.eraseEmpty()
	if c.copies == nil && err == nil {
		c.copies, err = c.s.Follow(ctx, c.disk)
	}
	if err != nil {
		return err
	}
	r.Free, err = disk.Room(c.disk.Spool, c.s.Reserve, c.s.BytesPerSecond)
	return err
}

// recover closes interrupted recordings, and finds out which of those that could not be closed
// before are closed now.
func (c *Checker) recover(r *Result) error {
	findings, unfinished, err := c.disk.Recover(c.copies)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Code == health.RecordingUnfinished && !slices.Contains(c.unfinished, f.On) {
			c.s.Log.Error("a recording could not be closed", "recording", f.On, "err", f.Detail)
		}
	}
	for _, id := range c.unfinished {
		if !slices.Contains(unfinished, id) {
			r.Closed = append(r.Closed, id)
		}
	}
	r.Findings, c.unfinished, c.unfinishedAt = findings, unfinished, time.Now()
	return nil
}

// refreshTrust takes what somebody has confirmed.
func (c *Checker) refreshTrust() error {
	changed, err := c.disk.Trust.Refresh()
	if err != nil {
		return health.WithCode(health.LedgerError, err)
	}
	if changed && c.copies != nil {
		c.copies.Again()
	}
	return nil
}

// eraseEmpty tries each recording once: one that can't be removed is just a short recording.
func (c *Checker) eraseEmpty() {
	c.mu.Lock()
	empty := c.empty
	c.empty = nil
	c.mu.Unlock()
	for _, t := range empty {
		if err := c.disk.Erase(t.id, t.name); err != nil {
			c.s.Log.Warn("remove a recording without samples", "recording", t.id, "err", err)
			c.copies.Ended(t.name, true)
			continue
		}
		c.copies.Gone(t.name)
	}
}
