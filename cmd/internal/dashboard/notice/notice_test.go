package notice

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/health"
)

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) // a Monday

func rule() Rule {
	return Rule{
		Name: "all", To: []string{"manager"}, Severity: health.Attention, Grace: DefaultGrace, Group: DefaultGroup,
		Clear: DefaultClear, Cooldown: DefaultCooldown, Remind: DefaultRemind, PerHour: DefaultPerHour,
	}
}

// world is an engine with its time and its store. With restarts it is made anew from what was stored
// before each step, as after a kill.
type world struct {
	rules    []Rule
	o        Options
	now      time.Time
	e        *Engine
	next     time.Time
	seen     map[Subject]Sight
	store    map[string][]byte
	sent     []Message
	ids      int
	restarts bool
}

func newWorld(restarts bool, o Options, rules ...Rule) *world {
	w := &world{rules: rules, o: o, now: start, seen: map[Subject]Sight{}, store: map[string][]byte{}, restarts: restarts}
	w.o.NewID = func() string { w.ids++; return fmt.Sprint("id", w.ids) }
	w.o.Link = func(site, room string) string { return "https://dash.example/" + site + "/" + room }
	w.restart()
	return w
}

func (w *world) restart() {
	var records []Record
	for k, v := range w.store {
		records = append(records, Record{k, v})
	}
	w.e = New(w.rules, records, w.o)
	for _, s := range w.seen {
		w.e.See(s)
	}
}

func (w *world) see(s Sight) {
	if s.Name == "" {
		s.Name = "Room " + s.Subject.Room
	}
	w.seen[s.Subject] = s
	w.e.See(s)
	w.step()
}

func (w *world) step() {
	w.next = w.e.Advance(w.now)
	out := w.e.Take()
	for _, r := range out.Records {
		if r.Value == nil {
			delete(w.store, r.Key)
		} else {
			w.store[r.Key] = r.Value
		}
	}
	w.sent = append(w.sent, out.Messages...)
	if w.restarts {
		w.restart()
	}
}

// run lets time pass. The engine is called exactly when it wants to be.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for !w.next.After(end) {
		w.now = w.next
		w.step()
	}
	w.now = end
}

func (w *world) kinds() string {
	var all []string
	for _, m := range w.sent {
		all = append(all, string(m.Kind))
	}
	return strings.Join(all, " ")
}

func (w *world) expect(t *testing.T, want string) {
	t.Helper()
	if got := w.kinds(); got != want {
		for _, m := range w.sent {
			t.Logf("%v %s: %s\n%s", m.Time.Sub(start), m.Kind, m.Subject, m.Text)
		}
		t.Fatalf("messages: %q, want %q", got, want)
	}
}

func room(n int) Subject { return Subject{Site: "high-street", Room: fmt.Sprint("room-", n)} }

func (w *world) bad(s Subject, codes ...Code) Sight {
	sight := Sight{Subject: s, Broker: "main"}
	for _, c := range codes {
		sight.Faults = append(sight.Faults, Fault{c, declared(c).Severity, w.now})
	}
	return sight
}

// both runs a test with a lasting engine, and with one that is killed after each step.
func both(t *testing.T, run func(t *testing.T, restarts bool)) {
	t.Run("lasting", func(t *testing.T) { run(t, false) })
	t.Run("killed after each step", func(t *testing.T) { run(t, true) })
}

func TestOneFault(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		w.see(w.bad(room(1), health.MicMissing))
		w.run(DefaultGrace - time.Second)
		w.see(w.bad(room(1)))
		w.run(time.Hour)
		w.expect(t, "")

		w.see(w.bad(room(1), health.MicMissing))
		w.run(DefaultGrace + DefaultGroup - time.Second)
		w.expect(t, "")
		w.run(time.Second)
		w.expect(t, "alert")
		w.see(w.bad(room(1)))
		w.run(DefaultClear - time.Second)
		w.expect(t, "alert")
		w.run(time.Second)
		w.expect(t, "alert resolved")
		if w.sent[0].ID != w.sent[1].Thread || w.sent[0].Thread != w.sent[0].ID || w.sent[0].ID == w.sent[1].ID {
			t.Errorf("thread: %+v", w.sent)
		}
		// During the cool-down nothing is said, and after it no longer than the grace.
		w.see(w.bad(room(1), health.MicMissing))
		w.run(DefaultCooldown / 2)
		w.see(w.bad(room(2)))
		w.run(DefaultCooldown - DefaultCooldown/2 + DefaultGroup - time.Second)
		w.expect(t, "alert resolved")
		w.run(time.Second)
		w.expect(t, "alert resolved alert")
		w.see(w.bad(room(1)))
		w.run(24 * time.Hour)
		w.expect(t, "alert resolved alert resolved")
		w.clean(t)
	})
}

// clean checks that nothing is remembered once all is over.
func (w *world) clean(t *testing.T) {
	t.Helper()
	for k, v := range w.store {
		if k != weeklyKey && !strings.HasPrefix(k, "rule/") {
			t.Errorf("still stored: %s %s", k, v)
		}
	}
	for _, d := range w.e.desks {
		if len(d.items)+len(d.incidents) > 0 {
			t.Errorf("still in memory: %v %v", d.items, d.incidents)
		}
	}
}

func TestThirtyRoomsLosePower(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		for n := range 30 {
			w.see(w.bad(room(n)))
		}
		for n := range 30 { // the broker notices within 68 s
			w.see(w.bad(room(n), Silent))
			w.run(2 * time.Second)
		}
		w.run(time.Hour)
		w.expect(t, "alert")
		for n := range 30 { // they start at their own pace
			w.see(w.bad(room(n)))
			w.run(7 * time.Second)
		}
		w.run(24 * time.Hour)
		w.expect(t, "alert resolved")
		if len(w.sent[0].Problems) != 30 || !strings.Contains(w.sent[0].Subject, "30 rooms at high-street") ||
			!strings.Contains(w.sent[0].Text, "power") {
			t.Errorf("%s\n%s", w.sent[0].Subject, w.sent[0].Text)
		}
		w.clean(t)
	})
}

// Some rooms come back an hour before the others.
func TestUpdate(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		for n := range 5 {
			w.see(w.bad(room(n), Silent))
		}
		w.run(time.Hour)
		for n := range 3 {
			w.see(w.bad(room(n)))
		}
		w.run(time.Hour)
		w.expect(t, "alert update")
		if s := w.sent[1].Subject; !strings.HasPrefix(s, "3 of 5 are over") {
			t.Error(s)
		}
		w.see(w.bad(room(3)))
		w.see(w.bad(room(4)))
		w.run(24 * time.Hour)
		w.expect(t, "alert update resolved")
		if n := len(w.sent[2].Problems); n != 2 {
			t.Errorf("the end names %d rooms", n)
		}
		w.clean(t)
	})
}

func TestReminder(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		w.see(w.bad(room(1), health.StoreBehind))
		w.run(49 * time.Hour)
		w.expect(t, "alert reminder reminder")
	})
}

// flap lets a room come and go for an hour.
func (w *world) flap(up, down time.Duration) {
	for end := w.now.Add(time.Hour); w.now.Before(end); {
		w.see(w.bad(room(1), Silent))
		w.run(up)
		w.see(w.bad(room(1)))
		w.run(down)
	}
	w.run(48 * time.Hour)
}

func TestFlapping(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		w.flap(20*time.Second, 20*time.Second)
		w.expect(t, "alert resolved")
		if !strings.Contains(w.sent[0].Text, "on and off") {
			t.Error(w.sent[0].Text)
		}
		w.clean(t)
	})
}

// A room that stays away for longer than it takes to count as well, hour after hour.
func TestSlowFlapping(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		for range 20 {
			w.see(w.bad(room(1), Silent))
			w.run(DefaultGrace + DefaultGroup + time.Second)
			w.see(w.bad(room(1)))
			w.run(DefaultClear + time.Second)
		}
		w.run(48 * time.Hour)
		w.expect(t, "alert resolved alert resolved")
	})
}

// A room that fails again before the others are well belongs to the same incident.
func TestBackInTheSameIncident(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		w.see(w.bad(room(1), Silent))
		w.see(w.bad(room(2), Silent))
		w.run(time.Hour)
		w.see(w.bad(room(1)))
		w.run(DefaultClear + time.Minute)
		w.see(w.bad(room(1), Silent))
		w.see(w.bad(room(2)))
		w.run(DefaultClear + time.Minute)
		w.expect(t, "alert")
		w.see(w.bad(room(1)))
		w.run(DefaultClear)
		w.expect(t, "alert resolved")
	})
}

// Nobody says "resolved" of a room that can't be seen.
func TestDoubtWhileClearing(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		w.see(w.bad(room(1), Silent))
		w.run(time.Hour)
		w.see(w.bad(room(1)))
		w.run(DefaultClear - time.Second)
		gone := w.bad(room(1))
		gone.Doubt = true
		w.see(gone)
		w.run(time.Hour)
		w.see(w.bad(room(1)))
		w.run(DefaultClear - time.Second)
		w.expect(t, "alert")
		w.run(time.Second)
		w.expect(t, "alert resolved")
	})
}

// Whatever the rhythm and however impatient the rule, an hour of flapping is at most three notices,
// and the word that it is over.
func TestFlappingInAnyRhythm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rule()
		r.Grace = time.Duration(rapid.IntRange(0, 600).Draw(t, "grace")) * time.Second
		r.Clear = time.Duration(rapid.IntRange(60, 900).Draw(t, "clear")) * time.Second
		r.Group = time.Duration(rapid.IntRange(0, 120).Draw(t, "group")) * time.Second
		w := newWorld(rapid.Bool().Draw(t, "restarts"), Options{}, r)
		w.flap(time.Duration(rapid.IntRange(1, 900).Draw(t, "up"))*time.Second,
			time.Duration(rapid.IntRange(1, 900).Draw(t, "down"))*time.Second)
		if len(w.sent) > 4 || len(w.sent)%2 != 0 || len(w.sent) > 0 && w.sent[len(w.sent)-1].Kind != Resolved {
			t.Fatalf("messages: %s", w.kinds())
		}
	})
}

// A rule is bounded, whatever fails.
func TestMessagesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rule()
		w := newWorld(rapid.Bool().Draw(t, "restarts"), Options{}, r)
		for range 200 {
			s := room(rapid.IntRange(0, 50).Draw(t, "room"))
			code := rapid.SampledFrom([]Code{"", Silent, health.MicMissing, health.StoreBehind}).Draw(t, "code")
			if code == "" {
				w.see(w.bad(s))
			} else {
				w.see(w.bad(s, code))
			}
			w.run(time.Duration(rapid.IntRange(0, 300).Draw(t, "wait")) * time.Second)
		}
		for s := range w.seen {
			w.see(w.bad(s))
		}
		w.run(72 * time.Hour)
		open := map[string]int{}
		for i, m := range w.sent {
			inHour := 0
			for _, later := range w.sent[i:] {
				if later.Kind != Resolved && later.Time.Sub(m.Time) < time.Hour {
					inHour++
				}
			}
			if inHour > r.PerHour {
				t.Fatalf("%d messages in the hour from %v", inHour, m.Time)
			}
			switch m.Kind {
			case Alert:
				open[m.Thread]++
			case Resolved:
				open[m.Thread]--
			}
		}
		for id, n := range open {
			if n != 0 {
				t.Fatalf("incident %s: %d more starts than ends", id, n)
			}
		}
		for k := range w.store {
			if k != weeklyKey && !strings.HasPrefix(k, "rule/") {
				t.Fatalf("still stored: %s", k)
			}
		}
	})
}

func TestClosedRooms(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		closed := func(s Sight) Sight { s.Closed = true; return s }
		w := newWorld(restarts, Options{}, rule())
		// What starts in a closed period, or before it and was not mentioned, waits for its end.
		w.see(w.bad(room(1), Silent))
		w.run(DefaultGrace)
		w.see(closed(w.bad(room(1), Silent)))
		w.see(closed(w.bad(room(2), Silent)))
		since := w.now
		w.run(12 * time.Hour)
		w.expect(t, "")
		w.see(closed(w.bad(room(2))))
		for n := range 2 {
			s := w.bad(room(n+1), Silent)
			s.Faults[0].Since = since
			w.see(s)
		}
		w.run(DefaultGrace + DefaultGroup)
		w.expect(t, "alert")
		if n := len(w.sent[0].Problems); n != 2 || !w.sent[0].Problems[0].Since.Before(since.Add(time.Second)) {
			t.Errorf("%+v", w.sent[0].Problems)
		}
		// One room is under repair: it does not hold up the end, which says so.
		w.see(closed(w.bad(room(1), Silent)))
		w.see(w.bad(room(2)))
		w.run(time.Hour)
		w.expect(t, "alert resolved")
		if !strings.Contains(w.sent[1].Text, "Closed now") {
			t.Error(w.sent[1].Text)
		}
	})
}

// What ends at night is told in the morning.
func TestEndWhileClosed(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		w.see(w.bad(room(1), Silent))
		w.run(time.Hour)
		night := w.bad(room(1), Silent)
		night.Closed = true
		w.see(night)
		w.run(time.Hour)
		night.Faults = nil
		w.see(night)
		w.run(10 * time.Hour)
		w.expect(t, "alert")
		w.see(w.bad(room(1)))
		w.run(time.Minute)
		w.expect(t, "alert resolved")
	})
}

func TestSnooze(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{}, rule())
		w.e.Snooze(room(1), "", w.now.Add(3*time.Hour))
		w.e.Snooze(room(2), health.MicMissing, w.now.Add(2*time.Hour))
		w.step()
		w.see(w.bad(room(1), Silent, health.MicMissing))
		w.see(w.bad(room(2), Silent, health.MicMissing))
		w.run(time.Hour)
		w.expect(t, "alert")
		if p := w.sent[0].Problems; len(p) != 1 || p[0].Room != "room-2" || p[0].Code != Silent {
			t.Fatalf("%+v", p)
		}
		w.run(time.Hour + time.Second)
		w.expect(t, "alert alert")
		w.run(2 * time.Hour)
		w.expect(t, "alert alert alert")
		if p := w.sent[2].Problems; len(p) != 2 || p[0].Room != "room-1" {
			t.Fatalf("%+v", p)
		}
	})
}

// The broker is gone: one message for it, none for its rooms, which start anew afterwards.
func TestBroker(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		far := rule()
		far.Name, far.Sites = "far", []string{"elsewhere"}
		w := newWorld(restarts, Options{}, rule(), far)
		for n := range 30 {
			w.see(w.bad(room(n)))
		}
		w.see(w.bad(room(3), health.MicMissing))
		w.run(time.Hour)
		w.expect(t, "alert")
		w.see(Sight{Subject: Subject{Broker: "main"}, Name: "Broker main", Faults: []Fault{{BrokerGone, health.Fault, w.now}}})
		for n := range 30 {
			s := w.bad(room(n), Silent)
			s.Doubt = true
			w.see(s)
		}
		w.run(2 * time.Hour)
		w.expect(t, "alert alert")
		w.see(Sight{Subject: Subject{Broker: "main"}, Name: "Broker main"})
		for n := range 30 {
			w.see(w.bad(room(n), Silent))
		}
		w.run(time.Minute)
		for n := range 30 {
			w.see(w.bad(room(n)))
		}
		w.run(time.Hour)
		w.expect(t, "alert alert resolved resolved")
		for _, m := range w.sent {
			if m.Rule != "all" {
				t.Errorf("the rule of another site got %s", m.Subject)
			}
		}
	})
}

func TestRules(t *testing.T) {
	faults, here, not := rule(), rule(), rule()
	faults.Name, faults.Severity = "faults", health.Fault
	here.Name, here.Sites, here.Codes = "here", []string{"high-street"}, []Code{health.StoreBehind}
	not.Name, not.Not = "not", []Code{health.MicMissing}
	w := newWorld(false, Options{}, faults, here, not)
	w.see(w.bad(room(1), health.MicMissing))
	w.see(w.bad(room(2), health.StoreBehind))
	w.see(w.bad(Subject{Site: "elsewhere", Room: "room-1"}, health.StoreBehind))
	w.run(time.Hour)
	got := map[string][]string{}
	for _, m := range w.sent {
		for _, p := range m.Problems {
			got[m.Rule] = append(got[m.Rule], p.Site+"/"+p.Room)
		}
	}
	want := map[string][]string{
		"faults": {"high-street/room-1"}, "here": {"high-street/room-2"}, "not": {"elsewhere/room-1", "high-street/room-2"},
	}
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s, want %s", g, w)
	}
}

// A clock that is set back by a year delays nothing for longer than once.
func TestClockSetBack(t *testing.T) {
	back := func(w *world) { w.now = w.now.AddDate(-1, 0, 0) }
	w := newWorld(false, Options{}, rule())
	w.see(w.bad(room(1), Silent))
	w.run(time.Minute)
	back(w) // during the grace
	w.step()
	w.run(DefaultGrace + DefaultGroup)
	w.expect(t, "alert")
	back(w) // while the incident is open
	w.step()
	w.run(DefaultRemind)
	w.expect(t, "alert reminder")
	w.see(w.bad(room(1)))
	back(w) // while it is clearing
	w.step()
	w.run(DefaultClear)
	w.expect(t, "alert reminder resolved")
	w.see(w.bad(room(1), Silent))
	back(w) // during the cool-down
	w.step()
	w.run(DefaultCooldown + DefaultGroup)
	w.expect(t, "alert reminder resolved alert")
}

func TestWeekly(t *testing.T) {
	both(t, func(t *testing.T, restarts bool) {
		w := newWorld(restarts, Options{Summary: &Summary{
			To: []string{"manager"}, Day: time.Monday, Minute: 8 * 60, Location: time.UTC,
		}}, rule())
		for n := range 30 {
			w.see(w.bad(room(n)))
		}
		w.run(7*24*time.Hour - time.Hour - time.Second)
		w.expect(t, "")
		w.run(time.Second)
		w.expect(t, "weekly")
		if s := w.sent[0].Subject; s != "All is well in 30 rooms" {
			t.Error(s)
		}
		w.see(w.bad(room(7), Silent))
		w.run(7 * 24 * time.Hour)
		last := w.sent[len(w.sent)-1]
		if last.Kind != Weekly || !strings.HasPrefix(last.Subject, "1 room of 30") ||
			!strings.Contains(last.Text, "Room room-7") {
			t.Errorf("%s %s\n%s", last.Kind, last.Subject, last.Text)
		}
		// The dashboard was off for three weeks: one mail, not three.
		before := len(w.sent)
		w.now = w.now.AddDate(0, 0, 21)
		w.step()
		if n := len(w.sent) - before; n != 2 || w.sent[len(w.sent)-1].Kind != Weekly { // and a reminder
			t.Errorf("%d messages: %s", n, w.kinds())
		}
	})
}

// Summer time: the mail comes at its time of day.
func TestWeeklyInSummerTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := Summary{Day: time.Monday, Minute: 8 * 60, Location: zone}
	next := s.next(time.Date(2027, 3, 23, 12, 0, 0, 0, zone))
	if want := time.Date(2027, 3, 29, 8, 0, 0, 0, zone); !next.Equal(want) {
		t.Errorf("%v, want %v", next, want)
	}
	if last := s.last(next.Add(-time.Second)); !last.Equal(time.Date(2027, 3, 22, 8, 0, 0, 0, zone)) {
		t.Error(last)
	}
}

// Nothing that a unit says reaches a message, except for codes that are plain.
func TestHostileRoom(t *testing.T) {
	r := practice.Room{
		ID:    practice.RoomID{Site: "high-street", Room: "room-3"},
		Name:  "Room 3\r\nBcc: all@example.org\x1b[2J" + strings.Repeat("x", 200),
		State: practice.Hand, Remedy: "Visit https://evil.example",
		Alerts: []practice.Alert{
			{Code: health.RecordingDamaged, Severity: health.Fault, Text: "20261121T140322Z_room-3_7q4k9mz2ha.tacet", Remedy: "Visit https://evil.example"},
			{Code: "new-warning", Severity: health.Fault, Text: "evil", Title: "evil"},
			{Code: "<b>evil</b>", Severity: health.Fault},
			{Code: Code(strings.Repeat("evil", 20)), Severity: health.Fault},
			{Code: health.RecordingInterrupted, Severity: health.Note},
		},
	}
	w := newWorld(false, Options{}, rule())
	w.see(OfRoom(r))
	w.run(time.Hour)
	w.expect(t, "alert")
	all, err := json.Marshal(w.sent)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"evil", "7q4k9mz2ha", "\\r", "\\u001b", "interrupted"} {
		if strings.Contains(string(all), bad) {
			t.Errorf("the message contains %q: %s", bad, all)
		}
	}
	if strings.ContainsAny(w.sent[0].Subject, "\r\n") || len(w.sent[0].Problems) != 2 {
		t.Errorf("%q %+v", w.sent[0].Subject, w.sent[0].Problems)
	}
}

func TestOfRoom(t *testing.T) {
	id := practice.RoomID{Site: "high-street", Room: "room-3"}
	for _, c := range []struct {
		room practice.Room
		want []Code
	}{
		{practice.Room{State: practice.Ready}, nil},
		{practice.Room{State: practice.Late}, nil},
		{practice.Room{State: practice.Silent}, []Code{Silent}},
		{practice.Room{State: practice.Never}, []Code{NeverHeard}},
		{practice.Room{State: practice.Unknown, WrongKey: true}, nil},
		{practice.Room{State: practice.Hand, WrongKey: true, WrongRecipients: true}, []Code{Recipients, NewKey}},
	} {
		c.room.ID = id
		s := OfRoom(c.room)
		var got []Code
		for _, f := range s.Faults {
			got = append(got, f.Code)
		}
		if !slices.Equal(got, c.want) || s.Name != "room-3" {
			t.Errorf("%+v: %v, want %v", c.room, got, c.want)
		}
	}
}

// A message is bounded, however many rooms fail.
func TestMessageOfTenThousandRooms(t *testing.T) {
	w := newWorld(false, Options{}, rule())
	for n := range 10000 {
		w.e.See(w.bad(room(n), Silent, health.MicMissing))
	}
	w.step()
	w.run(time.Hour)
	w.expect(t, "alert")
	if m := w.sent[0]; len(m.Problems) != maxProblems || m.More != 20000-maxProblems || len(m.Text) > 10000 {
		t.Errorf("%d problems, %d more, a text of %d bytes", len(m.Problems), m.More, len(m.Text))
	}
}

// A room that is taken out of the practice leaves no open incident.
func TestForget(t *testing.T) {
	w := newWorld(false, Options{}, rule())
	w.see(w.bad(room(1), Silent))
	w.run(time.Hour)
	w.e.Forget(room(1))
	if len(w.e.seats) > 0 {
		t.Error("the weekly mail still counts it")
	}
	delete(w.seen, room(1))
	w.step()
	w.run(48 * time.Hour)
	w.expect(t, "alert")
	w.clean(t)
	// The same if it went while the dashboard was off.
	w.see(w.bad(room(2), Silent))
	w.run(time.Hour)
	delete(w.seen, room(2))
	w.restart()
	w.step()
	w.run(48 * time.Hour)
	w.expect(t, "alert alert")
	w.clean(t)
}

// Records that a newer or broken version wrote are removed, and nothing fails.
func TestForeignRecords(t *testing.T) {
	var records []Record
	for _, k := range []string{"", "item", "item/all", "item/all/x", "item/none/mic-missing/a/b/", "incident/none/x",
		"weekly/x", "snooze/x", "rule/all", "item/all/mic-missing/a/b/", "incident/all/x"} {
		for _, v := range []string{"", "null", "[", `{"phase":"evil"}`, `[1]`} {
			records = append(records, Record{k, []byte(v)})
		}
	}
	for _, r := range records {
		e := New([]Rule{rule()}, []Record{r}, Options{})
		e.Advance(start)
		e.Take()
		for _, d := range e.desks {
			if len(d.items)+len(d.incidents) > 0 {
				t.Errorf("%q %q is kept", r.Key, r.Value)
			}
		}
	}
}
