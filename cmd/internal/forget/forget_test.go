package forget

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/cmd/internal/mosquittotest"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

const secret = "correct horse"

// broker is a Mosquitto with the shipped configuration and the account that provisioning makes.
func broker(t *testing.T) (*mosquittotest.Mosquitto, paho.Client) {
	t.Helper()
	acl1, passwd1 := mosquittotest.Account(t, "forget", secret, "readwrite tacet/#", "readwrite homeassistant/device/#")
	acl2, passwd2 := mosquittotest.Account(t, "dashboard", secret, "read tacet/#")
	acl3, passwd3 := mosquittotest.Account(t, "units", secret, "readwrite #")
	m := mosquittotest.New(t, acl1+acl2+acl3, passwd1+passwd2+passwd3).Start()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://127.0.0.1:" + m.Port()).SetTLSConfig(m.TLS()).
		SetUsername("units").SetPassword(secret).SetAutoReconnect(false))
	must(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return m, c
}

func must(t *testing.T, token paho.Token) {
	t.Helper()
	if err := wait(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

// retain publishes what a room retains, and returns the topics.
func retain(t *testing.T, c paho.Client, names topic.Names, availability string) (topics []string) {
	t.Helper()
	for name, payload := range map[string]string{names.State(): "{}", names.Availability(): availability, names.Ledger(): "{}",
		names.Alert("mic-missing"): "text", names.Alert("of-an-older-version"): "text", names.Discovery(): "{}"} {
		must(t, c.Publish(name, 1, true, payload))
		topics = append(topics, name)
	}
	return topics
}

func options(m *mosquittotest.Mosquitto) Options {
	return Options{Broker: m.URL(), Username: "forget", Credentials: mqtt.Credentials{Password: secret + "\n", CA: m.CA},
		Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}
}

// Everything of the room goes, and nothing of the one beside it, whose name starts alike.
func TestARoomIsForgotten(t *testing.T) {
	m, c := broker(t)
	gone := topic.Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}
	stays := topic.Names{Site: "high-street", Room: "room-31", HomeAssistant: "homeassistant"}
	want, others := retain(t, c, gone, topic.Offline), retain(t, c, stays, topic.Online)
	topics, err := Room(t.Context(), options(m))
	if err != nil || len(topics) != len(want) {
		t.Fatalf("%v, %v", topics, err)
	}
	left, err := (&room{names: gone, client: c}).retained(t.Context())
	if err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	left, err = (&room{names: stays, client: c}).retained(t.Context())
	if err != nil || len(left) != len(others) {
		t.Errorf("of the other room %v is left, %v", left, err)
	}
	if topics, err = Room(t.Context(), options(m)); err != nil || len(topics) != 0 {
		t.Errorf("the second time: %v, %v", topics, err)
	}
}

func TestARoomThatIsOnlineIsLeftAlone(t *testing.T) {
	m, c := broker(t)
	names := topic.Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}
	all := retain(t, c, names, topic.Online)
	if _, err := Room(t.Context(), options(m)); !errors.Is(err, ErrOnline) {
		t.Errorf("%v", err)
	}
	left, err := (&room{names: names, client: c}).retained(t.Context())
	if err != nil || len(left) != len(all) {
		t.Errorf("%v is left, %v", left, err)
	}
	o := options(m)
	o.Force = true
	if topics, err := Room(t.Context(), o); err != nil || len(topics) != len(all) {
		t.Errorf("%v, %v", topics, err)
	}
}

// An account that may only read changes nothing, and says so; so do a wrong password and a name that
// is none.
func TestWhoMayNotForget(t *testing.T) {
	m, c := broker(t)
	retain(t, c, topic.Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}, topic.Offline)
	for name, change := range map[string]func(*Options){
		"a reader":       func(o *Options) { o.Username = "dashboard" },
		"wrong password": func(o *Options) { o.Credentials.Password = "x" },
		"no authority":   func(o *Options) { o.Credentials.CA = nil },
		"a wildcard":     func(o *Options) { o.Room = "+" },
		"another prefix": func(o *Options) { o.HomeAssistant = "#" },
	} {
		o := options(m)
		change(&o)
		if topics, err := Room(t.Context(), o); err == nil {
			t.Errorf("%s: %v", name, topics)
		}
	}
}

// A hostile broker makes the command allocate nothing for a claimed length.
func TestAFrameIsLimited(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := packets.ReadPacket(conn); err != nil {
			return
		}
		_ = packets.NewControlPacket(packets.Connack).Write(conn)
		_, _ = conn.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	}()
	_, err = Room(t.Context(), Options{Broker: "mqtt://" + l.Addr().String(), Site: "a", Room: "b"})
	if err == nil {
		t.Error("nothing is wrong with it")
	}
	mine, theirs := net.Pipe()
	go func() { _, _ = theirs.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}) }()
	if _, err := limit(mine).Read(make([]byte, 10)); !errors.Is(err, errFrame) {
		t.Error(err)
	}
	mine, theirs = net.Pipe()
	go func() { _, _ = fmt.Fprint(theirs, "\x30\x05"+strings.Repeat("x", 5)) }()
	got := make([]byte, 10)
	if n, err := limit(mine).Read(got); err != nil || n != 7 {
		t.Error(n, err)
	}
}
