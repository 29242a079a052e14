package fleet

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tacet/cmd/internal/mosquittotest"
	"tacet/daemon/topic"
	"tacet/daemon/topic/topictest"
)

const patience = 2 * time.Minute

// secret is the password of every account in these tests.
const secret = "correct horse"

// shipped is a Mosquitto with the shipped configuration, an account that all rooms share, and one
// that reads.
func shipped(t *testing.T) *mosquittotest.Mosquitto {
	t.Helper()
	acl, passwd := mosquittotest.Account(t, "fleet", secret, "write tacet/#", "write homeassistant/device/#",
		"read homeassistant/status")
	acl2, passwd2 := mosquittotest.Account(t, "dashboard", secret, "read tacet/#")
	return mosquittotest.New(t, acl+acl2, passwd+passwd2).Start()
}

// client connects to the broker as one of its accounts.
func client(t *testing.T, m *mosquittotest.Mosquitto, user string, change func(*paho.ClientOptions)) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("ssl://127.0.0.1:" + m.Port()).SetTLSConfig(m.TLS()).SetUsername(user).
		SetPassword(secret).SetAutoReconnect(false).SetProtocolVersion(4).SetClientID(user)
	if change != nil {
		change(o)
	}
	c := paho.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func done(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("not done: %v", token.Error())
	}
}

// retainer publishes what a unit would have retained at a broker.
type retainer struct {
	t     *testing.T
	names topic.Names
	say   func(topic string, payload []byte)
}

func (r retainer) payload(name string, p interface{ MarshalJSON() ([]byte, error) }) {
	text, err := p.MarshalJSON()
	if err == nil {
		err = topictest.Check(r.names, name, text)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.say(name, text)
}

func (r retainer) Publish(s topic.State) {
	s.Boot, s.Seq, s.Time, s.Since = "b", 1, time.Now(), time.Now()
	r.payload(r.names.State(), s)
}
func (r retainer) Alerts(up map[string]string) {
	for code, text := range up {
		r.say(r.names.Alert(code), []byte(text))
	}
}
func (r retainer) Event(topic.Event) {}
func (r retainer) Ledger(l topic.Ledger) {
	l.Time = time.Now()
	r.payload(r.names.Ledger(), l)
}

// A reader that is new gets all that 1,000 rooms have retained (10,000 in the soak), though it
// acknowledges only ten times a second.
func TestEveryRetainedTopicArrives(t *testing.T) {
	rooms := 1000
	if os.Getenv("TACET_SOAK") != "" {
		rooms = MaxRooms
	}
	m := shipped(t)
	want := retainRooms(t, m, rooms)
	var mu sync.Mutex
	got := map[string]bool{}
	all, acks := make(chan struct{}), make(chan paho.Message, want+1)
	started := time.Now()
	c := client(t, m, "dashboard", func(o *paho.ClientOptions) {
		o.SetCleanSession(false).SetAutoAckDisabled(true).SetOrderMatters(false)
	})
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go acknowledge(acks, stop)
	done(t, c.Subscribe("tacet/#", 1, func(_ paho.Client, msg paho.Message) {
		acks <- msg
		mu.Lock()
		defer mu.Unlock()
		if got[msg.Topic()] = true; len(got) == want {
			close(all)
		}
	}))
	select {
	case <-all:
		t.Logf("%d topics of %d rooms in %v", want, rooms, time.Since(started).Round(time.Millisecond))
	case <-time.After(patience):
		mu.Lock()
		t.Fatalf("%d of %d topics arrived", len(got), want)
	}
}

// acknowledge acknowledges what has come, ten times a second, as a reader does that first writes it
// to its disk.
func acknowledge(acks chan paho.Message, stop chan struct{}) {
	commit := time.NewTicker(100 * time.Millisecond)
	defer commit.Stop()
	for {
		select {
		case <-stop:
			return
		case <-commit.C:
			for n := len(acks); n > 0; n-- {
				(<-acks).Ack()
			}
		}
	}
}

// retainRooms publishes what units retain, and returns how many topics that are under tacet.
func retainRooms(t *testing.T, m *mosquittotest.Mosquitto, rooms int) (topics int) {
	t.Helper()
	f, err := New(Options{Rooms: rooms, Broker: m.URL(), HomeAssistant: "homeassistant"})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, m, "fleet", nil)
	var last paho.Token
	for _, room := range f.rooms {
		say := func(name string, payload []byte) {
			if strings.HasPrefix(name, "tacet/") {
				topics++
			}
			if last = c.Publish(name, 1, true, payload); topics%1000 == 0 {
				done(t, last)
			}
		}
		r := retainer{t, room.names, say}
		if _, err := room.unit.boot(r, time.Now()); err != nil {
			t.Fatal(err)
		}
		r.say(room.names.Availability(), []byte(topic.Online))
		r.payload(room.names.Discovery(), topic.Device{Names: room.names, RoomName: room.title, Version: "1.2.3",
			Stores: storeNames, Notes: noteCodes})
		for range 2 {
			room.unit.say = quiet{}
			room.unit.raise(mishaps[rand.IntN(len(mishaps))], time.Now())
		}
		room.unit.say = retainer{t, room.names, say}
		for code := range room.unit.alerts {
			r.say(room.names.Alert(string(code)), fmt.Appendf(nil, "%s in %s", code, room.title))
		}
	}
	done(t, last)
	return topics
}

// quiet says nothing.
type quiet struct{}

func (quiet) Publish(topic.State)      {}
func (quiet) Alerts(map[string]string) {}
func (quiet) Event(topic.Event)        {}
func (quiet) Ledger(topic.Ledger)      {}
