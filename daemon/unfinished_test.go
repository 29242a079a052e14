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
	"tacet/daemon/topic"
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

// A recording that can't be closed, because the unit's key was replaced or too many damaged files are
// kept already, raises a warning that says what to do, once. It is logged once, and hinders nothing.
// The warning goes with its reason.
func TestARecordingThatCannotBeClosed(t *testing.T) {
	for name, c := range map[string]struct {
		hours        time.Duration
		headless     bool
		damaged      int // other files
		message, act string
	}{
		"of another key":     {hours: 24, message: "another key", act: "key was replaced"},
		"one damaged of 17":  {hours: 3, headless: true, damaged: 16, message: "16 damaged files are kept already", act: "the technician"},
		"another key, of 17": {hours: 3, damaged: 17, message: "another key", act: "key was replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, l := newRoom(t, "room"), &listener{}
				log := &counter{of: "could not be closed"}
				r.logs = log
				cut := recordingtest.Make(t, recordingtest.Spec{Unit: recordingtest.NewUnit(t, "high-street", "room-3"),
					For: []string{recordingtest.NewOffice(t, recordingtest.Classic).Recipient}, Segments: 3, Cut: true})
				if c.headless {
					clear(cut[:300])
				}
				name := recording.Name(recordingtest.Started, "room-3", recording.NewID())
				r.shelve(name, cut)
				var others []string
				for range c.damaged {
					others = append(others, recording.Name(recordingtest.Started, "room-3", recording.NewID())+".damaged")
					r.shelve(others[len(others)-1], nil)
				}
				r.boot()
				r.d.Connect(l)
				r.warned("recording-unfinished", 8*time.Second)
				for began := time.Now(); time.Since(began) < c.hours*time.Hour; {
					pause(17 * time.Minute)
				}
				if n := log.n.Load(); n != 1 {
					t.Errorf("logged %d times", n)
				}
				r.hears(l, "so far", []string{"fault recording-unfinished"}, topic.Faulted, topic.Cleared)
				for _, w := range r.d.Status().Warnings {
					if w.Code == health.RecordingUnfinished &&
						(!strings.Contains(w.Message(), c.message) || !strings.Contains(w.Do, c.act)) {
						t.Errorf("it says %+v", w)
					}
				}
				gone := []string{name}
				if c.headless {
					gone = others[:1] // one more may be kept
				}
				for _, name := range gone {
					if err := r.spool.Remove(name); err != nil {
						t.Fatal(err)
					}
				}
				r.until("the end of the warning", 61*time.Minute,
					func() bool { return !strings.Contains(strings.Join(r.warnings(), " "), "recording-unfinished") })
				r.recordsAgain()
				r.finish()
			})
		})
	}
}

// shelve puts a file into the spool.
func (r *room) shelve(name string, data []byte) {
	r.Helper()
	if err := durable.WriteFile(r.spool, name, data); err != nil {
		r.Fatal(err)
	}
}
