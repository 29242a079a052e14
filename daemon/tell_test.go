package daemon_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
	"tacet/daemon/topic"
)

// listener hears what goes over MQTT.
type listener struct {
	mu     sync.Mutex
	events []topic.Event
	alerts map[string]string // the last
	state  topic.State       // the last
}

func (l *listener) Ledger(topic.Ledger) {}

func (l *listener) Publish(s topic.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
}

// last is the state that was published last.
func (l *listener) last() topic.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

func (l *listener) Alerts(up map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alerts = up
}

func (l *listener) Event(e topic.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// heard are the events of some types since it was last asked, in one line each, sorted.
func (l *listener) heard(types ...topic.EventType) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for _, e := range l.events {
		if !slices.Contains(types, e.Type) {
			continue
		}
		line := fmt.Sprintf("%s %s %s", e.Type, e.Code, e.Store)
		if e.Seconds != nil {
			line += fmt.Sprintf(" %.1f", *e.Seconds)
		}
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	l.events = nil
	slices.Sort(lines)
	return lines
}

// alert is the text of one that is up.
func (l *listener) alert(code string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alerts[code]
}

func (r *room) hears(l *listener, what string, want []string, types ...topic.EventType) {
	r.Helper()
	if got := l.heard(types...); !slices.Equal(got, want) {
		r.Errorf("%s: heard %q, want %q", what, got, want)
	}
}

// Each store that fails makes an event of its own, which names it; so does each that is well again.
func TestEventsNameTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.withStores(2)
		r.boot()
		r.d.TellTo(l)
		r.phase("idle", time.Second)
		faults := []topic.EventType{topic.Faulted, topic.Cleared}
		r.sticks["stick-0"].Full(100)
		r.recordsAgain()
		pause(30 * time.Second)
		r.hears(l, "one store is full", []string{"fault store-full stick-0"}, faults...)
		r.sticks["stick-1"].Full(100)
		r.recordsAgain()
		pause(30 * time.Second)
		r.hears(l, "another one too", []string{"fault store-full stick-1"}, faults...)
		if a := l.alert("store-full"); !strings.Contains(a, "stick-0") || !strings.Contains(a, "stick-1") {
			t.Errorf("the alert is %q", a)
		}
		r.sticks["stick-0"].Mend()
		pause(6 * time.Minute)
		r.hears(l, "the first has room again", []string{"cleared store-full stick-0"}, faults...)
		r.sticks["stick-1"].Mend()
		pause(6 * time.Minute)
		r.hears(l, "the other one too", []string{"cleared store-full stick-1"}, faults...)
		r.finish()
	})
}

// What becomes of a recording is told with its length, as its end was.
func TestEventsTellTheLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.withStores(2)
		r.boot()
		r.d.TellTo(l)
		r.phase("idle", time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		pause(7 * time.Second)
		r.press("room")
		pause(time.Minute)
		// What is kept begins with the microphone, the time at which it is said with what was
		// proved of it.
		want := []string{"copied stick-0 7.2", "copied stick-1 7.2", "ended 7.2", "released 7.2"}
		r.hears(l, "after a recording", want, topic.Ended, topic.Copied, topic.Released)
		r.finish()
	})
}

// The state holds the hashes that an office can make too, with all their bits.
func TestStateHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.cfg.Encrypt.Recipients = []string{"age1b", "age1a"}
		r.boot()
		r.d.TellTo(l)
		r.phase("idle", time.Second)
		r.press("room") // so that something is said
		r.phase("recording", time.Second)
		want := topic.RecipientsHash([]string{recording.Fingerprint("age1a"), recording.Fingerprint("age1b")})
		if s := l.last(); s.Config != r.cfg.Hash() || s.Recipients != want {
			t.Errorf("it says %q and %q, want %q and %q", s.Config, s.Recipients, r.cfg.Hash(), want)
		}
		r.finish()
	})
}
