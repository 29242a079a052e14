package daemon_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// counter is a log that counts one message.
type counter struct {
	of string
	n  atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.of) {
		c.n.Add(1)
	}
	return len(b), nil
}

// A recording that can't be closed, because the unit's key was replaced, raises a warning that says
// what to do, is logged once, and hinders nothing. The warning goes when the file has gone.
func TestARecordingThatCannotBeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		log := &counter{of: "could not be closed"}
		r.logs = log
		cut := recordingtest.Make(t, recordingtest.Spec{Unit: recordingtest.NewUnit(t, "high-street", "room-3"),
			For: []string{recordingtest.NewOffice(t, recordingtest.Classic).Recipient}, Segments: 3, Cut: true})
		name := recording.Name(recordingtest.Started, "room-3", recording.NewID())
		if err := durable.WriteFile(r.spool, name, cut); err != nil {
			t.Fatal(err)
		}
		r.boot()
		r.warned("recording-unfinished", 8*time.Second)
		for began := time.Now(); time.Since(began) < 24*time.Hour; {
			pause(17 * time.Minute)
		}
		if n := log.n.Load(); n != 1 {
			t.Errorf("logged %d times", n)
		}
		for _, w := range r.d.Status().Warnings {
			if w.Code == health.RecordingUnfinished &&
				(!strings.Contains(w.Message(), "another key") || !strings.Contains(w.Do, "key was replaced")) {
				t.Errorf("it says %+v", w)
			}
		}
		if err := r.spool.Remove(name); err != nil {
			t.Fatal(err)
		}
		r.until("the end of the warning", 2*time.Minute,
			func() bool { return !strings.Contains(strings.Join(r.warnings(), " "), "recording-unfinished") })
		r.recordsAgain()
		r.finish()
	})
}
