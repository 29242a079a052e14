package page

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"tacet/cmd/internal/library"
	"tacet/hw/simpanel"
)

// fakeUnit has the status that a test sets.
type fakeUnit struct {
	mu      sync.Mutex
	status  Status
	changed chan struct{}
	cuts    int
}

func (f *fakeUnit) Status() Status { f.mu.Lock(); defer f.mu.Unlock(); return f.status }

func (f *fakeUnit) Changed() <-chan struct{} { f.mu.Lock(); defer f.mu.Unlock(); return f.changed }

func (f *fakeUnit) CutPower() { f.mu.Lock(); defer f.mu.Unlock(); f.cuts++ }

func (f *fakeUnit) say(s Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = s
	close(f.changed)
	f.changed = make(chan struct{})
}

// site is a page on a real listener.
type site struct {
	*httptest.Server
	t     *testing.T
	panel *simpanel.Panel
	unit  *fakeUnit
	lib   *library.Library
}

// serve serves a unit with such a panel. with can change its page.
func serve(t *testing.T, s simpanel.Settings, with ...func(*Page)) *site {
	t.Helper()
	lib, err := library.Open(t.TempDir(), library.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	unit := &fakeUnit{status: Status{Power: true, Phase: "idle"}, changed: make(chan struct{})}
	p := &Page{Panel: simpanel.New(s), Unit: unit, Library: lib, Card: Card{Room: "Consulting room 3"}}
	for _, set := range with {
		set(p)
	}
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	return &site{server, t, p.Panel, unit, lib}
}

func both() simpanel.Settings {
	return simpanel.Settings{Buttons: []simpanel.Button{{Party: "patient"}, {Party: "clinician"}}}
}

// ask sends a request. A header is "Name: value"; Host sets the host.
func (s *site) ask(method, path string, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}

// Other programs rely on the answer to GET /panel.
func TestPanelJSON(t *testing.T) {
	s := serve(t, simpanel.Settings{Buttons: both().Buttons, StatusLight: true, Drive: true})
	s.panel.Light.Pulse()
	s.panel.StatusLight.Steady()
	s.panel.Hold("clinician", true)
	s.unit.say(Status{Power: true, Phase: "waiting", Consented: []bool{true, false}})
	code, header, body := s.ask("GET", "/panel")
	if code != 200 || header.Get("Content-Type") != "application/json" {
		t.Fatalf("answer %d, %v", code, header)
	}
	var got, want any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	json.Unmarshal([]byte(`{"light":"pulse","status_light":"on","phase":"waiting","buttons":[
		{"party":"patient","pressed":false,"consented":true},{"party":"clinician","pressed":true,"consented":false}],
		"drive":true,"recordings":[]}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("GET /panel says\n%s, want\n%v", body, want)
	}
}

func TestPanelOfAPlainUnit(t *testing.T) {
	s := serve(t, simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}})
	_, _, body := s.ask("GET", "/panel")
	if !strings.Contains(body, `"status_light":"none"`) || !strings.Contains(body, `"drive":null`) {
		t.Errorf("GET /panel says %s", body)
	}
}

func TestPressIsAnsweredWhenReleased(t *testing.T) {
	s := serve(t, both())
	changed := s.panel.Changed()
	if code, _, body := s.ask("POST", "/panel/press?party=patient"); code != 204 || body != "" {
		t.Fatalf("answer %d %s", code, body)
	}
	select {
	case <-changed:
	default:
		t.Error("answered, but nothing was pressed")
	}
	if s.panel.State().Buttons[0].Pressed {
		t.Error("answered while it was pressed")
	}
}

func TestLatchingButtonChangesOver(t *testing.T) {
	s := serve(t, simpanel.Settings{Buttons: []simpanel.Button{{Party: "room", Latching: true}}})
	for _, want := range []bool{true, false} {
		if code, _, _ := s.ask("POST", "/panel/press?party=room"); code != 204 {
			t.Fatalf("answer %d", code)
		}
		if s.panel.State().Buttons[0].Pressed != want {
			t.Errorf("the switch isn't %v", want)
		}
	}
}

func TestDriveDoorAndPower(t *testing.T) {
	s := serve(t, simpanel.Settings{Buttons: both().Buttons, Drive: true, Door: true})
	for _, step := range []struct{ path, part string }{
		{"/panel/drive?present=false", "drive"}, {"/panel/door?open=true", "door"}, {"/panel/power-cut", "power"},
	} {
		if code, _, body := s.ask("POST", step.path); code != 204 || body != "" {
			t.Errorf("%s: answer %d %s", step.path, code, body)
		}
	}
	if now := s.panel.State(); *now.Drive || !*now.Door {
		t.Errorf("drive %v, door %v", *now.Drive, *now.Door)
	}
	if s.unit.cuts != 1 {
		t.Errorf("the power was cut %d times", s.unit.cuts)
	}
}

func TestNotFoundAndNotAllowed(t *testing.T) {
	s := serve(t, both())
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/panel/press?party=visitor", 404},
		{"POST", "/panel/press", 404},
		{"POST", "/panel/drive?present=true", 404}, // this unit has no place for one
		{"POST", "/panel/door?open=true", 404},
		{"POST", "/panel/drive?present=perhaps", 400},
		{"GET", "/panel/press?party=patient", 405},
		{"GET", "/panel/drive?present=true", 405},
		{"GET", "/panel/power-cut", 405},
		{"PUT", "/panel/press?party=patient", 405},
		{"POST", "/panel", 405},
		{"DELETE", "/panel", 405},
		{"POST", "/", 405},
		{"GET", "/nothing", 404},
		{"GET", "/web/page.js", 404},
		{"GET", "/recordings/nothing.tacet", 404},
	} {
		if code, _, _ := s.ask(c.method, c.path); code != c.want {
			t.Errorf("%s %s: answer %d, want %d", c.method, c.path, code, c.want)
		}
	}
	if s.unit.cuts != 0 || s.panel.State().Buttons[0].Pressed {
		t.Error("one of them did something")
	}
}

func TestMaxPresses(t *testing.T) {
	s := serve(t, both())
	s.panel.Hold("patient", false)
	codes := make(chan int)
	const tries = 3 * maxPresses
	for range tries {
		go func() { code, _, _ := s.ask("POST", "/panel/press?party=patient"); codes <- code }()
	}
	count := map[int]int{}
	for range tries {
		count[<-codes]++
	}
	if count[204] < maxPresses || count[503] == 0 || count[204]+count[503] != tries {
		t.Errorf("answers %v", count)
	}
}
