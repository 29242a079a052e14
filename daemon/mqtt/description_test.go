package mqtt

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
	"tacet/daemon/topic/topictest"
)

// notebook is a DescriptionStore.
type notebook struct {
	mu     sync.Mutex
	data   []byte
	broken bool
	saves  journal[string]
}

func (n *notebook) Load() ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken {
		return nil, errors.New("disk failure")
	}
	return n.data, nil
}

func (n *notebook) Save(data []byte) error {
	n.mu.Lock()
	n.data = data
	n.mu.Unlock()
	n.saves.add(string(data))
	return nil
}

// A store that is no longer configured is described once by its platform alone, and then left out.
// A former discovery prefix loses its description. Both work from what the unit remembers.
func TestRemovedComponentsAreRemoved(t *testing.T) {
	m := installed(t).start(t)
	w := watch(t, m.address())
	payloads := func(name string) (all []string) {
		for _, h := range w.all() {
			if h.topic == name && !h.retained {
				all = append(all, h.payload)
			}
		}
		return all
	}
	n := &notebook{}
	start := func(change func(*Options)) {
		t.Helper()
		o := options(m.address())
		o.Description, o.Heartbeat = n, time.Hour
		change(&o)
		before := len(n.saves.all())
		u := launch(t, o, nil)
		u.awaitConnected(t)
		n.saves.await(t, "the memory", func(all []string) bool { return len(all) > before })
		u.stop()
		w.say(t, "tacet/end/of/it", "end", false)
		w.await(t, "the end", func(all []heard) bool { return len(all) > 0 && all[len(all)-1].topic == "tacet/end/of/it" })
	}
	const stub = `"store_nas":{"platform":"sensor"}`
	start(func(*Options) {})
	first := payloads(names.Discovery())
	if len(first) != 1 || !strings.Contains(first[0], `"store_nas":{"platform":"sensor","unique_id"`) {
		t.Fatalf("at first: %q", first)
	}
	start(func(o *Options) { o.Stores = []string{"drive", "vault"} })
	second := payloads(names.Discovery())[1:]
	if len(second) != 2 || !strings.Contains(second[0], stub) || strings.Contains(second[1], "store_nas") ||
		!strings.Contains(second[1], "store_vault") {
		t.Fatalf("with a store gone: %q", second)
	}
	start(func(o *Options) { o.Stores, o.HomeAssistant = []string{"drive", "vault"}, "home.assistant" })
	third := payloads(names.Discovery())[3:]
	if len(third) != 1 || third[0] != "" {
		t.Errorf("with another prefix, on the old topic: %q", third)
	}
	start(func(o *Options) { o.HomeAssistant = "" })
	start(func(o *Options) {})
	if all := payloads(names.Discovery())[4:]; len(all) != 1 || strings.Contains(all[0], "vault") {
		t.Errorf("with the first prefix again: %q", all)
	}
	// What another room described is not ours to remove.
	start(func(o *Options) { o.Room = "room-4" })
	if all := payloads(names.Discovery())[5:]; len(all) != 0 {
		t.Errorf("as another room, on the first one's topic: %q", all)
	}
}

// The file may hold anything: the unit is described all the same.
func TestMemoryOfRubbish(t *testing.T) {
	const head = `{"topic":"homeassistant/device/tacet_high-street_room-3/config","site":"high-street","room":"room-3","components":`
	for _, data := range []string{"", "x", "null", "[]", head + `{"a\u0000":"b"}}`,
		head + `{"x":"` + strings.Repeat("y", 1<<16) + `"}}`,
		`{"topic":"tacet/other/room/state","site":"high-street","room":"room-3"}`,
		`{"topic":"#","site":"high-street","room":"room-3"}`} {
		for _, broken := range []bool{false, true} {
			o := options("127.0.0.1:1")
			o.Description = &notebook{data: []byte(data), broken: broken}
			c, err := New(o)
			if err != nil {
				t.Errorf("%.80q: %v", data, err)
				continue
			}
			for name, payload := range c.describer.initial() {
				if err := topictest.Check(c.names, name, payload); err != nil {
					t.Errorf("%.80q: %v", data, err)
				}
			}
		}
	}
}

// Every retained topic is published again.
func TestWhatAnotherClientOverwroteIsRefreshed(t *testing.T) {
	if standardTiming.refresh != 10*time.Minute {
		t.Errorf("refreshed every %v", standardTiming.refresh)
	}
	m := installed(t).start(t)
	w := watch(t, m.address())
	o := options(m.address())
	o.Heartbeat = time.Hour
	u := launch(t, o, func(c *Client) {
		c.time.refresh = time.Second
		c.Publish(idle())
		c.Alerts(map[string]string{"spool-low": "Little room."})
		c.Ledger(topic.Ledger{Head: "h\n"})
	})
	u.awaitConnected(t)
	all := []string{names.State(), names.Availability(), names.Alert("spool-low"), names.Alert("mic-missing"),
		names.Ledger(), names.Discovery()}
	w.await(t, "the first time", func(h []heard) bool { return len(h) > 6 })
	for _, name := range all {
		w.say(t, name, "forged", true)
	}
	forged := len(w.await(t, "the forgery", func(h []heard) bool {
		n := 0
		for _, h := range h {
			if h.payload == "forged" {
				n++
			}
		}
		return n == len(all)
	}))
	w.await(t, "all once more", func(h []heard) bool {
		last := map[string]string{}
		for _, h := range h[forged-len(all):] {
			last[h.topic] = h.payload
		}
		for _, name := range all {
			if p, ok := last[name]; !ok || p == "forged" {
				return false
			}
		}
		return last[names.Alert("mic-missing")] == "" && last[names.Availability()] == "online"
	})
}

// Home Assistant shows a problem for each alert that needs action, and for no note: in the
// description that the broker gets, with the warnings that there are.
func TestNotesAreNoProblem(t *testing.T) {
	m := installed(t).start(t)
	w := watch(t, m.address())
	o := options(m.address()).WithWarnings(health.Declared())
	o.Description = &notebook{}
	launch(t, o, nil).awaitConnected(t)
	isIt := func(h heard) bool { return h.topic == names.Discovery() }
	w.await(t, "the description", func(all []heard) bool { return slices.ContainsFunc(all, isIt) })
	all := w.all()
	var d topictest.Description
	if err := json.Unmarshal([]byte(all[slices.IndexFunc(all, isIt)].payload), &d); err != nil {
		t.Fatal(err)
	}
	is := func(alerts, want string) {
		t.Helper()
		if got, err := topictest.Problem(d.Components["problem"].ValueTemplate, alerts); err != nil || got != want {
			t.Errorf("with the alerts %q the problem is %s (%v), want %s", alerts, got, err, want)
		}
	}
	is("", "OFF")
	var notes []string
	for _, w := range health.Declared() {
		code := string(w.Code)
		if w.Severity == health.Note {
			notes = append(notes, code)
			is(code, "OFF")
			is("spool-low,"+code, "ON")
		} else {
			is(code, "ON")
		}
	}
	is(strings.Join(notes, ","), "OFF")
	is(notes[0]+",not-known-yet", "ON")
}
