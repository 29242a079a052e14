package daemon_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/ledger"
	"tacet/daemon/topic"
)

// pages keeps a log.
type pages struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (p *pages) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// lines returns the lines above level debug.
func (p *pages) lines() (lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range bytes.Lines(p.text.Bytes()) {
		if !bytes.Contains(line, []byte("level=DEBUG")) {
			lines = append(lines, string(line))
		}
	}
	return lines
}

func (r *room) ledger() string {
	r.Helper()
	data, err := durable.ReadFile(r.own, "ledger", 1<<20)
	if err != nil {
		r.Fatal(err)
	}
	return string(data)
}

// files returns the names on the spool.
func (r *room) files() []fs.DirEntry {
	r.Helper()
	list, err := r.spool.ReadDir(".")
	if err != nil {
		r.Fatal(err)
	}
	return list
}

// A consent that is withdrawn before a sample may be kept leaves nothing on any disk, in the log or
// on the network, whenever that is.
func TestAnEarlyWithdrawalLeavesNothing(t *testing.T) {
	for _, after := range []time.Duration{0, 1, 50, 99, 101, 129, 131, 160, 199} {
		after *= time.Millisecond
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, l, log := newRoom(t, "room"), &listener{}, &pages{}
				r.logs, r.mic.unknown = io.MultiWriter(log, r.Output()), true
				r.boot()
				r.d.Connect(l)
				r.phase("idle", time.Second)
				pause(time.Second)
				ledger, lines, files, state := r.ledger(), log.lines(), len(r.files()), l.last()
				r.press("room")
				pause(30*time.Millisecond + after) // debounced: the microphone opens
				if r.sees() == "recording" {
					t.Fatal("it already records")
				}
				r.front.Hold("room", true)
				r.phase("idle", time.Second)
				if open, _ := r.mic.is(); open || r.mic.openings != 1 && after > 0 {
					t.Errorf("the microphone is open: %v, and was opened %d times", open, r.mic.openings)
				}
				pause(10 * time.Second)
				if r.ledger() != ledger {
					t.Errorf("the ledger has new entries:\n%s", r.ledger()[len(ledger):])
				}
				if n := len(r.files()); n != files {
					t.Errorf("%d files are on the spool, not %d", n, files)
				}
				if now := log.lines(); !slices.Equal(now, lines) {
					t.Errorf("the log has new lines:\n%s", now[len(lines):])
				}
				r.hears(l, "after it", nil, topic.Started, topic.Ended, topic.Faulted, topic.Cleared)
				if now := l.last(); !reflect.DeepEqual(now, state) {
					t.Errorf("the state was %+v, and is %+v", state, now)
				}
				r.front.Hold("room", false)
				r.finish()
			})
		})
	}
}

// "Recording" is said once the head is on disk. A withdrawal while the disk is slow ends a
// recording without samples, which is erased.
func TestAWithdrawalWhileTheHeadIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.boot()
		r.d.Connect(l)
		r.phase("idle", time.Second)
		pause(time.Second)
		release := r.spool.Hang()
		r.press("room")
		pause(2 * time.Second)
		if p := r.sees(); p != "starting" {
			t.Errorf("with a hanging disk the phase is %s", p)
		}
		r.front.Hold("room", true)
		pause(time.Second)
		if open, _ := r.mic.is(); open {
			t.Error("the microphone is open")
		}
		release()
		r.front.Hold("room", false)
		r.phase("idle", time.Second)
		pause(10 * time.Second)
		r.hears(l, "after it", nil, topic.Started, topic.Ended)
		if n := len(r.reports()); n != 0 {
			t.Errorf("%d recordings are on the spool", n)
		}
		if len(r.encoders[0].segments) > 0 && len(r.kept(0)) > 0 {
			t.Errorf("%d samples were kept", len(r.kept(0)))
		}
		for _, kind := range []string{ledger.Started, ledger.Ended, ledger.Erased} {
			if !bytes.Contains([]byte(r.ledger()), fmt.Appendf(nil, `"type":"%s"`, kind)) {
				t.Errorf("the ledger has no %s:\n%s", kind, r.ledger())
			}
		}
		r.recordsAgain()
		r.finish()
	})
}

// If the disk never takes the head, the start is refused and the next one works.
func TestAHeadThatIsNeverWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		release := r.spool.Hang()
		r.press("room")
		pause(7 * time.Second)
		if open, _ := r.mic.is(); open {
			t.Error("the microphone is open although nothing can be kept")
		}
		release()
		r.recordsAgain()
		r.finish()
	})
}
