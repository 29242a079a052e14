package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

func decode(t testing.TB, message string) (n news) {
	t.Helper()
	if err := json.Unmarshal([]byte(message), &n); err != nil {
		t.Fatalf("%v: %s", err, message)
	}
	return n
}

// The first message has everything, the next what has changed, and without a change one comes too.
func TestStreamSendsWhatChanged(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Build: "1.2.3"})
	v := visit(t, s.URL)
	changing := time.AfterFunc(time.Second, func() { f.state("high-street/room-1", alert("mic-missing")) })
	defer changing.Stop()
	all := v.stream("/", 3)
	first, second, third := decode(t, all[0]), decode(t, all[1]), decode(t, all[2])
	if len(first.Tiles) != 15 || len(first.Order) != 15 || first.Order[0] != "tile/high-street/room-3" ||
		first.Build != "1.2.3" ||
		first.Title != "3 need a hand, 1 silent, 1 late · Tacet" || first.Parts["counts"] == "" || first.Now != monday.UnixMilli() || first.Bad {
		t.Errorf("the first message is %s", all[0])
	}
	if len(second.Tiles) != 1 || second.Order[0] != "tile/high-street/room-1" ||
		!strings.Contains(second.Tiles["tile/high-street/room-1"], "Microphone missing") ||
		second.Title != "4 need a hand, 1 silent, 1 late · Tacet" || !strings.HasPrefix(second.Said, "4 need a hand, ") {
		t.Errorf("the second message is %s", all[1])
	}
	if len(third.Tiles) != 0 || third.Order != nil || len(third.Parts) != 0 || third.Title != "" {
		t.Errorf("without a change comes %s", all[2])
	}
}

// What limits how far the page can be trusted is said at once, and never together with "all is
// well".
func TestTrust(t *testing.T) {
	p := &Page{Location: time.UTC}
	link := practice.Link{Broker: "main", Up: true, Complete: true, Since: monday, Last: monday}
	well := Status{At: monday, Links: []practice.Link{link}, Fleet: true}
	if all := p.trust(well); len(all) != 0 {
		t.Errorf("all is well, and it says %+v", all)
	}
	for want, change := range map[string]func(*Status){
		"The dashboard has no broker.": func(s *Status) { s.Links = nil },
		"The broker is gone. What is shown is how it was at 09:28. Nobody can tell how it is now. Connection refused.": func(s *Status) {
			s.Links[0].Up, s.Links[0].Last, s.Links[0].Trouble = false, monday.Add(-2*time.Minute), "connection refused"
		},
		"Nothing has come from it since the dashboard started.":            func(s *Status) { s.Links[0].Up, s.Links[0].Last = false, time.Time{} },
		"The broker second is gone.":                                       func(s *Status) { s.Links = append(s.Links, practice.Link{Broker: "second"}) },
		"The dashboard is still reading.":                                  func(s *Status) { s.Links[0].Complete = false },
		"The dashboard can’t write its history. The disk is full.":         func(s *Status) { s.Behind = "the disk is full" },
		"It is 7 min behind the clocks of 12 units.":                       func(s *Status) { s.Clocks = practice.Clocks{Wrong: true, Skew: 7 * time.Minute, Compared: 12} },
		"It is 7 min ahead of the clocks of 1 unit.":                       func(s *Status) { s.Clocks = practice.Clocks{Wrong: true, Skew: -7 * time.Minute, Compared: 1} },
		"clock jumped by 1 h at 09:20.":                                    func(s *Status) { s.Clocks = practice.Clocks{Jumped: monday.Add(-10 * time.Minute), By: -time.Hour} },
		"lost its memory of the dashboard at 07:30. Events may be missed.": func(s *Status) { s.Links[0].Forgot = monday.Add(-2 * time.Hour) },
		"The broker main: Raise its limits.":                               func(s *Status) { s.Links[0].Advice = "raise its limits" },
	} {
		s := well
		s.Links = append([]practice.Link{}, link)
		change(&s)
		text := ""
		all := p.trust(s)
		for _, one := range all {
			text += one.Title + " " + one.Text + " "
		}
		if !strings.Contains(text, want) {
			t.Errorf("it says %q, want %q", text, want)
		}
		c := practice.Counts{Rooms: 2, ByState: map[practice.State]int{practice.Ready: 2}}
		serious := !strings.Contains(want, "jumped") && !strings.Contains(want, "lost its") && !strings.Contains(want,
			"Raise")
		if got := title(c, all); serious == strings.Contains(got, "well") {
			t.Errorf("with %q the title is %q", want, got)
		}
		if got := said(c, all); serious != strings.Contains(got, "At last: ") {
			t.Errorf("with %q a screen reader hears %q", want, got)
		}
	}
}

// A viewer learns that a room is closed, and not why: nothing stands in the reason's place.
func TestClosedWithoutAReason(t *testing.T) {
	p := &Page{Location: time.UTC}
	r := seen(practice.Room{Closed: &practice.Closure{Why: "painters"}}, people.Person{Role: people.Viewer}, monday)
	if text := p.tile(r, monday).Closed; text != "For now" {
		t.Errorf("a viewer reads %q", text)
	}
}

// While its broker is gone a room is what it was, and nothing says that it is well.
func TestDoubtfulRooms(t *testing.T) {
	f := newFake(t, known("a/one", "a/two", "a/three"))
	f.state("a/one")
	f.state("a/two", records)
	f.state("a/three", alert("mic-missing"))
	f.link("main", false)
	f.pass(time.Minute)
	_, text := visit(t, serve(t, &Page{Source: f}).URL).get("/")
	for _, want := range []string{"Was ready", "Was recording", "Needed a hand", "The broker is gone.", "⚠"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	if strings.Count(text, "data-doubt") != 3 || strings.Contains(text, `data-at="1795426200000">for`) {
		t.Errorf("not every tile is doubtful:\n%s", text)
	}
	_, round := visit(t, serve(t, &Page{Source: f}).URL).get("/round")
	if !strings.Contains(round, "The broker is gone.") {
		t.Error("the morning round doesn't say so")
	}
}

// Lengths and times in a timeline.
func TestTimeline(t *testing.T) {
	p := &Page{Location: time.UTC}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 11, 23-day, hour, minute, 0, 0, time.UTC)
	}
	event := func(kind practice.Kind, at time.Time, rec string, seconds float64) practice.Entry {
		e := practice.Entry{Kind: kind, At: at, Recording: rec}
		if seconds > 0 {
			e.Seconds = &seconds
		}
		return e
	}
	moved := func(from, to practice.State, at time.Time) practice.Entry {
		return practice.Entry{Kind: practice.Moved, From: from, State: to, At: at}
	}
	waited := event(practice.Ended, at(1, 12, 0), "late", 600)
	waited.UnitTime = at(1, 11, 0)
	entries := []practice.Entry{
		event(practice.Ended, at(3, 0, 10), "over-midnight", 1200), // its start was missed
		moved(practice.Ready, practice.Hand, at(2, 8, 0)),
		event(practice.Started, at(2, 9, 0), "one", 0),
		event(practice.Ended, at(2, 9, 20), "one", 1200),
		moved(practice.Hand, practice.Ready, at(2, 10, 30)),
		moved(practice.Ready, practice.Silent, at(2, 23, 0)),
		moved(practice.Silent, practice.Ready, at(1, 2, 0)),
		waited,
		event(practice.Started, at(1, 15, 0), "no-end", 0),
		event(practice.Ended, at(1, 16, 0), "absurd", 1e12),
		event(practice.Started, at(0, 9, 0), "now", 0),
	}
	r := room{Room: practice.Room{State: practice.Recording, Since: at(0, 9, 0)}, Consultations: true}
	got := ""
	for _, d := range p.timeline(entries, r, monday).Days[:5] {
		got += fmt.Sprintf("%s: %d, %s; hand %s; silent %s\n", d.Name, d.Recordings, d.Recorded, d.HandFor, d.SilentFor)
	}
	const want = "Mon 23: 1, 30 min; hand –; silent –\n" +
		"Sun 22: 3, 10 min; hand –; silent 2 h\n" +
		"Sat 21: 1, 20 min; hand 2 h 30 min; silent 1 h\n" +
		"Fri 20: 0, 10 min; hand –; silent –\n" +
		"Thu 19: 1, 10 min; hand –; silent –\n"
	if got != want {
		t.Errorf("the timeline says\n%swant\n%s", got, want)
	}
	for _, d := range p.timeline(entries, r, monday).Days {
		for _, b := range d.Bars {
			if b.X < 0 || b.W < 3 || b.X+b.W > 1440 || b.Y < d.Y || b.Y+b.H > d.Y+rowHeight {
				t.Errorf("%s: %+v is not in its row", d.Name, b)
			}
		}
	}
	r.Consultations = false
	if all := recordingStretches(entries, r, monday); all != nil {
		t.Errorf("a viewer sees %+v", all)
	}
}

// The words on a room's page follow from what its unit says.
func TestRoomInWords(t *testing.T) {
	f := morning(t)
	v := visit(t, serve(t, &Page{Source: f, Desk: f}).URL)
	for path, wants := range map[string][]string{
		"/room/high-street/room-3": {"The room needs a hand, since 09:18: microphone missing.", "New microphone ordered", "Copies late"},
		"/room/high-street/room-5": {"9 recordings", "412 h", "drive</b>: missing", "office</b>: connected"},
		"/room/high-street/room-6": {"Stands out: ", "The list of rooms says otherwise", "encrypts to other recipients"},
		"/room/high-street/room-2": {"The room is recording, since 09:18."},
		"/room/mill-lane/room-6":   {"The room is silent: nothing has come from it since 07:30."},
		"/room/mill-lane/room-5":   {"A sign of life from the room is overdue."},
		"/room/mill-lane/room-7":   {"nothing has ever come from it"},
		"/room/mill-lane/room-8":   {"Painters, until"},
		"/room/mill-lane/annex":    {"not on the list"},
	} {
		code, text := v.get(path)
		for _, want := range wants {
			if code != 200 || !strings.Contains(text, want) {
				t.Errorf("%s (%d) lacks %q:\n%s", path, code, want, text)
			}
		}
	}
	if code, _ := v.get("/room/high-street/room-99"); code != 404 {
		t.Errorf("a room that is not there: %d", code)
	}
	_, text := v.get("/today")
	for _, want := range []string{"warning: Microphone missing", "it encrypts to other recipients"} {
		if !strings.Contains(text, want) {
			t.Errorf("today lacks %q:\n%s", want, text)
		}
	}
	f.happened("high-street/room-1", topic.Ended, func(e *topic.Event) { e.Recording, e.Seconds = "r", topic.Seconds(12*time.Minute) })
	if _, text := v.get("/today"); !strings.Contains(text, "1 recording has ended today, 12 min in all") {
		t.Errorf("today lacks the recording:\n%s", text)
	}
}

// A viewer's stream is silent when a recording starts: the time of a message would tell.
func TestViewersStreamKeepsSilent(t *testing.T) {
	f := morning(t)
	f.state("high-street/room-1") // heard in this minute
	p := &Page{Source: f, Gate: people.NewGate(newBook(t, roles)), Location: time.UTC}
	p.Handler()
	at := must(url.Parse("/"))
	as := func(name string) (*viewed, *http.Request) {
		r := httptest.NewRequest(http.MethodGet, "/live", nil)
		r.AddCookie(&http.Cookie{Name: "tacet", Value: must(p.Gate.SignIn(t.Context(), from(r), name, secret))})
		return &viewed{}, r
	}
	views := map[string]func() int{}
	for name := range roles {
		v, r := as(name)
		views[name] = func() int {
			message, _, err := p.next(v, r, at, false)
			if err != nil {
				t.Fatal(err)
			}
			return len(message)
		}
		if views[name]() == 0 || views[name]() != 0 {
			t.Errorf("%s gets no first message, or another one without a change", name)
		}
	}
	f.state("high-street/room-1", records)
	for name, next := range views {
		if got := next() > 0; got != (name != "lee") {
			t.Errorf("when a recording starts, %s gets a message: %v", name, got)
		}
	}
}
