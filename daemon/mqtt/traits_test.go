package mqtt

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// trait is a limitation of a broker, with its consequence for the unit.
type trait struct {
	name   string
	broker func(t *testing.T) Options
	limits []string    // what it does without
	code   health.Code // why it is not online
	words  string      // in the trouble's text
}

// choosy is a broker that hangs up on some packets and ignores others.
func choosy(hangUp, ignore func(packets.ControlPacket) bool) func(t *testing.T) Options {
	return func(t *testing.T) Options {
		f := startFake(t, func(f *fake, _ int, conn net.Conn) {
			p, err := packets.ReadPacket(conn)
			if err != nil || hangUp(p) {
				return
			}
			ack := packets.NewControlPacket(packets.Connack)
			if ack.Write(conn) != nil {
				return
			}
			for {
				p, err := packets.ReadPacket(conn)
				if err != nil || hangUp(p) {
					return
				}
				f.got.add(p)
				if reply := answer(p); reply != nil && (ignore == nil || !ignore(p)) && reply.Write(conn) != nil {
					return
				}
			}
		})
		return options(f.address)
	}
}

// lets is a broker that accepts one client identifier, and refuses all others like a wrong
// password.
func lets(id string) func(t *testing.T) Options {
	return func(t *testing.T) Options {
		f := startFake(t, func(f *fake, _ int, conn net.Conn) {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return
			}
			ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			if c, ok := p.(*packets.ConnectPacket); !ok || c.ClientIdentifier != id {
				ack.ReturnCode = packets.ErrRefusedNotAuthorised
			}
			if ack.Write(conn) != nil || ack.ReturnCode != packets.Accepted {
				return
			}
			for {
				p, err := packets.ReadPacket(conn)
				if err != nil {
					return
				}
				if reply := answer(p); reply != nil && reply.Write(conn) != nil {
					return
				}
			}
		})
		return options(f.address)
	}
}

// on matches publishes on topics that contain text.
func on(text string) func(packets.ControlPacket) bool {
	return func(p packets.ControlPacket) bool {
		pub, ok := p.(*packets.PublishPacket)
		return ok && strings.Contains(pub.TopicName, text)
	}
}

func never(packets.ControlPacket) bool { return false }

func either(a, b func(packets.ControlPacket) bool) func(packets.ControlPacket) bool {
	return func(p packets.ControlPacket) bool { return a(p) || b(p) }
}

func withWill(want func(*packets.ConnectPacket) bool) func(packets.ControlPacket) bool {
	return func(p packets.ControlPacket) bool {
		c, ok := p.(*packets.ConnectPacket)
		return ok && c.WillFlag && want(c)
	}
}

func thatPublish(want func(*packets.PublishPacket) bool) func(packets.ControlPacket) bool {
	return func(p packets.ControlPacket) bool { pub, ok := p.(*packets.PublishPacket); return ok && want(pub) }
}

func stock(settings ...string) func(t *testing.T) Options {
	return func(t *testing.T) Options {
		return options(installed(t, append([]string{"allow_anonymous true"}, settings...)...).start(t).address())
	}
}

func traits() []trait {
	const noRetain, qos0, undescribed = "none is retained", "everything is sent with QoS 0",
		"publishes on homeassistant/device/tacet_high-street_room-3/config"
	notSubscribed := func(t *testing.T) Options {
		f := startFake(t, func(f *fake, _ int, conn net.Conn) {
			if !f.welcome(conn, packets.Accepted) {
				return
			}
			for {
				p, err := packets.ReadPacket(conn)
				if err != nil {
					return
				}
				reply := answer(p)
				if s, ok := reply.(*packets.SubackPacket); ok {
					s.ReturnCodes = []byte{0x80}
				}
				if reply != nil && reply.Write(conn) != nil {
					return
				}
			}
		})
		return options(f.address)
	}
	return []trait{
		{name: "all is well", broker: stock()},
		{name: "mosquitto: retain_available false", broker: stock("retain_available false"), limits: []string{noRetain}},
		{name: "mosquitto: max_qos 0", broker: stock("max_qos 0"), limits: []string{qos0}},
		{name: "mosquitto: both", broker: stock("max_qos 0", "retain_available false"), limits: []string{qos0, noRetain}},
		{name: "mosquitto: max_packet_size 2000", broker: stock("max_packet_size 2000"), limits: []string{undescribed}},
		{name: "mosquitto: max_packet_size 300", broker: stock("max_packet_size 300"), code: Denied,
			words: "tacet/high-street/room-3/"},
		{name: "mosquitto: the room's topics alone", broker: restricted,
			limits: []string{"drops what the unit publishes on homeassistant/device/"}},
		{name: "mosquitto: other topics alone",
			broker: func(t *testing.T) Options { return stock("acl_file " + aclFile(t, "topic readwrite other/#"))(t) },
			code:   Denied, words: "drops what it publishes on tacet/high-street/room-3/state"},
		{name: "mosquitto: reading alone",
			broker: func(t *testing.T) Options { return stock("acl_file " + aclFile(t, "topic read #"))(t) }, code: Denied,
			words: "drops what it publishes on tacet/high-street/room-3/state"},
		{name: "mosquitto: all but alerts", broker: func(t *testing.T) Options {
			return stock("acl_file " + aclFile(t, "topic readwrite #\ntopic deny tacet/high-street/room-3/alert/#"))(t)
		}, limits: []string{"drops what the unit publishes on tacet/high-street/room-3/alert"}},
		{name: "rabbitmq: the room's topics alone", broker: rabbit, limits: []string{"homeassistant/"}},
		{name: "nats: the room's topics alone", broker: nats, limits: []string{"subscribe to homeassistant/status"}},
		{name: "hangs up on discovery", broker: choosy(on("homeassistant/"), nil), limits: []string{undescribed}},
		{name: "never answers discovery", broker: choosy(never, on("homeassistant/")), limits: []string{undescribed}},
		{name: "hangs up on the subscription", broker: choosy(isSubscribe, nil),
			limits: []string{"subscribes to homeassistant/status"}},
		{name: "refuses the subscription", broker: notSubscribed, limits: []string{"subscribe to homeassistant/status"}},
		{name: "hangs up on any last will", broker: choosy(withWill(func(*packets.ConnectPacket) bool { return true }), nil),
			limits: []string{"last will"}},
		{name: "hangs up on a retained last will",
			broker: choosy(withWill(func(c *packets.ConnectPacket) bool { return c.WillRetain }), nil),
			limits: []string{noRetain}},
		{name: "hangs up on retained messages",
			broker: choosy(thatPublish(func(p *packets.PublishPacket) bool { return p.Retain }), nil),
			limits: []string{noRetain}},
		{name: "hangs up on QoS 1", broker: choosy(thatPublish(func(p *packets.PublishPacket) bool { return p.Qos > 0 }),
			nil), limits: []string{qos0}},
		{name: "hangs up on events", broker: choosy(on("/event"), nil),
			limits: []string{"publishes on tacet/high-street/room-3/event"}},
		{name: "hangs up on heartbeats", broker: choosy(on("/heartbeat"), nil),
			limits: []string{"publishes on tacet/high-street/room-3/heartbeat"}},
		{name: "hangs up on the ledger", broker: choosy(on("/ledger"), nil),
			limits: []string{"publishes on tacet/high-street/room-3/ledger"}},
		{name: "hangs up on discovery and events", broker: choosy(either(on("homeassistant/"), on("/event")), nil),
			limits: []string{undescribed, "room-3/event"}},
		{name: "hangs up on state", broker: choosy(on("/state"), nil), code: Denied,
			words: "publishes on tacet/high-street/room-3/state"},
		{name: "hangs up on availability", broker: choosy(on("/availability"), nil), code: Denied,
			words: "publishes on tacet/high-street/room-3/availability"},
		{name: "lets in the unit's client id alone", broker: lets("tacet-high-street-room-3")},
		{name: "lets in the probe's client id alone", broker: lets("tacet-high-street-room-3-probe"), code: Denied,
			words: "refused"},
		{name: "hangs up at once", broker: choosy(func(packets.ControlPacket) bool { return true }, nil), code: Unreached,
			words: "hung up without an answer"},
	}
}

// restricted is a Mosquitto whose users may publish and read only under the room's topics. It
// acknowledges other messages and drops them.
func restricted(t *testing.T) Options {
	return stock("acl_file " + aclFile(t, "topic readwrite tacet/high-street/room-3/#"))(t)
}

func aclFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "acl")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// swift are times that detect a silent broker quickly.
func swift() timing {
	t := quick
	t.answer, t.checkDrops = 700*time.Millisecond, 10*time.Millisecond
	return t
}

// For each trait, Probe predicts what the running unit reports.
func TestTraitsOfBrokers(t *testing.T) {
	for _, trait := range traits() {
		t.Run(trait.name, func(t *testing.T) {
			t.Parallel()
			o := trait.broker(t)
			limits, err := probeOnTime(o)
			trait.check(t, "doctor", limits, err)

			u := launch(t, o, func(c *Client) {
				c.time = swift()
				c.Publish(idle())
				c.Ledger(topic.Ledger{Head: "tacet/high-street/room-3\n1\nAAAA\n\n— x y\n"})
				c.Event(topic.Event{Type: topic.Faulted, Code: "spool-low"})
			})
			var last Report
			u.reports.awaitAny(t, "its fate", func(r Report) bool {
				last = r
				return trait.fits(r.Limits, trouble(r)) && (r.Connected || r.Trouble != nil)
			})
			trait.check(t, "unit", last.Limits, trouble(last))
			// It stays online: heartbeats continue, if they are allowed.
			if trait.code == "" {
				u.stop()
				if all := u.reports.all(); all[len(all)-1].Trouble != nil || len(all) > 12 {
					t.Errorf("in the end: %v", all)
				}
			}
		})
	}
}

func probeOnTime(o Options) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return Probe(ctx, o, false)
}

func trouble(r Report) error {
	if r.Trouble == nil {
		return nil
	}
	return r.Trouble
}

func (tr trait) fits(limits string, err error) bool {
	if t, ok := err.(*Trouble); tr.code != "" {
		return ok && t.Code == tr.code && strings.Contains(t.Error(), tr.words) && t.Do != ""
	}
	if err != nil || len(tr.limits) == 0 && limits != "" {
		return false
	}
	for _, words := range tr.limits {
		if !strings.Contains(limits, words) {
			return false
		}
	}
	return true
}

func (tr trait) check(t *testing.T, who, limits string, err error) {
	t.Helper()
	if !tr.fits(limits, err) {
		t.Errorf("%s: limits %q, error %v; want limits %q, or %s: %s", who, limits, err, tr.limits, tr.code, tr.words)
	}
	// The advice may name it last, among others. As the reason it would be wrong here.
	if text := fmt.Sprint(limits, err); strings.Contains(text, "another unit has the same") {
		t.Errorf("%s: a second unit is blamed: %s", who, text)
	}
}
