package mqtt

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/topic"
	"tacet/daemon/topic/topictest"
)

var names = topic.Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}

// greetingTopics is the documented order on every connect.
func greetingTopics() []string {
	return []string{
		names.Discovery(), names.State(),
		names.Alert("drive-missing"), names.Alert("mic-missing"), names.Alert("spool-low"),
		names.Availability(),
	}
}

func topics(pubs []*packets.PublishPacket) []string {
	var out []string
	for _, p := range pubs {
		out = append(out, p.TopicName)
	}
	return out
}

// checkMessage checks the flags and the payload of a message against the documented rules.
func checkMessage(t *testing.T, p *packets.PublishPacket) {
	t.Helper()
	qos, retain := byte(1), true
	switch p.TopicName {
	case names.Heartbeat():
		qos, retain = 0, false
	case names.Event():
		retain = false
	}
	if p.Qos != qos || p.Retain != retain {
		t.Errorf("%s: QoS %d, retained %v; want %d, %v", p.TopicName, p.Qos, p.Retain, qos, retain)
	}
	if err := topictest.Check(names, p.TopicName, p.Payload); err != nil {
		t.Error(err)
	}
}

func TestGreetingOrder(t *testing.T) {
	hangUp := make(chan struct{})
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if !f.welcome(conn, packets.Accepted) {
			return
		}
		if n == 1 {
			go func() { <-hangUp; conn.Close() }()
		}
		f.obey(conn, nil)
	})
	u := launch(t, options(f.address), func(c *Client) {
		c.Event(topic.Event{Type: topic.Faulted, Code: "mic-missing"})
		c.Alerts(map[string]string{"mic-missing": "The microphone is missing."})
		c.Publish(in(topic.Fault))
		c.Ledger(topic.Ledger{Head: "tacet/high-street/room-3\n1\nAAAA\n\n— x y\n"})
	})
	want := append(greetingTopics(), names.Heartbeat(), names.Availability(), names.Ledger(), names.Event())
	first := func(all []packets.ControlPacket) bool { return len(published(all)) >= len(want) }
	pubs := published(u.awaitGot(t, f, "the greeting", first))
	if got := topics(pubs[:len(want)]); !slices.Equal(got, want) {
		t.Errorf("the first connect publishes\n%q, want\n%q", got, want)
	}
	for _, p := range pubs {
		checkMessage(t, p)
	}
	if got := string(pubs[3].Payload); !strings.Contains(got, "microphone") {
		t.Errorf("raised alert: %q", got)
	}
	if len(pubs[2].Payload) != 0 || len(pubs[4].Payload) != 0 {
		t.Error("cleared alerts must be empty")
	}

	connect := f.conns.all()[0]
	if connect.ClientIdentifier != "tacet-high-street-room-3" || !connect.CleanSession {
		t.Errorf("CONNECT: %v", connect)
	}
	if connect.WillTopic != names.Availability() || string(connect.WillMessage) != "offline" || connect.WillQos != 1 ||
		!connect.WillRetain {
		t.Errorf("last will: %v", connect)
	}

	before := len(f.got.all())
	close(hangUp)
	again := append(greetingTopics(), names.Heartbeat(), names.Availability(), names.Ledger())
	// A connection's packets begin with its SUBSCRIBE. If a step was in progress when the broker
	// hung up, there are two more connections: the first tries other terms.
	f.got.await(t, "the second greeting", func(all []packets.ControlPacket) bool {
		for i, p := range all[before:] {
			if isSubscribe(p) {
				if got := topics(published(all[before+i:])); len(got) >= len(again) && slices.Equal(got[:len(again)], again) {
					return true
				}
			}
		}
		return false
	})
}

func isSubscribe(p packets.ControlPacket) bool { _, ok := p.(*packets.SubscribePacket); return ok }

func (u *unit) awaitGot(t *testing.T, f *fake, what string,
	ok func([]packets.ControlPacket) bool) []packets.ControlPacket {
	t.Helper()
	return f.got.await(t, what, ok)
}

func TestSubscribesToHomeAssistantsBirthAndNothingElse(t *testing.T) {
	for _, prefix := range []string{"homeassistant", "ha/living", ""} {
		f := startObedient(t)
		o := options(f.address)
		o.HomeAssistant = prefix
		u := launch(t, o, nil)
		u.awaitConnected(t)
		u.stop()
		var got []string
		for _, p := range f.got.all() {
			if s, ok := p.(*packets.SubscribePacket); ok {
				got = append(got, s.Topics...)
			}
		}
		var want []string
		if prefix != "" {
			want = []string{prefix + "/status"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("prefix %q: subscribes to %q, want %q", prefix, got, want)
		}
		for _, p := range published(f.got.all()) {
			if !strings.HasPrefix(p.TopicName, "tacet/") &&
				(prefix == "" || !strings.HasPrefix(p.TopicName, prefix+"/device/")) {
				t.Errorf("prefix %q: publishes on %s", prefix, p.TopicName)
			}
		}
	}
}

// states decodes the published states.
func states(t *testing.T, all []packets.ControlPacket) []topic.State {
	t.Helper()
	var out []topic.State
	for _, p := range published(all) {
		if p.TopicName != names.State() {
			continue
		}
		var s topic.State
		if err := json.Unmarshal(p.Payload, &s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// A state is published if it says something new. Since is when its phase started.
func TestOnlyNewStatesArePublished(t *testing.T) {
	f := startObedient(t)
	u := launch(t, options(f.address), nil)
	u.awaitConnected(t)
	last, since, seq := topic.Idle, epoch, uint64(1) // as launch has published it
	for i, p := range []topic.Phase{topic.Idle, topic.Fault, topic.Fault, topic.Idle, topic.Recording, topic.Recording,
		topic.Idle, topic.Idle} {
		s := in(p)
		s.Time = epoch.Add(time.Duration(i+1) * time.Minute)
		s.Since = s.Time
		u.Publish(s)
		if p != last {
			last, since, seq = p, s.Time, seq+1
		}
		got := states(t, f.got.await(t, fmt.Sprint(seq, " states"),
			func(all []packets.ControlPacket) bool { return uint64(len(states(t, all))) >= seq }))
		now := got[len(got)-1]
		if uint64(len(got)) != seq || now.Seq != seq || now.Phase != last || !now.Since.Equal(since) {
			t.Errorf("after %d: %d states, the last is %+v; want %d, %s since %v", i+1, len(got), now, seq, last, since)
		}
		if now.Boot != got[0].Boot || now.Boot == "" {
			t.Errorf("boot %q within one start", now.Boot)
		}
	}
}

func TestBootIsNewWithEachStart(t *testing.T) {
	a, err := New(options("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := New(options("127.0.0.1:1"))
	if a.o.Boot == b.o.Boot {
		t.Errorf("two starts share the boot %q", a.o.Boot)
	}
}

// An alert with an undeclared code would stay for ever on a topic that nobody clears.
func TestUndeclaredAlertsAreNotPublished(t *testing.T) {
	f := startObedient(t)
	u := launch(t, options(f.address), nil)
	u.awaitConnected(t)
	u.Alerts(map[string]string{"patient-refused": "Somebody said no."})
	u.Event(topic.Event{Type: topic.Ended, Recording: "7q4k9mz2ha", Seconds: topic.Seconds(61 * time.Second)})
	f.got.await(t, "the event", func(all []packets.ControlPacket) bool {
		return slices.Contains(topics(published(all)), names.Event())
	})
	u.stop()
	for _, p := range published(f.got.all()) {
		checkMessage(t, p)
		if strings.Contains(p.TopicName, "refused") {
			t.Errorf("%s is published: %s", p.TopicName, p.Payload)
		}
	}
}
