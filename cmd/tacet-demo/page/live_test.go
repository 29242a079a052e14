package page

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tacet/hw/simpanel"
)

// viewer reads events.
type viewer struct {
	t     *testing.T
	lines *bufio.Scanner
}

// next reads the next event: its name, which is "" for the unit's state, and its data.
func (v viewer) next() (event, data string) {
	v.t.Helper()
	for v.lines.Scan() {
		if name, ok := strings.CutPrefix(v.lines.Text(), "event: "); ok {
			event = name
		}
		if data, ok := strings.CutPrefix(v.lines.Text(), "data: "); ok {
			return event, data
		}
	}
	v.t.Fatalf("no more events: %v", v.lines.Err())
	return "", ""
}

func (s *site) watch() (_ viewer, leave func()) {
	s.t.Helper()
	ctx, leave := context.WithCancel(s.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/live", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("answer %d, %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	return viewer{s.t, bufio.NewScanner(answer.Body)}, leave
}

// until reads events until one is as wanted.
func (v viewer) until(what string, wanted func(liveJSON) bool) {
	v.t.Helper()
	v.t.Log("waiting for " + what)
	for {
		event, data := v.next()
		if event != "" {
			continue
		}
		var m liveJSON
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			v.t.Fatal(err)
		}
		if wanted(m) {
			return
		}
	}
}

func TestAViewerGetsEveryChange(t *testing.T) {
	s := serve(t, simpanel.Settings{Buttons: both().Buttons, Sense: true, Door: true})
	v, _ := s.watch()
	v.until("the start", func(m liveJSON) bool {
		return m.Sense == simpanel.Off && m.Door != nil && !*m.Door && !m.Heard &&
			m.Phase == "idle" && m.Light == simpanel.Off && len(m.Buttons) == 2 && m.Card.Room == "Consulting room 3"
	})
	s.panel.Light.Flash()
	v.until("the flash", func(m liveJSON) bool { return m.Light == simpanel.Flash })
	v.until("its end", func(m liveJSON) bool { return m.Light == simpanel.Off })
	s.unit.say(Status{Power: true, Phase: "fault",
		Warnings: []Warning{{Code: "mic-missing", Title: "No microphone", Do: "Plug it in"}}})
	v.until("the fault", func(m liveJSON) bool {
		return m.Phase == "fault" && len(m.Warnings) == 1 && m.Warnings[0].Do == "Plug it in"
	})
	s.panel.Break(simpanel.Faults{Sense: errors.New("cut wire")})
	v.until("the broken sense line", func(m liveJSON) bool { return m.Sense == simpanel.Unread })
	s.panel.SetDoor(true)
	v.until("the open door", func(m liveJSON) bool { return m.Door != nil && *m.Door })
	s.unit.say(Status{Phase: "fault"})
	v.until("the power cut", func(m liveJSON) bool { return !m.Power })
}

func TestMaxViewers(t *testing.T) {
	s := serve(t, both())
	var last func()
	for range maxViewers {
		v, leave := s.watch()
		v.until("anything", func(liveJSON) bool { return true })
		last = leave
	}
	if code, _, _ := s.ask("GET", "/live"); code != 503 {
		t.Errorf("one viewer too many: answer %d", code)
	}
	last()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for code := 503; code == 503; { // until the server notices that the viewer has left
		r, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		code = answer.StatusCode
		answer.Body.Close()
	}
}

// mailbox records when a viewer gets messages.
type mailbox struct {
	http.ResponseWriter
	mu   sync.Mutex
	when []time.Time
}

func (m *mailbox) Flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.when = append(m.when, time.Now())
}

func (m *mailbox) SetWriteDeadline(time.Time) error { return nil }

// A flash lasts only a second, so a change must be sent at once, and only once.
func TestAChangeIsSentAtOnceAndOnce(t *testing.T) {
	s := serve(t, both())
	synctest.Test(t, func(t *testing.T) {
		front, unit := simpanel.New(both()), &fakeUnit{changed: make(chan struct{})}
		p := &Page{Panel: front, Unit: unit, Library: s.lib, viewers: make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		m := &mailbox{ResponseWriter: httptest.NewRecorder()}
		done := make(chan struct{})
		start := time.Now()
		go func() { defer close(done); p.live(m, httptest.NewRequestWithContext(ctx, "GET", "/live", nil)) }()
		time.Sleep(5100 * time.Millisecond) // in fake time, like the others
		front.Light.On()
		time.Sleep(100 * time.Millisecond)
		unit.say(Status{Phase: "recording"})
		time.Sleep(100 * time.Millisecond)
		unit.say(Status{Phase: "recording"}) // nothing new
		time.Sleep(5 * time.Second)
		cancel()
		<-done
		want := []time.Duration{0, 5100 * time.Millisecond, 5200 * time.Millisecond}
		if len(m.when) != len(want) {
			t.Fatalf("%d messages, want %d", len(m.when), len(want))
		}
		for i, at := range m.when {
			if got := at.Sub(start); got != want[i] {
				t.Errorf("message %d came after %v, want %v", i, got, want[i])
			}
		}
	})
}
