package practice

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
)

// FuzzApply publishes what the input says, in lines of topic and payload, and holds every room
// against its bounds.
func FuzzApply(f *testing.F) {
	tr := &trial{t: &testing.T{}, now: start}
	f.Add([]byte("state " + tr.state(alerts("mic-missing")) + "\nevent " + tr.event("b1", 3, "started") + "\nevent " +
		tr.event("b1", 9, "ended")))
	f.Add([]byte("availability online\nheartbeat 2026-11-02T09:00:00.000Z\nalert/mic-missing <b>\x1b[0m\nstate \n"))
	f.Add([]byte(`ledger {"v":1,"time":"2026-11-02T09:00:00.000Z","head":"h"}` + "\n!x/state {}\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		tr := newTrial(t, listed("a"))
		for line := range bytes.Lines(input) {
			name, payload, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
			name, other := strings.CutPrefix(name, "!")
			topic := "tacet/high-street/a/" + name
			if other {
				topic = "tacet/high-street/" + name
			}
			e := tr.Apply(Message{Broker: "main", Topic: topic, Payload: []byte(payload), At: tr.now})
			for _, entry := range e.Entries {
				if !tidy(entry.Text, 300) || !tidy(entry.Recording+entry.Store+string(entry.Code), 300) || !tidy(entry.ID, 300) {
					t.Errorf("entry %+v", entry)
				}
			}
			tr.now = tr.now.Add(time.Second)
		}
		tr.Advance(tr.now)
		rooms, counts := tr.Query(Filter{})
		if len(rooms) > 6 || counts.Rooms != len(rooms) {
			t.Errorf("%d rooms, counted as %d", len(rooms), counts.Rooms)
		}
		for _, r := range rooms {
			check(t, &r)
			if m, ok := tr.Remember(r.ID); !ok {
				t.Error("a room can't be remembered")
			} else if text, err := m.MarshalText(); err != nil || len(text) > 64<<10 {
				t.Errorf("what is remembered of a room takes %d bytes, %v", len(text), err)
			}
		}
	})
}

func check(t *testing.T, r *Room) {
	t.Helper()
	texts := []string{r.Remedy, r.Doubt}
	for _, a := range r.Alerts {
		texts = append(texts, string(a.Code), a.Title, a.Text, a.Store)
	}
	if u := r.Unit; u != nil {
		texts = append(texts, u.Boot, u.Version, u.VersionWaiting, u.Config, u.Recipients, u.UnitKey, u.Remedy,
			string(u.Phase), string(u.Mic), string(u.Light), string(u.Clock))
		for name, s := range u.Stores {
			texts = append(texts, name, string(s))
		}
		if len(u.Stores) > maxStores || len(u.Alerts) > maxAlerts || u.Pending < 0 {
			t.Errorf("%d stores, %d alerts, %d pending", len(u.Stores), len(u.Alerts), u.Pending)
		}
	}
	for _, text := range texts {
		if !tidy(text, 1000) {
			t.Errorf("text %.200q", text)
		}
	}
	if r.Missed < 0 || r.State.rank() < 0 {
		t.Errorf("%d missed, state %q", r.Missed, r.State)
	}
}

// tidy reports whether a text is one line of at most limit bytes.
func tidy(text string, limit int) bool {
	return len(text) <= limit && strings.IndexFunc(text, unicode.IsControl) < 0
}

// A million made-up rooms take the memory of those that are let in.
func TestMillionRooms(t *testing.T) {
	p := New([]Known{listed("a")}, Options{})
	state := (&trial{t: t, now: start}).state()
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	for i := range 1_000_000 {
		p.Apply(Message{Broker: "main", Topic: fmt.Sprintf("tacet/x%d/y%d/state", i%997, i), Payload: []byte(state), At: start})
	}
	if after := used(); after > before+20<<20 {
		t.Errorf("they take %d MB", (after-before)>>20)
	}
	rooms, c := p.Query(Filter{})
	if len(rooms) != DefaultMaxUnknown+1 || c.Refused != 1_000_000-DefaultMaxUnknown {
		t.Errorf("%d rooms, %d refused", len(rooms), c.Refused)
	}
}
