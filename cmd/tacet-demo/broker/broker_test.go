package broker

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const patience = 30 * time.Second

// heard is a message that the handler got.
type heard struct {
	topic, payload string
	retained       bool
}

// run starts a broker, and returns the messages that its handler gets.
func run(t *testing.T) (*Broker, <-chan heard) {
	t.Helper()
	all := make(chan heard, 2*maxRetained)
	b, err := Start(func(topic string, payload []byte, retained bool) { all <- heard{topic, string(payload), retained} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, all
}

func next(t *testing.T, all <-chan heard) heard {
	t.Helper()
	select {
	case h := <-all:
		return h
	case <-time.After(patience):
		t.Fatal("no message")
		return heard{}
	}
}

// client connects to the broker. cut closes the connection without a DISCONNECT.
func client(t *testing.T, b *Broker, id, will string) (_ mqtt.Client, cut func()) {
	t.Helper()
	wire, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "mqtt://"))
	if err != nil {
		t.Fatal(err)
	}
	o := mqtt.NewClientOptions().AddBroker(strings.Replace(b.URL(), "mqtt:", "tcp:",
		1)).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(patience)
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return wire, nil })
	if will != "" {
		o.SetWill(will, "offline", 1, true)
	}
	c := mqtt.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return c, func() { wire.Close() }
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("not done: %v", token.Error())
	}
}

func TestItIsOnThisMachineAlone(t *testing.T) {
	b, _ := run(t)
	host, port, err := net.SplitHostPort(strings.TrimPrefix(b.URL(), "mqtt://"))
	if err != nil || host != "127.0.0.1" || port == "0" {
		t.Errorf("it is at %s", b.URL())
	}
}

func TestEveryMessageIsHeardInOrder(t *testing.T) {
	b, all := run(t)
	c, _ := client(t, b, "unit", "")
	reader, _ := client(t, b, "reader", "")
	read := make(chan heard, 100)
	done(t, reader.Subscribe("#", 1, func(_ mqtt.Client, m mqtt.Message) {
		if !m.Retained() { // a retained message that arrives during the subscription is sent twice
			read <- heard{m.Topic(), string(m.Payload()), false}
		}
	}))
	for i := range 50 {
		want := heard{fmt.Sprint("a/", i), fmt.Sprint("payload ", i), i%3 == 0}
		done(t, c.Publish(want.topic, byte(i%2), want.retained, want.payload))
		if got := next(t, all); got != want {
			t.Fatalf("heard %+v, want %+v", got, want)
		}
		want.retained = false
		if got := next(t, read); got != want {
			t.Fatalf("a reader got %+v, want %+v", got, want)
		}
	}
}

func TestALastWillIsHeard(t *testing.T) {
	b, all := run(t)
	_, cut := client(t, b, "unit", "a/availability")
	cut()
	if got, want := next(t, all), (heard{"a/availability", "offline", true}); got != want {
		t.Errorf("heard %+v, want %+v", got, want)
	}
	c, _ := client(t, b, "in order", "a/other")
	c.Disconnect(1000)
	c, _ = client(t, b, "marker", "")
	done(t, c.Publish("marker", 1, false, "x"))
	if got := next(t, all); got.topic != "marker" {
		t.Errorf("one that left in order has a last will: %+v", got)
	}
}

// Retained messages are limited, and the sender still gets its answers.
func TestItKeepsNoMoreThanItsLimit(t *testing.T) {
	b, all := run(t)
	c, _ := client(t, b, "unit", "")
	for i := range maxRetained + 100 {
		done(t, c.Publish(fmt.Sprint("a/", i), 1, true, "x"))
	}
	if kept := b.server.Topics.Retained.Len(); kept > maxRetained {
		t.Errorf("it keeps %d topics", kept)
	}
	if got := len(all); got >= maxRetained || got < maxRetained-100 {
		t.Errorf("%d messages are heard", got)
	}
	before := len(all)
	done(t, c.Publish("a/0", 1, true, "known"))
	done(t, c.Publish("b", 1, false, "not kept"))
	for late := time.After(patience); len(all) != before+2; {
		select {
		case <-late:
			t.Fatal("when it is full, it accepts no message")
		case <-time.After(time.Millisecond):
		}
	}
}

// A silent connection does not keep the broker from closing.
func TestCloseWithASilentConnection(t *testing.T) {
	b, _ := run(t)
	client(t, b, "unit", "")
	silent, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "mqtt://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	b.Close()
	if c, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "mqtt://")); err == nil {
		c.Close()
		t.Error("it still listens after Close")
	}
}
