package daemon_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// reader reads the log, or is stuck.
type reader struct {
	stopped chan struct{} // nil: it reads
	lines   bytes.Buffer
}

func (r *reader) Write(line []byte) (int, error) {
	if r.stopped != nil {
		<-r.stopped
	}
	return r.lines.Write(line)
}

// A stuck reader of the log changes nothing in the room: presses work, and the daemon ends.
func TestNobodyReadsTheLog(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, log := newRoom(t, "room"), &reader{}
			if r.logs = log; stopped {
				log.stopped = make(chan struct{})
			}
			r.boot()
			for range 5 {
				r.press("room")
				r.phase("recording", time.Second)
				pause(200 * time.Millisecond)
				r.press("room")
				r.phase("idle", time.Second)
				pause(4 * time.Second)
			}
			began := time.Now()
			if err := r.halt(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("the stop took %v", took)
			}
			if stopped {
				close(log.stopped)
			}
			synctest.Wait()
			if !bytes.Contains(log.lines.Bytes(), []byte("recording ended")) {
				t.Errorf("reader stopped: %v: the log:\n%s", stopped, &log.lines)
			}
		})
	}
}

// The last lines are written.
func TestTheLogIsWrittenAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := newRoom(t, "room"), &reader{stopped: make(chan struct{})}
		r.logs = log
		r.boot()
		r.press("room")
		r.phase("recording", time.Second)
		time.AfterFunc(time.Second/2, func() { r.stop() })
		time.AfterFunc(time.Second, func() { close(log.stopped) }) // a slow reader
		if err := <-r.ended; err != nil {
			t.Error(errors.Join(err))
		}
		r.ended <- nil
		if !bytes.Contains(log.lines.Bytes(), []byte("recording ended")) {
			t.Errorf("the log:\n%s", &log.lines)
		}
	})
}
