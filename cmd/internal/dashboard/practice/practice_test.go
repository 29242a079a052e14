package practice

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"tacet/daemon/topic"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// trial is a practice under test, whose clock the test moves.
type trial struct {
	*Practice
	t   *testing.T
	now time.Time
	seq uint64
}

func newTrial(t *testing.T, known ...Known) *trial {
	tr := &trial{Practice: New(known, Options{MaxUnknown: 5}), t: t, now: start}
	tr.Link("main", false, false, tr.now)
	tr.up()
	return tr
}

func (tr *trial) up() {
	tr.Link("main", true, false, tr.now)
	tr.Complete("main", tr.now)
}

func (tr *trial) send(room, below, payload string) Effect {
	return tr.Apply(Message{Broker: "main", Topic: "tacet/high-street/" + room + "/" + below, Payload: []byte(payload),
		At: tr.now})
}

func (tr *trial) kept(room, below, payload string) Effect {
	return tr.Apply(Message{Broker: "main", Topic: "tacet/high-street/" + room + "/" + below, Payload: []byte(payload),
		At: tr.now, Retained: true})
}

func (tr *trial) state(change ...func(*topic.State)) string {
	tr.seq++
	s := topic.State{Boot: "b1", Seq: tr.seq, Time: tr.now, Since: tr.now, Version: "1.0", Clock: topic.ClockSynced,
		Phase: topic.Idle, Mic: topic.MicOK, Light: topic.LightProved, Recipients: "aa"}
	for _, c := range change {
		c(&s)
	}
	text, err := s.MarshalJSON()
	if err != nil {
		tr.t.Fatal(err)
	}
	return string(text)
}

func (tr *trial) event(boot string, n int, kind topic.EventType) string {
	text, err := topic.Event{ID: topic.EventID(boot, uint64(n)), Type: kind, Time: tr.now}.MarshalJSON()
	if err != nil {
		tr.t.Fatal(err)
	}
	return string(text)
}

func (tr *trial) pass(d time.Duration) (changed []RoomID) {
	end := tr.now.Add(d)
	for tr.now.Before(end) {
		_, _, next := tr.Advance(tr.now)
		if next.After(end) {
			next = end
		}
		tr.now = next
		some, _, _ := tr.Advance(tr.now)
		changed = append(changed, some...)
	}
	return changed
}

func (tr *trial) want(room string, want State) Room {
	tr.t.Helper()
	r, ok := tr.Room(RoomID{"high-street", room})
	if !ok || r.State != want {
		tr.t.Errorf("%s is %q, want %q", room, r.State, want)
	}
	return r
}

func listed(id string) Known { return Known{ID: RoomID{"high-street", id}, Recipients: "aa"} }

func records(s *topic.State) { s.Phase = topic.Recording }

func alerts(codes ...string) func(*topic.State) {
	return func(s *topic.State) { s.Alerts, s.Remedy = codes, "Do this." }
}

// A room goes through every state.
func TestStates(t *testing.T) {
	tr := newTrial(t, listed("a"))
	tr.Advance(tr.now)
	tr.want("a", Never)
	tr.send("a", "state", tr.state())
	tr.want("a", Ready)
	tr.send("a", "state", tr.state(records))
	tr.want("a", Recording)
	tr.send("a", "state", tr.state(alerts("recording-interrupted")))
	tr.want("a", Ready) // a note needs no hand
	tr.send("a", "state", tr.state(alerts("mic-missing")))
	if r := tr.want("a", Hand); r.Remedy != "Do this." || !r.Alerts[0].Blocks {
		t.Errorf("%+v", r)
	}
	tr.send("a", "state", tr.state())
	tr.pass(DefaultLate - time.Second)
	tr.want("a", Ready)
	tr.pass(time.Second)
	tr.want("a", Late)
	tr.send("a", "heartbeat", tr.now.Format(time.RFC3339))
	tr.want("a", Ready)
	tr.pass(DefaultSilent)
	tr.want("a", Silent)
	tr.send("a", "availability", "online")
	tr.want("a", Ready)
	tr.send("a", "availability", "offline")
	tr.want("a", Silent)
	tr.send("b", "state", tr.state())
	tr.want("b", Unknown)
}

// While the broker is gone nobody knows about the rooms: they keep their state, in doubt.
// Afterwards they have the usual time to be heard.
func TestBrokerGone(t *testing.T) {
	tr := newTrial(t, listed("a"))
	tr.send("a", "state", tr.state())
	tr.Link("main", false, false, tr.now)
	tr.pass(time.Hour)
	if r := tr.want("a", Ready); r.Doubt == "" {
		t.Error("no doubt")
	}
	tr.Link("main", true, false, tr.now)
	tr.send("a", "availability", "online") // which waited for us
	tr.pass(time.Hour)
	tr.want("a", Ready)
	tr.Complete("main", tr.now)
	tr.pass(DefaultLate - time.Second)
	if r := tr.want("a", Ready); r.Doubt == "" {
		t.Error("no doubt although it was not heard")
	}
	tr.pass(time.Second)
	tr.want("a", Late)
	tr.send("a", "heartbeat", tr.now.Format(time.RFC3339))
	if r := tr.want("a", Ready); r.Doubt != "" {
		t.Error(r.Doubt)
	}
}

// A room that was silent before the broker was gone, or before the dashboard started again, stays so
// until it is heard: what the broker has kept of it is no sign of life.
func TestSilentRoomStaysSilent(t *testing.T) {
	tr := newTrial(t, listed("a"))
	tr.send("a", "state", tr.state())
	tr.pass(DefaultSilent)
	tr.want("a", Silent)
	memory, _ := tr.Remember(RoomID{Site: "high-street", Room: "a"})
	again := newTrial(t, listed("a"))
	again.now = tr.now
	again.Restore(RoomID{Site: "high-street", Room: "a"}, memory, nil)
	for _, tr := range []*trial{tr, again} {
		tr.Link("main", false, false, tr.now)
		tr.pass(time.Minute)
		tr.Link("main", true, false, tr.now)
		tr.kept("a", "state", tr.state())
		tr.kept("a", "availability", "online")
		tr.Complete("main", tr.now)
		tr.pass(time.Second)
		tr.want("a", Silent)
		tr.pass(DefaultSilent)
		tr.want("a", Silent)
		tr.send("a", "heartbeat", tr.now.Format(time.RFC3339))
		tr.want("a", Ready)
	}
}

// What the broker has kept of a unit is shown, but is no sign of life.
func TestRetainedIsNotHeard(t *testing.T) {
	tr := newTrial(t, listed("a"))
	tr.kept("a", "state", tr.state())
	tr.kept("a", "availability", "online")
	if r := tr.want("a", Ready); !r.Heard.IsZero() || r.Doubt == "" {
		t.Error("a retained message counts as heard")
	}
	if m := tr.Missing("main"); len(m) != 0 {
		t.Errorf("%v are missing", m)
	}
	tr.pass(DefaultLate)
	tr.want("a", Late)
	tr.kept("a", "availability", "offline")
	tr.want("a", Silent)
}

// An older state of the same boot is a leftover; the authority on alerts is the state.
func TestOldStates(t *testing.T) {
	tr := newTrial(t, listed("a"))
	old := tr.state()
	tr.send("a", "state", tr.state(records))
	tr.send("a", "state", old)
	tr.want("a", Recording)
	tr.send("a", "alert/mic-missing", "Microphone missing")
	tr.want("a", Recording)
	before := tr.now
	tr.now = tr.now.Add(time.Minute)
	tr.send("a", "state", tr.state(func(s *topic.State) { s.Boot = "b2" }))
	tr.now = before
	tr.kept("a", "state", tr.state(records))
	tr.want("a", Ready)
}

// A hole is counted, filled when its event comes after all, and a duplicate is recognised, across
// boots.
func TestMissedEvents(t *testing.T) {
	tr := newTrial(t, listed("a"))
	step := func(boot string, n int, kinds ...Kind) {
		t.Helper()
		e := tr.send("a", "event", tr.event(boot, n, topic.Started))
		var got []Kind
		for _, one := range e.Entries {
			if one.Kind != Moved {
				got = append(got, one.Kind)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(kinds) || e.Err != nil {
			t.Errorf("%s-%d: %v, %v, want %v", boot, n, got, e.Err, kinds)
		}
	}
	missed := func(want int) {
		t.Helper()
		if r, _ := tr.Room(RoomID{"high-street", "a"}); r.Missed != want {
			t.Errorf("%d missed, want %d", r.Missed, want)
		}
	}
	step("b1", 7, Started) // new to us
	step("b1", 8, Started)
	step("b1", 8)
	missed(0)
	step("b1", 12, Missed, Started)
	missed(3)
	step("b1", 10, Found, Started)
	step("b1", 10)
	missed(2)
	step("b2", 1, Started)
	step("b1", 9, Found, Started)
	step("b2", 2, Started)
	step("b3", 3, Missed, Started)
	missed(3)
	tr.pass(DefaultRemember + 48*time.Hour)
	missed(0)
}

// Made-up rooms are limited, and known ones still get in.
func TestMadeUpRooms(t *testing.T) {
	tr := newTrial(t, listed("a"))
	for i := range 1000 {
		tr.send(fmt.Sprint("x", i), "state", tr.state())
	}
	tr.send("a", "state", tr.state())
	tr.want("a", Ready)
	if _, c := tr.Query(Filter{}); c.Rooms != 6 || c.Refused != 995 {
		t.Errorf("%d rooms, %d refused", c.Rooms, c.Refused)
	}
	tr.send("x0", "state", "")
	if _, there := tr.Room(RoomID{"high-street", "x0"}); there {
		t.Error("a removed room is there")
	}
	tr.send("y", "state", tr.state())
	tr.want("y", Unknown)
}

// The worst come first, the closed last; counts cover what is not on the page.
func TestOrder(t *testing.T) {
	tr := newTrial(t, listed("ready"), listed("rec"), listed("hand"), listed("blocked"), listed("never"), listed("closed"))
	tr.send("ready", "state", tr.state())
	tr.send("rec", "state", tr.state(records))
	tr.send("hand", "state", tr.state(alerts("store-missing")))
	tr.send("blocked", "state", tr.state(alerts("spool-full")))
	tr.send("closed", "state", tr.state(alerts("spool-full")))
	tr.SetClosures([]Closure{{Room: "closed", Until: tr.now.Add(time.Hour)}})
	tr.Advance(tr.now)
	rooms, c := tr.Query(Filter{Limit: 2})
	if len(rooms) != 2 || rooms[0].ID.Room != "blocked" || rooms[1].ID.Room != "hand" {
		t.Errorf("first are %v", rooms)
	}
	if c.Rooms != 6 || c.Selected != 6 || c.ByState[Hand] != 2 || c.Closed != 1 {
		t.Errorf("%+v", c)
	}
	if rooms, _ := tr.Query(Filter{Offset: 5}); len(rooms) != 1 || rooms[0].ID.Room != "closed" {
		t.Errorf("last are %v", rooms)
	}
	if rooms, c := tr.Query(Filter{States: []State{Ready}, Search: "READ"}); len(rooms) != 1 || c.Rooms != 1 {
		t.Errorf("%v %+v", rooms, c)
	}
	tr.pass(time.Hour)
	if r, _ := tr.Room(RoomID{"high-street", "closed"}); r.Closed != nil {
		t.Error("it is still closed")
	}
}

// A room is what it was after a restart, and events continue without a hole.
func TestRestore(t *testing.T) {
	tr := newTrial(t, listed("a"))
	payload := tr.state(alerts("store-missing"))
	tr.send("a", "state", payload)
	tr.send("a", "event", tr.event("b1", 1, topic.Started))
	tr.send("a", "event", tr.event("b1", 4, topic.Ended))
	m, _ := tr.Remember(RoomID{"high-street", "a"})
	text, err := m.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	tr.send("a", "event", tr.event("b1", 5, topic.Ended))
	if later, err := m.MarshalText(); err != nil || string(later) != string(text) {
		t.Errorf("what is remembered changes afterwards: %s", later)
	}
	var back Memory
	if err := back.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	again := &trial{Practice: New([]Known{listed("a")}, Options{}), t: t, now: tr.now.Add(time.Hour)}
	again.Link("main", false, false, again.now)
	again.Restore(RoomID{"high-street", "a"}, back, []Latest{{"state", []byte(payload), tr.now}})
	if r := again.want("a", Hand); r.Doubt == "" || r.Missed != 2 || !r.Heard.Equal(tr.now) {
		t.Errorf("%+v", r)
	}
	again.up()
	if e := again.send("a", "event", again.event("b1", 4, topic.Ended)); len(e.Entries) != 0 {
		t.Errorf("a duplicate makes %v", e.Entries)
	}
	if e := again.send("a", "event", again.event("b1", 6, topic.Ended)); e.Entries[0].Count != 1 {
		t.Errorf("%v", e.Entries)
	}
}

// Our own clock is wrong if the units agree that it is.
func TestOwnClock(t *testing.T) {
	tr := newTrial(t, listed("a"), listed("b"), listed("c"))
	for _, id := range []string{"a", "b", "c"} {
		tr.send(id, "state", tr.state())
	}
	tr.Advance(tr.now)
	if tr.Clocks().Wrong {
		t.Error("a right clock is wrong")
	}
	tr.send("a", "heartbeat", tr.now.Add(time.Hour).Format(time.RFC3339))
	tr.Advance(tr.now)
	if tr.Clocks().Wrong {
		t.Error("one unit's clock makes ours wrong")
	}
	tr.send("b", "heartbeat", tr.now.Add(time.Hour).Format(time.RFC3339))
	tr.Advance(tr.now)
	if c := tr.Clocks(); !c.Wrong || c.Skew != time.Hour {
		t.Errorf("%+v", c)
	}
}

func TestClosures(t *testing.T) {
	id := RoomID{"s", "r"}
	night := Closure{Days: 0b0111110, Start: 20 * 60, End: 7 * 60} // Monday to Friday, until the morning after
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC) }
	for when, want := range map[time.Time]bool{
		at(2, 19, 59): false, at(2, 20, 0): true, at(3, 6, 59): true, at(3, 7, 0): false, // Monday the 2nd
		at(2, 6, 0): false, at(6, 23, 0): true, at(7, 6, 0): true, at(7, 23, 0): false, at(8, 6, 0): false,
	} {
		if got := night.Covers(id, when); got != want {
			t.Errorf("%v: %v", when, got)
		}
	}
	for c, want := range map[Closure]bool{{}: true, {Site: "s"}: true, {Site: "t"}: false, {Room: "q"}: false,
		{Until: at(2, 9, 0)}: false, {From: at(2, 9, 0)}: true, {From: at(2, 9, 1)}: false} {
		if got := c.Covers(id, at(2, 9, 0)); got != want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// BenchmarkQuery makes the first view of 10,000 rooms after one of them has changed.
func BenchmarkQuery(b *testing.B) {
	var known []Known
	for i := range 10_000 {
		known = append(known, Known{ID: RoomID{fmt.Sprint("site-", i/25), fmt.Sprint("room-", i%25)}})
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tr := &trial{Practice: New(known, Options{}), t: &testing.T{}, now: start}
	for i, k := range known {
		change := func(*topic.State) {}
		if i%10 == 0 {
			change = alerts("store-missing")
		}
		tr.Apply(Message{Broker: "main", Topic: "tacet/" + k.ID.String() + "/state", Payload: []byte(tr.state(change)), At: start})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	phases := []topic.Phase{topic.Recording, topic.Idle}
	for n := 0; b.Loop(); n++ {
		tr.Apply(Message{Broker: "main", Topic: "tacet/" + known[1].ID.String() + "/state",
			Payload: []byte(tr.state(func(s *topic.State) { s.Phase = phases[n%2] })), At: start})
		if rooms, _ := tr.Query(Filter{Limit: 60}); len(rooms) != 60 {
			b.Fatal(len(rooms))
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/10_000, "B/room")
}
