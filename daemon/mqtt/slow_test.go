package mqtt

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/topic"
)

// The brokers in this file are well-behaved, but slow or unreliable.

// A broker that never acknowledges blocks nobody, and what waits for it is bounded.
func TestSilentBroker(t *testing.T) {
	var awake atomic.Bool
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if !f.welcome(conn, packets.Accepted) {
			return
		}
		f.obey(conn, func(p packets.ControlPacket) bool { return awake.Load() || isSubscribe(p) })
	})
	o := options(f.address)
	o.Queue = 100
	u := launch(t, o, nil)
	f.got.await(t, "the first message", func(all []packets.ControlPacket) bool { return len(published(all)) > 0 })
	const events = 1000
	for range events {
		u.Event(topic.Event{Type: topic.Faulted, Code: "spool-low"})
		u.Publish(in(topic.Fault))
		u.Publish(idle())
	}
	u.out.mu.Lock()
	waiting := len(u.out.queue)
	u.out.mu.Unlock()
	if most := o.Queue + len(greetingTopics()) + 1; waiting > most {
		t.Errorf("%d messages wait, at most %d may", waiting, most)
	}
	awake.Store(true)
	u.awaitTrouble(t, "no answer in time")
	u.awaitConnected(t)
	u.reports.awaitAny(t, "the count of dropped events",
		func(r Report) bool { return r.Dropped == events-uint64(o.Queue) })
	u.stop()
	ids := make([]string, 0, o.Queue)
	for _, p := range published(f.got.all()) {
		var e topic.Event
		if p.TopicName == names.Event() && e.UnmarshalJSON(p.Payload) == nil {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) != o.Queue || ids[0] != topic.EventID(u.o.Boot, events-uint64(o.Queue)+1) ||
		ids[len(ids)-1] != topic.EventID(u.o.Boot, events) {
		t.Errorf("%d events arrived, not the newest %d in order", len(ids), o.Queue)
	}
	if n := strings.Count(strings.Join(u.logs.all(), "\n"), "oldest are dropped"); n != 1 {
		t.Errorf("the log reports dropped events %d times", n)
	}
}

// Dropped events are reported at once, not with the next attempt.
func TestDroppedEventsAreReportedAtOnce(t *testing.T) {
	f := startFake(t, func(*fake, int, net.Conn) {})
	o := options(f.address)
	o.Heartbeat, o.Queue = 2*time.Hour, 10
	u := launch(t, o, func(c *Client) {
		c.time.retryMin, c.time.retryMax = time.Hour, time.Hour
		c.Publish(idle())
	})
	u.awaitTrouble(t, "hung up")
	for range 25 {
		u.Event(topic.Event{Type: topic.Faulted, Code: "spool-low"})
	}
	r := u.reports.awaitAny(t, "15 dropped events", func(r Report) bool { return r.Dropped == 15 })
	if r.Trouble == nil {
		t.Error("and the trouble is forgotten")
	}
}

// A broker that reads nothing fills every buffer in between.
func TestBrokerThatReadsNothing(t *testing.T) {
	release := make(chan struct{})
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if n == 1 {
			<-release // not even CONNECT
			return
		}
		if f.welcome(conn, packets.Accepted) {
			<-release
		}
	})
	defer close(release)
	u := launch(t, options(f.address), nil)
	u.awaitTrouble(t, "doesn't answer")
	f.conns.await(t, "a second attempt", func(all []*packets.ConnectPacket) bool { return len(all) > 0 })
	u.stop()
}

// A flapping connection does not fill the log.
func TestAConnectionThatComesAndGoesDoesNotFillTheLog(t *testing.T) {
	const times = 10
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if f.welcome(conn, packets.Accepted) {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return
			}
			no := answer(p).(*packets.SubackPacket)
			no.ReturnCodes[0] = 0x80
			conn.Write(frame(no))
			said := 0
			f.obey(conn, func(p packets.ControlPacket) bool {
				if pub, ok := p.(*packets.PublishPacket); ok && pub.TopicName == names.Availability() && n <= times {
					if said++; said == 2 { // nothing is under way after it
						answer(p).Write(conn)
						conn.Close()
					}
				}
				return true
			})
		}
	})
	u := launch(t, options(f.address), nil)
	f.conns.await(t, "the last connection", func(all []*packets.ConnectPacket) bool { return len(all) > times })
	u.awaitConnected(t)
	u.reports.await(t, "comings and goings", func(all []Report) bool { return len(all) > times })
	u.stop()
	log := u.logs.all()
	if all := strings.Join(log, "\n"); len(log) > 4 || strings.Count(all, "does not let the unit subscribe") != 1 ||
		strings.Count(all, "connected to the broker") != 1 {
		t.Errorf("the log:\n%s", all)
	}
}

func TestStopWhileTheBrokerThinksAboutConnect(t *testing.T) {
	release := make(chan struct{})
	f := startFake(t, func(f *fake, n int, conn net.Conn) {
		if p, err := packets.ReadPacket(conn); err == nil {
			f.got.add(p)
		}
		<-release
	})
	defer close(release)
	u := launch(t, options(f.address), func(c *Client) {
		c.time.connect = time.Hour
		c.Publish(idle())
	})
	f.got.await(t, "CONNECT", func(all []packets.ControlPacket) bool { return len(all) == 1 })
	u.stop()
}
