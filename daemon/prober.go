package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/spool"
)

// probeEvery is how often the prober looks whether a recording could begin. A press in between that
// finds something missing is refused all the same. Each look costs an idle unit some twenty context
// switches.
const probeEvery = 5 * time.Second

// leftEvery is how often it is looked whether a recording that could not be closed is still there.
// The spool knows when to try one again.
const leftEvery = time.Minute

// prober looks, off the owner's goroutine, at what may block: the card's presence, the disk, room
// on it. It opens the disk as soon as it is there.
type prober struct {
	d       *Daemon
	now     chan struct{} // asks for a look at once
	disk    *disk         // once open
	copies  *copies       // once what an interruption left open is closed
	opening opening       // of the disk
	keyMade bool          // the unit's key was made in this start, so that there can be no ledger yet
	// unfinished: there may be recordings to close that nobody writes any more.
	unfinished atomic.Bool
	// left are the IDs of those that could not be closed, and leftAt when they were last looked at.
	left   []string
	leftAt time.Time
	// keyless: a recording's key could not be made. It is tried until it can: while that is not
	// known presses are refused.
	keyless atomic.Bool

	mu    sync.Mutex
	empty []*recorder // recordings without a sample, to be dropped
}

// probed is what a look found. Each error is nil where all is well.
type probed struct {
	mic      error
	keyTried bool
	keyErr   error
	micKnown bool // mic says whether the card is there, not that nobody can know
	disk     *disk
	copies   *copies
	diskErr  error
	free     time.Duration // as recording time
	fatal    error
	found    []found
	closed   []string // IDs of recordings that could not be closed before
	exposed  error    // the unit's key is, to others
}

// found is a warning on one thing among several.
type found struct {
	code       health.Code
	on, detail string
}

func newProber(d *Daemon) *prober { return &prober{d: d, now: make(chan struct{}, 1)} }

// soon asks for a look; it never blocks.
func (p *prober) soon() {
	select {
	case p.now <- struct{}{}:
	default:
	}
}

func (p *prober) run(ctx context.Context) {
	timer := time.NewTimer(probeEvery)
	defer timer.Stop()
	for {
		p.d.post(p.look(ctx))
		timer.Reset(probeEvery)
		select {
		case <-timer.C:
		case <-p.now:
		case <-ctx.Done():
			return
		}
	}
}

func (p *prober) look(ctx context.Context) probed {
	var r probed
	r.micKnown, r.mic = p.d.hw.Microphone.Present()
	if p.keyless.Load() {
		r.keyTried, r.keyErr = true, p.d.tryKey(ctx)
		p.keyless.Store(r.keyErr != nil)
	}
	if p.disk == nil && p.opening.waits() {
		r.diskErr = p.opening.err
	} else if p.disk == nil {
		p.disk, r.diskErr = p.d.openDisk()
		p.opening.tried(r.diskErr)
		if e := (*spool.Error)(nil); errors.As(r.diskErr, &e) && e.Kind == spool.InUse {
			r.fatal = e
		}
		p.unfinished.Store(true)
	}
	if p.disk == nil {
		return r
	}
	r.disk, r.copies, r.exposed = p.disk, p.copies, p.disk.file.exposed()
	if r.diskErr = errors.Join(p.disk.lock.Check(), p.disk.spool.Check()); r.diskErr != nil {
		return r
	}
	if r.diskErr = p.lookTrust(); r.diskErr != nil {
		return r
	}
	if p.unfinished.Swap(false) || p.disk.spool.Due() || len(p.left) > 0 && time.Since(p.leftAt) >= leftEvery {
		if r.diskErr = p.closeLeft(&r); r.diskErr != nil {
			p.unfinished.Store(true)
		}
	}
	p.dropEmpty()
	if p.copies == nil && r.diskErr == nil {
		p.copies, r.diskErr = p.d.follow(ctx, p.disk)
	}
	r.copies = p.copies
	if r.diskErr != nil {
		return r
	}
	r.free, r.diskErr = p.disk.room(p.d.cfg.Spool.Reserve, p.d.bytesPerSecond)
	return r
}

// mostOpening is the longest that the disk is left alone after it could not be opened.
const mostOpening = 5 * time.Minute

// opening spaces out tries that fail in the ledger: each may write all of it anew. What fails
// before that writes nothing.
type opening struct {
	err  error
	wait time.Duration
	next time.Time
}

func (o *opening) waits() bool { return time.Now().Before(o.next) }

func (o *opening) tried(err error) {
	if err == nil || codeOf(err, "") != health.LedgerError {
		*o = opening{}
		return
	}
	o.err, o.wait = err, min(max(2*o.wait, probeEvery), mostOpening)
	o.next = time.Now().Add(o.wait - probeEvery/2) // looks are not that punctual
}

// closeLeft closes what was left open, and says of what could not be closed before whether it is
// closed now.
func (p *prober) closeLeft(r *probed) error {
	warnings, left, err := p.disk.recover(p.d, p.copies)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		if w.code == health.RecordingUnfinished && !slices.Contains(p.left, w.on) {
			p.d.log.Error("a recording could not be closed", "recording", w.on, "err", w.detail)
		}
	}
	for _, id := range p.left {
		if !slices.Contains(left, id) {
			r.closed = append(r.closed, id)
		}
	}
	r.found, p.left, p.leftAt = warnings, left, time.Now()
	return nil
}

// lookTrust takes what somebody has confirmed.
func (p *prober) lookTrust() error {
	changed, err := p.disk.trust.look()
	if err != nil {
		return withCode(health.LedgerError, err)
	}
	if changed && p.copies != nil {
		p.copies.Again()
	}
	return nil
}

// drop has a recording removed that ended without a sample, since the microphone failed or a party
// thought better of it at once.
func (p *prober) drop(r *recorder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.empty = append(p.empty, r)
}

// dropEmpty tries each once: one that can't be removed is just a short recording.
func (p *prober) dropEmpty() {
	p.mu.Lock()
	empty := p.empty
	p.empty = nil
	p.mu.Unlock()
	for _, r := range empty {
		if err := p.disk.drop(r.id, r.name, p.d.hw.Clock, p.d.log); err != nil {
			p.d.log.Warn("dropping a recording without a sample", "recording", r.id, "err", err)
			p.copies.Ended(r.name, true)
			continue
		}
		p.copies.Gone(r.name)
	}
}
