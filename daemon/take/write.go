package take

import (
	"fmt"
	"slices"

	"tacet/daemon/health"
	"tacet/daemon/ledger"
)

// writeAll appends what was sealed: one write and one sync for everything that waits.
func (t *Take) writeAll() {
	var failed error
	var ended *ledger.Entry
	for s := range t.segments {
		batch := slices.Concat(s.bytes, t.waiting(&s))
		if s.end != nil {
			ended = s.end
		}
		if failed != nil {
			continue
		}
		t.busySince.Store(int64(t.elapsed()))
		failed = t.file.Append(batch)
		t.busySince.Store(0)
		if failed != nil {
			t.s.Post(Failed{t, failed})
			continue
		}
		t.setCheckpoint(s.checkpoint)
		t.synced.Add(s.samples)
		t.syncedAt.Store(int64(t.elapsed()))
	}
	if err := t.file.Close(); err != nil && failed == nil {
		t.s.Log.Warn("close the recording's file", "recording", t.ID, "err", err)
	}
	t.finish(ended, failed)
}

// waiting takes everything else that is queued, and makes s describe all of it.
func (t *Take) waiting(s *sealed) []byte {
	var more []byte
	for {
		select {
		case n, ok := <-t.segments:
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

// finish enters the end in the ledger, and posts Ended.
func (t *Take) finish(ended *ledger.Entry, failed error) {
	if failed == nil && ended == nil {
		failed = fmt.Errorf("the end of %s could not be sealed", t.ID)
	}
	if failed == nil {
		ended.Time = t.s.Clock.Now()
		err := t.ledger.Append(*ended)
		if err == nil {
			err = t.ledger.SaveHead()
		}
		if err != nil {
			t.s.Post(Failed{t, health.WithCode(health.LedgerError, err)})
		}
	}
	t.s.Post(Ended{t, t.length(t.position), failed})
}
