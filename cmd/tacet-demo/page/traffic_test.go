package page

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// message reads events until one is an MQTT message.
func (v viewer) message() (m Message) {
	v.t.Helper()
	for {
		event, data := v.next()
		if event != "mqtt" {
			continue
		}
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			v.t.Fatal(err)
		}
		return m
	}
}

func listening(traffic *Traffic) func(*Page) { return func(p *Page) { p.Traffic = traffic } }

// A viewer first gets the unit's state, then the earlier messages, then each new message once.
func TestMessagesAreShownAsTheyPass(t *testing.T) {
	traffic := &Traffic{}
	start := time.Now()
	traffic.Add("tacet/a/b/state", []byte(`{"phase":"idle"}`), true)
	s := serve(t, both(), listening(traffic))
	v, _ := s.watch()
	if event, data := v.next(); event != "" || !strings.Contains(data, `"heard":true`) {
		t.Errorf("the first event is %q: %s", event, data)
	}
	m := v.message()
	if m.Topic != "tacet/a/b/state" || m.Payload != `{"phase":"idle"}` || m.Size != 16 || !m.Retained ||
		m.Time.Before(start.Round(0)) {
		t.Errorf("what passed before is shown as %+v", m)
	}
	for i := range 3 {
		traffic.Add("tacet/a/b/event", fmt.Append(nil, i), false)
		if m := v.message(); m.Payload != fmt.Sprint(i) || m.Retained {
			t.Errorf("message %d is shown as %+v", i, m)
		}
	}
	later, _ := s.watch()
	for i, want := range []string{`{"phase":"idle"}`, "0", "1", "2"} {
		if m := later.message(); m.Payload != want {
			t.Errorf("to another viewer, message %d is %+v", i, m)
		}
	}
}

func TestMaxMessages(t *testing.T) {
	traffic := &Traffic{}
	for i := range 3*maxMessages + 1 {
		traffic.Add("t", fmt.Append(nil, i), false)
	}
	kept, passed := traffic.after(0)
	if len(kept) != maxMessages || passed != 3*maxMessages+1 {
		t.Fatalf("of %d messages %d are kept", passed, len(kept))
	}
	for i, m := range kept {
		if want := fmt.Sprint(2*maxMessages + 1 + i); m.Payload != want {
			t.Fatalf("the one at %d is %s, want %s", i, m.Payload, want)
		}
	}
	traffic.Add("t", []byte("one more"), false)
	if fresh, _ := traffic.after(passed); len(fresh) != 1 || fresh[0].Payload != "one more" {
		t.Errorf("fresh are %v", fresh)
	}
	if kept[0].Payload != fmt.Sprint(2*maxMessages+1) {
		t.Error("a returned slice changed later")
	}
}

// Anybody on this machine can publish any bytes. Each event is still one line of limited length.
func TestAMessageOfAnyBytes(t *testing.T) {
	traffic := &Traffic{}
	s := serve(t, both(), listening(traffic))
	v, _ := s.watch()
	for _, payload := range []string{
		"\xff\xfe\x00", "two\n\nevent: mqtt\ndata: {}\n\nlines", "<img src=x onerror=alert(1)>",
		strings.Repeat("\x00", 1<<20), strings.Repeat("ü", 1<<20), strings.Repeat("<", 1<<20),
		"a" + strings.Repeat("€", 1<<20),
	} {
		traffic.Add(strings.Repeat("t", 2000), []byte(payload), false)
		m := v.message() // its scanner takes no line beyond 64 KiB
		if m.Size != len(payload) || !utf8.ValidString(m.Payload) || len(m.Payload) > maxPayload+8 ||
			len(m.Topic) != maxTopic {
			t.Errorf("of %d bytes are shown %d, of a size of %d", len(payload), len(m.Payload), m.Size)
		}
		if short := strings.ToValidUTF8(payload, "\uFFFD"); len(payload) < 100 && m.Payload != short {
			t.Errorf("%q is shown as %q", payload, m.Payload)
		}
	}
}

func TestNilTraffic(t *testing.T) {
	var none *Traffic
	if m, n := none.after(0); m != nil || n != 0 || none.Changed() != nil {
		t.Error("it gets messages")
	}
	s := serve(t, both())
	v, _ := s.watch()
	v.until("a page without messages", func(m liveJSON) bool { return !m.Heard })
}
