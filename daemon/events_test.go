package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tacet/config"
	"tacet/config/office"
	"tacet/config/office/officetest"
	"tacet/daemon/topic"
	"tacet/daemon/topic/topictest"
)

// listener is a broker's client that keeps what it is given.
type listener struct {
	mu     sync.Mutex
	events []topic.Event
	alerts map[string]string // as last published
	state  topic.State       // as last published
}

func (l *listener) Ledger(topic.Ledger) {}

func (l *listener) Publish(s topic.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
}

// last returns the last state.
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

// heard returns the events of some types since the last call, one line each, sorted.
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

// alert returns the text of an alert that is up.
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

// Each store that fails, or works again, makes an event that names it.
func TestEventsNameTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.withStores(2)
		r.boot()
		r.d.Connect(l)
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

// Events about a finished recording say its length.
func TestEventsTellTheLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		r.withStores(2)
		r.boot()
		r.d.Connect(l)
		r.phase("idle", time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		pause(7 * time.Second)
		r.press("room")
		pause(time.Minute)
		// A recording starts with the microphone, before it is said.
		want := []string{"copied stick-0 7.2", "copied stick-1 7.2", "ended 7.2", "released 7.2"}
		r.hears(l, "after a recording", want, topic.Ended, topic.Copied, topic.Released)
		r.finish()
	})
}

// The state has hashes that an office can compute too, with all their bits. The recipients are those
// of a list that the office has signed.
func TestStateHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &listener{}
		signer, _, _ := officetest.New(t, "high-street")
		signed, err := office.SignList([]byte(strings.Join(topictest.Recipients, "\n")+"\n"), signer)
		if err != nil {
			t.Fatal(err)
		}
		list := filepath.Join(t.TempDir(), "practice.pub")
		if err = os.WriteFile(list, signed, 0o600); err != nil {
			t.Fatal(err)
		}
		if r.cfg.Encrypt.Recipients, err = config.Recipients([]string{list}); err != nil {
			t.Fatal(err)
		}
		r.boot()
		r.d.Connect(l)
		r.phase("idle", time.Second)
		r.press("room") // so that something is published
		r.phase("recording", time.Second)
		if s := l.last(); s.Config != r.cfg.Hash() || s.Recipients != topictest.RecipientsHash {
			t.Errorf("it says %q and %q, want %q and %q", s.Config, s.Recipients, r.cfg.Hash(), topictest.RecipientsHash)
		}
		r.finish()
	})
}
