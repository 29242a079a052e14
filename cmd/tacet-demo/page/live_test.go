package page

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tacet/hw/panel"
)

// viewer reads what a page is sent.
type viewer struct {
	t     *testing.T
	lines *bufio.Scanner
}

func (s *site) watch() viewer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", s.URL+"/live", nil)
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
	return viewer{s.t, bufio.NewScanner(answer.Body)}
}

// until reads messages until one is as wanted.
func (v viewer) until(what string, wanted func(liveJSON) bool) {
	v.t.Helper()
	for v.lines.Scan() {
		data, ok := strings.CutPrefix(v.lines.Text(), "data: ")
		if !ok {
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
	v.t.Fatalf("%s: never told: %v", what, v.lines.Err())
}

func TestAViewerIsToldOfEveryChange(t *testing.T) {
	s := serve(t, both())
	v := s.watch()
	v.until("the beginning", func(m liveJSON) bool {
		return m.Phase == "idle" && m.Light == panel.Off && len(m.Buttons) == 2 && m.Card.Room == "Consulting room 3"
	})
	s.panel.Light.Flash()
	v.until("the flash", func(m liveJSON) bool { return m.Light == panel.Flash })
	v.until("its end", func(m liveJSON) bool { return m.Light == panel.Off })
	s.unit.say(Status{Power: true, Phase: "fault", Warnings: []Warning{{Code: "mic-missing", Title: "No microphone", Do: "Plug it in"}}})
	v.until("the fault", func(m liveJSON) bool {
		return m.Phase == "fault" && len(m.Warnings) == 1 && m.Warnings[0].Do == "Plug it in"
	})
	s.unit.say(Status{Phase: "fault"})
	v.until("the power cut", func(m liveJSON) bool { return !m.Power })
}

func TestNoMoreViewersThanThereIsRoomFor(t *testing.T) {
	s := serve(t, both())
	for range maxViewers {
		s.watch().until("anything", func(liveJSON) bool { return true })
	}
	if code, _, _ := s.ask("GET", "/live"); code != 503 {
		t.Errorf("one viewer too many: answer %d", code)
	}
}
