package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/brokertest"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

const deadline = 3 * time.Minute

var room3 = practice.RoomID{Site: "high-street", Room: "room-3"}

// running is a dashboard that runs until the test ends, or until stop.
type running struct {
	*Dashboard
	t    *testing.T
	stop func()
}

func start(t *testing.T, o Options) *running {
	t.Helper()
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	r := &running{Dashboard: d, t: t}
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-done
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// await waits until a room satisfies a condition.
func (r *running) await(id practice.RoomID, what string, ok func(practice.Room) bool) practice.Room {
	r.t.Helper()
	var room practice.Room
	r.until(what, func() bool {
		room, _ = r.Room(id)
		return ok(room)
	})
	return room
}

// until waits for a condition, which is checked at each change.
func (r *running) until(what string, ok func() bool) {
	r.t.Helper()
	if !r.within(ok) {
		r.t.Fatalf("%s: not in %v", what, deadline)
	}
}

// within waits for a condition, and reports whether it came true.
func (r *running) within(ok func() bool) bool {
	changes, stop := r.Subscribe()
	defer stop()
	late := time.After(deadline)
	tick := time.NewTicker(50 * time.Millisecond) // for what makes no change, such as the time of a heartbeat
	defer tick.Stop()
	for !ok() {
		select {
		case <-changes:
		case <-tick.C:
		case <-late:
			return false
		}
	}
	return true
}

func is(want practice.State) func(practice.Room) bool {
	return func(r practice.Room) bool { return r.State == want && r.Doubt == "" }
}

// unit is what a unit publishes.
type unit struct {
	topic.Names
	boot string
	seq  uint64
	n    int
}

func newUnit(id practice.RoomID, boot string) *unit {
	return &unit{Names: topic.Names{Site: id.Site, Room: id.Room}, boot: boot}
}

func (u *unit) state(phase topic.Phase, alerts ...string) string {
	u.seq++
	s := topic.State{Boot: u.boot, Seq: u.seq, Time: time.Now(), Since: time.Now(), Version: "1.0",
		Clock: topic.ClockSynced, Phase: phase, Mic: topic.MicOK, Light: topic.LightProved, Alerts: alerts,
		Remedy: "Do this."}
	text, err := s.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (u *unit) event(kind topic.EventType) string {
	u.n++
	text, err := topic.Event{ID: topic.EventID(u.boot, uint64(u.n)), Type: kind, Time: time.Now()}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return string(text)
}

func options(t *testing.T, m *brokertest.Mosquitto, rooms ...practice.RoomID) Options {
	o := Options{Brokers: []Broker{{URL: m.URL()}}, Dir: t.TempDir()}
	for _, id := range rooms {
		o.Known = append(o.Known, practice.Known{ID: id, Name: "Consulting " + id.Room})
	}
	return o
}

// A message of a unit is a tile on the page, and in the history.
func TestFromBrokerToPage(t *testing.T) {
	m := brokertest.New(t)
	d := start(t, options(t, m, room3))
	c, u := m.Client(), newUnit(room3, "b1")
	d.until("the broker", func() bool { return d.Status().Links[0].Complete })
	c.Publish(u.State(), u.state(topic.Idle), true)
	d.await(room3, "ready", is(practice.Ready))
	c.Publish(u.State(), u.state(topic.Recording), true)
	c.Publish(u.Event(), u.event(topic.Started), false)
	d.await(room3, "recording", is(practice.Recording))
	c.Publish(u.State(), u.state(topic.Fault, "mic-missing"), true)
	d.await(room3, "hand", is(practice.Hand))
	server := httptest.NewServer((&page.Page{Source: d, Desk: d}).Handler())
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/api/rooms")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if !strings.Contains(string(body), `"state":"hand"`) || !strings.Contains(string(body), `"alerts":["mic-missing"]`) {
		t.Errorf("%s, %v", body, err)
	}
	d.until("the history", func() bool {
		all, err := d.Timeline(t.Context(), room3, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, e := range all {
			kinds = append(kinds, string(e.Kind)+string(e.State))
		}
		return fmt.Sprint(kinds) == "[movedready movedrecording started movedhand]"
	})
}

// What units publish while the dashboard is away comes later; the tiles are there at once.
func TestAway(t *testing.T) {
	m := brokertest.New(t)
	o := options(t, m, room3)
	d := start(t, o)
	c, u := m.Client(), newUnit(room3, "b1")
	d.until("the broker", func() bool { return d.Status().Links[0].Complete })
	c.Publish(u.State(), u.state(topic.Idle), true)
	c.Publish(u.Event(), u.event(topic.Started), false)
	d.await(room3, "ready", is(practice.Ready))
	events := func(d *running, want int) {
		t.Helper()
		d.until(fmt.Sprint(want, " events"), func() bool {
			all, err := d.Timeline(t.Context(), room3, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, e := range all {
				if e.ID != "" {
					n++
				}
			}
			return n == want
		})
	}
	events(d, 1)
	d.stop()
	for range 5 {
		c.Publish(u.Event(), u.event(topic.Ended), false)
	}
	c.Publish(u.State(), u.state(topic.Fault, "mic-missing"), true)
	again, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := again.Room(room3); r.State != practice.Ready || r.Doubt == "" || r.Heard.IsZero() {
		t.Errorf("before the broker is connected: %+v", r)
	}
	again.Close()
	d = start(t, o)
	d.await(room3, "what the broker has kept", func(r practice.Room) bool { return r.State == practice.Hand })
	d.until("all of it", func() bool { return d.Status().Links[0].Complete })
	if r, _ := d.Room(room3); r.Doubt == "" {
		t.Error("an old message counts as a sign of life")
	}
	c.Publish(u.Heartbeat(), string(topic.Heartbeat(time.Now())), false)
	d.await(room3, "hand", is(practice.Hand))
	events(d, 6)
	if r, _ := d.Room(room3); r.Missed != 0 {
		t.Errorf("%d missed", r.Missed)
	}
	if l := d.Status().Links[0]; !l.Forgot.IsZero() {
		t.Error("the broker has lost the session")
	}
}

// A broker that has gone is said, and so is a lost session.
func TestBrokerGone(t *testing.T) {
	m := brokertest.New(t)
	d := start(t, options(t, m, room3))
	c, u := m.Client(), newUnit(room3, "b1")
	d.until("the broker", func() bool { return d.Status().Links[0].Complete })
	c.Publish(u.State(), u.state(topic.Idle), true)
	d.await(room3, "ready", is(practice.Ready))
	m.Stop()
	r := d.await(room3, "doubt", func(r practice.Room) bool { return r.Doubt != "" })
	if r.State != practice.Ready {
		t.Errorf("it is %s", r.State)
	}
	d.until("the trouble", func() bool { return d.Status().Links[0].Trouble != "" })
	m.Start()
	d.await(room3, "the broker's return", func(r practice.Room) bool { return strings.HasPrefix(r.Doubt, "as the broker") })
	d.until("all that was kept", func() bool { return d.Status().Links[0].Complete })
	m.Client().Publish(u.Heartbeat(), string(topic.Heartbeat(time.Now())), false)
	d.await(room3, "ready again", is(practice.Ready))
	if l := d.Status().Links[0]; !l.Forgot.IsZero() {
		t.Error("the broker has lost the session")
	}
}

// A broker that keeps most rooms back, since its queue is short, is asked for the others.
func TestShortQueue(t *testing.T) {
	m := brokertest.New(t, "allow_anonymous true", "max_queued_messages 50", "max_inflight_messages 5")
	var rooms []practice.RoomID
	c := m.Client()
	for i := range 300 {
		id := practice.RoomID{Site: "high-street", Room: fmt.Sprint("room-", i)}
		rooms = append(rooms, id)
		u := newUnit(id, "b1")
		c.Publish(u.State(), u.state(topic.Idle), true)
	}
	d := start(t, options(t, m, rooms...))
	d.until("all that was kept", func() bool { return d.Status().Links[0].Complete })
	d.until("all rooms", func() bool {
		_, counts := d.Query(practice.Filter{})
		return counts.ByState[practice.Ready] == len(rooms)
	})
}

// Two brokers with a site each: one that goes takes only its rooms into doubt.
func TestTwoBrokers(t *testing.T) {
	a, b := brokertest.New(t), brokertest.New(t)
	other := practice.RoomID{Site: "station", Room: "room-1"}
	o := options(t, a, room3, other)
	o.Brokers = append(o.Brokers, Broker{URL: b.URL()})
	d := start(t, o)
	for i := range 2 {
		d.until("the brokers", func() bool { return d.Status().Links[i].Complete })
	}
	u, v := newUnit(room3, "b1"), newUnit(other, "b1")
	a.Client().Publish(u.State(), u.state(topic.Idle), true)
	b.Client().Publish(v.State(), v.state(topic.Recording), true)
	d.await(room3, "ready", is(practice.Ready))
	d.await(other, "recording", is(practice.Recording))
	a.Stop()
	d.await(room3, "doubt", func(r practice.Room) bool { return r.Doubt != "" })
	if r, _ := d.Room(other); r.Doubt != "" {
		t.Error(r.Doubt)
	}
}

// Every head of a ledger is kept, once.
func TestHeads(t *testing.T) {
	m := brokertest.New(t)
	d := start(t, options(t, m, room3))
	d.until("the broker", func() bool { return d.Status().Links[0].Complete })
	c, u := m.Client(), newUnit(room3, "b1")
	for _, head := range []string{"one", "two", "two", "three"} {
		text, err := topic.Ledger{Time: time.Now(), Head: head}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		c.Publish(u.Ledger(), string(text), true)
	}
	d.until("three heads", func() bool {
		heads, err := d.db.Heads(t.Context(), room3)
		if err != nil {
			t.Fatal(err)
		}
		return len(heads) == 3 && heads[2].Head == "three"
	})
}

// Notes and closed periods count at once, and after a restart.
func TestNotesAndClosures(t *testing.T) {
	o := Options{Dir: t.TempDir(), Known: []practice.Known{{ID: room3}}}
	d := start(t, o)
	if err := d.AddNote(t.Context(), room3, "kim", "battery\nordered"); err != nil {
		t.Fatal(err)
	}
	if err := d.AddNote(t.Context(), practice.RoomID{Site: "x", Room: "y"}, "kim", "text"); !errors.Is(err, ErrNoSuch) {
		t.Error(err)
	}
	if err := d.AddClosure(t.Context(), practice.Closure{Site: "high-street", Why: "holiday", By: "kim"}); err != nil {
		t.Fatal(err)
	}
	d.await(room3, "closed", func(r practice.Room) bool { return r.Closed != nil })
	d.stop()
	d = start(t, o)
	r := d.await(room3, "closed", func(r practice.Room) bool { return r.Closed != nil })
	if r.Closed.Why != "holiday" || len(r.Notes) != 1 || r.Notes[0].Text != "battery ordered" || r.Notes[0].By != "kim" {
		t.Errorf("%+v", r)
	}
	if err := d.RemoveNote(t.Context(), r.Notes[0].ID, "kim"); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveClosure(t.Context(), r.Closed.ID, "kim"); err != nil {
		t.Fatal(err)
	}
	d.await(room3, "open", func(r practice.Room) bool { return r.Closed == nil && len(r.Notes) == 0 })
	if err := d.RemoveNote(t.Context(), r.Notes[0].ID, "kim"); !errors.Is(err, ErrNoSuch) {
		t.Error(err)
	}
}

// A jump of this computer's clock is noticed, and makes no room late.
func TestClockJumps(t *testing.T) {
	d, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	o := newOwner(d)
	o.advance(time.Now())
	if c := d.Status().Clocks; !c.Jumped.IsZero() {
		t.Errorf("%+v", c)
	}
	o.wall = o.wall.Add(-time.Hour)
	o.advance(time.Now())
	if c := d.Status().Clocks; c.By.Round(time.Second) != time.Hour || len(o.waiting) != 1 {
		t.Errorf("%+v", c)
	}
}
