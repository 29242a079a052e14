package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

// fake is a Source and a Desk in memory, with the real model in it.
type fake struct {
	t testing.TB

	mu       sync.Mutex
	model    *practice.Practice
	now      time.Time
	entries  []practice.Entry
	notes    map[practice.RoomID][]practice.Note
	closures []practice.Closure
	acts     []Act
	snoozed  map[practice.RoomID]time.Time
	behind   string
	notices  []Recipient
	next     int64
	seq      map[practice.RoomID]uint64
	event    map[practice.RoomID]uint64
	changed  []chan Change
}

var monday = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

func known(ids ...string) (all []practice.Known) {
	for _, id := range ids {
		all = append(all, practice.Known{ID: roomID(id)})
	}
	return all
}

func roomID(id string) practice.RoomID {
	site, room, _ := cut(id)
	return practice.RoomID{Site: site, Room: room}
}

func cut(id string) (site, room string, ok bool) {
	for i, c := range id {
		if c == '/' {
			return id[:i], id[i+1:], true
		}
	}
	return "", id, false
}

func newFake(t testing.TB, rooms []practice.Known) *fake {
	f := &fake{t: t, model: practice.New(rooms, practice.Options{}), now: monday,
		notes:   map[practice.RoomID][]practice.Note{},
		snoozed: map[practice.RoomID]time.Time{}, seq: map[practice.RoomID]uint64{}, event: map[practice.RoomID]uint64{}}
	f.now = monday.Add(-30 * 24 * time.Hour) // since then it listens
	f.link("main", true)
	f.now = monday
	return f
}

// do changes the model, and reports it.
func (f *fake) do(change func() []practice.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, change()...)
	_, more, _ := f.model.Advance(f.now)
	f.entries = append(f.entries, more...)
	for _, c := range f.changed {
		select {
		case c <- Change{All: true}:
		default:
		}
	}
}

func (f *fake) link(broker string, up bool) {
	f.do(func() []practice.Entry {
		entries := f.model.Link(broker, up, false, f.now)
		if up {
			f.model.Complete(broker, f.now)
		}
		return entries
	})
}

// pass lets time go by.
func (f *fake) pass(d time.Duration) {
	f.do(func() []practice.Entry { f.now = f.now.Add(d); return nil })
}

func (f *fake) publish(id, name string, payload any) {
	data, ok := payload.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(payload); err != nil {
			f.t.Fatal(err)
		}
	}
	f.do(func() []practice.Entry {
		e := f.model.Apply(practice.Message{Broker: "main", Topic: "tacet/" + id + "/" + name, Payload: data, At: f.now})
		return e.Entries
	})
}

// state publishes the state of a room that is well, with changes.
func (f *fake) state(id string, change ...func(*topic.State)) {
	f.mu.Lock()
	f.seq[roomID(id)]++
	free, seq := 412.0, f.seq[roomID(id)]
	f.mu.Unlock()
	s := topic.State{Boot: "b1", Seq: seq, Time: f.now, Version: "1.4.0", Clock: topic.ClockSynced, Phase: topic.Idle,
		Since: f.now, Mic: topic.MicOK, Light: topic.LightProved, SpoolFreeH: &free,
		Config: "5f2b7a90c1d24e6f8a3b5c7d9e0f1a2b", Recipients: "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f",
		UnitKey: "tacet/" + id + "+1a2b3c4d+AUn2", Stores: map[string]topic.Store{"drive": topic.StoreOK,
			"office": topic.StoreOK}}
	for _, c := range change {
		c(&s)
	}
	f.publish(id, "state", s)
	f.publish(id, "availability", []byte("online"))
}

func (f *fake) happened(id string, kind topic.EventType, change ...func(*topic.Event)) {
	f.mu.Lock()
	f.event[roomID(id)]++
	n := f.event[roomID(id)]
	f.mu.Unlock()
	e := topic.Event{ID: topic.EventID("b1", n), Type: kind, Time: f.now}
	for _, c := range change {
		c(&e)
	}
	f.publish(id, "event", e)
}

func alert(codes ...string) func(*topic.State) {
	return func(s *topic.State) { s.Alerts, s.Phase, s.Remedy = codes, topic.Fault, "Plug the microphone in." }
}

func records(s *topic.State) { s.Phase = topic.Recording }

func (f *fake) Query(q practice.Filter) ([]practice.Room, practice.Counts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.model.Query(q)
}

func (f *fake) Room(id practice.RoomID) (practice.Room, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.model.Room(id)
}

func (f *fake) Timeline(_ context.Context, id practice.RoomID, from, to time.Time) (all []practice.Entry, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.entries {
		if e.Room == id && !e.At.Before(from) && !e.At.After(to) {
			all = append(all, e)
		}
	}
	return all, nil
}

func (f *fake) Today(_ context.Context, sites []string, since time.Time, limit int) (all []practice.Entry, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range slices.Backward(f.entries) {
		if (len(sites) == 0 || slices.Contains(sites, e.Room.Site)) && !e.At.Before(since) && len(all) < limit {
			all = append(all, e)
		}
	}
	return all, nil
}

func (f *fake) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Status{At: f.now, Links: f.model.Links(), Clocks: f.model.Clocks(), Behind: f.behind,
		Fleet: true, Notices: f.notices}
}

func (f *fake) Subscribe() (<-chan Change, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan Change, 1)
	f.changed = append(f.changed, c)
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changed = slices.DeleteFunc(f.changed, func(o chan Change) bool { return o == c })
	}
}

func (f *fake) AddNote(_ context.Context, id practice.RoomID, by, text string) error {
	f.do(func() []practice.Entry {
		f.next++
		f.notes[id] = append([]practice.Note{{ID: f.next, Room: id, At: f.now, By: by, Text: text}}, f.notes[id]...)
		f.model.SetNotes(id, f.notes[id])
		f.acts = append(f.acts, Act{f.now, by, "noted", id.String(), text})
		return nil
	})
	return nil
}

func (f *fake) RemoveNote(_ context.Context, n int64, by string) error {
	f.do(func() []practice.Entry {
		for id := range f.notes {
			f.notes[id] = slices.DeleteFunc(f.notes[id], func(o practice.Note) bool { return o.ID == n })
			f.model.SetNotes(id, f.notes[id])
		}
		f.acts = append(f.acts, Act{f.now, by, "removed a note", "", fmt.Sprint(n)})
		return nil
	})
	return nil
}

func (f *fake) Closures(context.Context) ([]practice.Closure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.closures), nil
}

func (f *fake) AddClosure(_ context.Context, c practice.Closure) error {
	f.do(func() []practice.Entry {
		f.next++
		c.ID = f.next
		f.closures = append(f.closures, c)
		f.model.SetClosures(f.closures)
		f.acts = append(f.acts, Act{f.now, c.By, "closed", c.Site + "/" + c.Room, c.Why})
		return nil
	})
	return nil
}

func (f *fake) RemoveClosure(_ context.Context, id int64, by string) error {
	f.do(func() []practice.Entry {
		f.closures = slices.DeleteFunc(f.closures, func(c practice.Closure) bool { return c.ID == id })
		f.model.SetClosures(f.closures)
		f.acts = append(f.acts, Act{f.now, by, "opened", "", fmt.Sprint(id)})
		return nil
	})
	return nil
}

func (f *fake) Snooze(_ context.Context, id practice.RoomID, by string, until time.Time) error {
	f.do(func() []practice.Entry {
		f.snoozed[id] = until
		f.acts = append(f.acts, Act{f.now, by, "snoozed", id.String(), until.String()})
		return nil
	})
	return nil
}

func (f *fake) Snoozed(_ context.Context, id practice.RoomID) (time.Time, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if until := f.snoozed[id]; !until.IsZero() {
		return until, "kim", nil
	}
	return time.Time{}, "", nil
}

func (f *fake) Audit(_ context.Context, limit int) ([]Act, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Clone(f.acts)
	slices.Reverse(all)
	return all[:min(limit, len(all))], nil
}

// book is a people.Book in memory. Its passwords are all "correct horse battery".
type book map[string]people.Account

const secret = "correct horse battery"

func newBook(t testing.TB, roles map[string]string) book {
	t.Helper()
	b := book{}
	for name, role := range roles {
		a, err := people.NewAccount(name, role, secret)
		if err != nil {
			t.Fatal(err)
		}
		b[name] = a
	}
	return b
}

func (b book) Account(name string) (people.Account, bool, error) { a, ok := b[name]; return a, ok, nil }

func (b book) Accounts() (all []people.Account, _ error) {
	for _, a := range b {
		all = append(all, a)
	}
	return all, nil
}

// serve serves a page for the test.
func serve(t testing.TB, p *Page) *httptest.Server {
	t.Helper()
	p.Location = time.UTC
	s := httptest.NewUnstartedServer(p.Handler())
	s.Config = Server(t.Context(), s.Config.Handler)
	s.Start()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// morning is a practice with something of everything.
func morning(t testing.TB) *fake {
	t.Helper()
	rooms := []practice.Known{}
	for i, name := range []string{"Consulting room 1", "Consulting room 2", "Consulting room 3", "Treatment room",
		"Nurse", "Physiotherapy"} {
		rooms = append(rooms, practice.Known{ID: practice.RoomID{Site: "high-street", Room: fmt.Sprintf("room-%d", i+1)},
			Name:       name,
			Recipients: "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f"})
	}
	for i := range 8 {
		rooms = append(rooms, practice.Known{ID: practice.RoomID{Site: "mill-lane", Room: fmt.Sprintf("room-%d", i+1)},
			Name: fmt.Sprintf("Mill Lane %d", i+1)})
	}
	f := newFake(t, rooms)
	f.now = monday.Add(-29 * 24 * time.Hour)
	f.history("high-street/room-3")
	f.now = monday.Add(-2 * time.Hour)
	f.state("mill-lane/room-6")
	f.now = monday.Add(-time.Hour)
	for i := range 6 {
		f.state(fmt.Sprintf("high-street/room-%d", i+1))
	}
	f.now = monday.Add(-12 * time.Minute)
	f.state("high-street/room-2", records)
	f.state("mill-lane/room-3", records)
	f.state("high-street/room-3", alert("mic-missing", "store-behind"))
	f.happened("high-street/room-3", topic.Faulted, func(e *topic.Event) { e.Code = "mic-missing" })
	for f.now.Before(monday.Add(-50 * time.Second)) {
		f.now = f.now.Add(20 * time.Second)
		for _, id := range []string{"high-street/room-2", "high-street/room-3", "mill-lane/room-3"} {
			f.publish(id, "heartbeat", []byte(f.now.Format(time.RFC3339)))
		}
	}
	f.now = monday.Add(-50 * time.Second)
	f.state("mill-lane/room-5")
	f.now = monday.Add(-8 * time.Second)
	for _, id := range []string{"high-street/room-1", "high-street/room-4", "mill-lane/room-1", "mill-lane/room-2",
		"mill-lane/room-4", "mill-lane/room-8"} {
		f.state(id)
	}
	f.state("high-street/room-5", func(s *topic.State) {
		s.Alerts, s.Remedy = []string{"store-missing"}, "Plug the drive in, or check the network."
		s.Stores["drive"] = topic.StoreMissing
		oldest := 26.5
		s.Pending, s.OldestPendingH = 9, &oldest
	})
	f.state("high-street/room-6", func(s *topic.State) { s.Recipients = "ffffffffffffffffffffffffffffffff" })
	f.state("mill-lane/annex")
	for _, id := range []string{"high-street/room-2", "high-street/room-3", "mill-lane/room-3"} {
		f.publish(id, "heartbeat", []byte(f.now.Format(time.RFC3339)))
	}
	f.now = monday
	_ = f.AddClosure(t.Context(), practice.Closure{Site: "mill-lane", Room: "room-8", Until: monday.Add(26 * time.Hour), Why: "painters", By: "kim"})
	_ = f.AddNote(t.Context(), roomID("high-street/room-3"), "kim", "New microphone ordered, comes on Thursday.")
	f.pass(0)
	return f
}

// history lets a room record through four weeks.
func (f *fake) history(id string) {
	f.state(id)
	for day := range 29 {
		start := monday.Add(time.Duration(day-29) * 24 * time.Hour).Truncate(24 * time.Hour)
		if wd := start.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for n := range 9 + day%4 {
			f.now = start.Add(8*time.Hour + time.Duration(n*47+day*7%20)*time.Minute)
			rec := fmt.Sprintf("r%02d%02d", day, n)
			f.happened(id, topic.Started, func(e *topic.Event) { e.Recording = rec })
			length := time.Duration(9+(n*7+day*3)%22) * time.Minute
			f.now = f.now.Add(length)
			f.happened(id, topic.Ended, func(e *topic.Event) { e.Recording, e.Seconds = rec, topic.Seconds(length) })
		}
		if day%11 == 5 {
			f.now = start.Add(13 * time.Hour)
			f.state(id, alert("mic-missing"))
			f.now = start.Add(15*time.Hour + 20*time.Minute)
			f.state(id)
		}
		f.publish(id, "heartbeat", []byte("x"))
	}
}

func get(t testing.TB, client *http.Client, url string) *http.Response {
	t.Helper()
	if client == nil {
		client = http.DefaultClient
	}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	return r
}
