package mqtt

import (
	"bytes"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/topic"
)

// bomb is a header that announces 256 MiB.
var bomb = []byte{0x30, 0xff, 0xff, 0xff, 0x7f}

// The MQTT library allocates whatever a header announces.
func TestBombsAllocateNothing(t *testing.T) {
	const bombs = 20
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		switch {
		case n <= bombs/2: // instead of CONNACK
			conn.Write(bomb)
			drain(conn)
		case n <= bombs: // later, in two parts
			if f.welcome(conn, packets.Accepted) {
				conn.Write(bomb[:3])
				conn.Write(bomb[3:])
				drain(conn)
			}
		default:
			if f.welcome(conn, packets.Accepted) {
				f.obey(conn, nil)
			}
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	u := launch(t, options(f.address), nil)
	tr := u.awaitTrouble(t, "a frame of 268435455 bytes, more than the limit of 4096")
	if !strings.Contains(tr.What, "the MQTT protocol") {
		t.Errorf("reported as %q", tr.What)
	}
	u.awaitConnected(t)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("%d bombs of 5 bytes took %d bytes of memory", bombs, took)
	}
	if n := len(u.logs.all()); n > 3 {
		t.Errorf("%d lines of log for the same trouble", n)
	}
}

// A broker publishes anything on every topic that one might think of.
func TestReceivedMessagesHaveNoEffect(t *testing.T) {
	sent := make(chan struct{})
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if !f.welcome(conn, packets.Accepted) {
			return
		}
		go func() {
			<-sent
			for _, name := range []string{
				"tacet/high-street/room-3/command", "tacet/high-street/room-3/state", "tacet/high-street/room-3/event",
				"tacet/high-street/room-3/button/press", "homeassistant/device/tacet_high-street_room-3/config",
				"homeassistant/status/x", "homeassistant", "$SYS/x", "", "#", "+/+", strings.Repeat("x", 4000),
			} {
				for _, payload := range []string{"online", "ON", "start", "record", `{"phase":"recording"}`, ""} {
					for qos := range byte(3) {
						p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
						p.TopicName, p.Payload, p.Qos, p.MessageID = name, []byte(payload), qos, 7
						conn.Write(frame(p))
					}
				}
			}
			// On the subscribed topic only one word counts, with the subscribed QoS.
			for _, payload := range []string{"offline", "ONLINE", "online\n", "", strings.Repeat("online", 500)} {
				p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
				p.TopicName, p.Payload = names.Birth(), []byte(payload)
				conn.Write(frame(p))
			}
			for _, qos := range []byte{1, 2} {
				p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
				p.TopicName, p.Payload, p.Qos, p.MessageID = names.Birth(), []byte("online"), qos, 7
				conn.Write(frame(p))
			}
		}()
		f.obey(conn, nil)
	})
	o := options(f.address)
	o.Heartbeat = 20 * time.Millisecond
	u := launch(t, o, nil)
	u.awaitConnected(t)
	f.got.await(t, "the greeting",
		func(all []packets.ControlPacket) bool { return len(published(all)) >= len(greetingTopics()) })
	close(sent)
	u.Event(topic.Event{Type: topic.Faulted, Code: "spool-low"})
	u.Publish(in(topic.Fault))
	all := f.got.await(t, "a while of heartbeats",
		func(all []packets.ControlPacket) bool { return len(published(all)) > 60 })
	u.stop()
	var got []string
	for _, p := range published(all)[len(greetingTopics()):] {
		if p.TopicName != names.Heartbeat() && p.TopicName != names.Availability() {
			got = append(got, p.TopicName)
		}
	}
	if want := []string{names.Event(), names.State()}; !slices.Equal(got, want) {
		t.Errorf("the unit says %q, want %q", got, want)
	}
	for _, p := range f.got.all() {
		switch p.(type) {
		case *packets.PublishPacket, *packets.SubscribePacket, *packets.DisconnectPacket:
		default:
			t.Errorf("the unit answered: %v", p)
		}
	}
	if n := len(f.conns.all()); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Each malformed frame would make the MQTT library panic, wait or accept nonsense. Afterwards the
// broker behaves.
func TestMalformedFramesEndTheConnection(t *testing.T) {
	evil := [][]byte{
		{0x90, 5, 0, 1, 0, 0, 0},            // SUBACK with return codes that nobody asked for: an index out of range
		{0x90, 2, 0, 1},                     // SUBACK without any
		{0x40, 1, 0},                        // half a PUBACK
		{0x40, 0},                           // none of it
		{0x50, 2, 0, 1},                     // PUBREC
		{0x62, 2, 0, 1},                     // PUBREL
		{0x70, 2, 0, 1},                     // PUBCOMP
		{0x20, 2, 0, 0},                     // CONNACK again
		{0xd0, 1, 0},                        // PINGRESP with something in it
		{0x30, 1, 0},                        // PUBLISH without a topic
		{0x30, 4, 0xff, 0xff, 'a', 'b'},     // whose topic is longer than itself
		{0x30, 0x80, 0x80, 0x80, 0x80, 0x1}, // a length without end
		{0x00, 0}, {0xf0, 0}, {0x10, 0}, {0x82, 0}, {0xc0, 0}, {0xe0, 0},
	}
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if !f.welcome(conn, packets.Accepted) {
			return
		}
		if n <= len(evil) {
			conn.Write(evil[n-1])
			drain(conn)
			return
		}
		f.obey(conn, nil)
	})
	u := launch(t, options(f.address), nil)
	u.awaitConnected(t)
	if n := len(f.conns.all()); n != len(evil)+1 {
		t.Errorf("%d connections, want %d", n, len(evil)+1)
	}
}

func TestNonsenseInsteadOfConnack(t *testing.T) {
	evil := [][]byte{
		{0x20, 2, 0, 6},   // a return code that doesn't exist
		{0x20, 2, 0, 254}, // one that the library uses for itself
		{0x20, 2, 2, 0},   // flags that don't
		{0x20, 0}, {0x20, 3, 0, 0, 0}, {0x40, 2, 0, 1}, {0xd0, 0},
		[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	}
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if n <= len(evil) {
			conn.Write(evil[n-1])
			drain(conn)
			return
		}
		if f.welcome(conn, packets.Accepted) {
			f.obey(conn, nil)
		}
	})
	u := launch(t, options(f.address), nil)
	u.awaitTrouble(t, "the MQTT protocol")
	u.awaitConnected(t)
	if n := len(f.conns.all()); n != 1 {
		t.Errorf("%d of these were taken for a connection", n-1)
	}
}

func TestFloodEndsTheConnection(t *testing.T) {
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if !f.welcome(conn, packets.Accepted) {
			return
		}
		if n == 1 {
			flood := bytes.Repeat([]byte{0xd0, 0}, 1000)
			for {
				if _, err := conn.Write(flood); err != nil {
					return
				}
			}
		}
		f.obey(conn, nil)
	})
	u := launch(t, options(f.address), nil)
	u.awaitTrouble(t, "flood")
	u.awaitConnected(t)
}

// A client that has stopped has no goroutine left, whatever happened.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if n%2 == 0 {
			conn.Write(bomb)
			return
		}
		if f.welcome(conn, packets.Accepted) {
			p, _ := packets.ReadPacket(conn) // and hangs up, in the middle of a message
			_ = p
		}
	})
	u := launch(t, options(f.address), nil)
	f.conns.await(t, "twenty connections", func(all []*packets.ConnectPacket) bool { return len(all) > 20 })
	u.stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(deadline)
	const broker = 2 // the fake's own
	for runtime.NumGoroutine() > before+broker {
		select {
		case <-tick.C:
		case <-late:
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, there were %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
