// Package broker is the demo's own MQTT broker: a unit that was given none has somebody to talk to,
// and whoever tries it sees what it says.
//
//	b, err := broker.Start(func(topic string, payload []byte, retained bool) { … })
//	b.URL() // mqtt://127.0.0.1:34567
//
// It promises:
//
//   - Near. It listens on the loopback address alone, at a port that was free.
//   - Whole. Every message that it takes is heard, once and in the order of its
//     sender, last wills too.
//   - Bounded. It keeps everything in memory, and no more than the limits below.
//
// It asks nobody for a password, and forgets everything when it is closed.
package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	maxClients  = 64
	maxPacket   = 256 << 10 // bytes
	maxWaiting  = 1024      // messages to one slow reader; more are dropped
	maxInflight = 1024      // unanswered messages of QoS 1 and 2, per client
	maxRetained = 4096      // topics; $SYS has some twenty of them
	maxSession  = 3600      // seconds for which a session outlives its connection

	// statsEvery is how often it speaks of itself, in seconds: hardly ever.
	statsEvery = 24 * 3600
	// closeWithin is how long an orderly end may take.
	closeWithin = 2 * time.Second
)

// Heard is told of each message. It runs on the sender's goroutine and must not block; payload is
// valid only during the call.
type Heard func(topic string, payload []byte, retained bool)

// Broker is a running broker.
type Broker struct {
	server *mqtt.Server
	at     net.Addr
	ended  sync.Once
}

// Start starts a broker.
func Start(heard Heard) (*Broker, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	limits := mqtt.NewDefaultServerCapabilities()
	limits.MaximumClients = maxClients
	limits.MaximumPacketSize = maxPacket
	limits.MaximumClientWritesPending = maxWaiting
	limits.MaximumInflight = maxInflight
	limits.ReceiveMaximum = maxInflight
	limits.MaximumSessionExpiryInterval = maxSession
	server := mqtt.New(&mqtt.Options{
		Capabilities: limits, SysTopicResendInterval: statsEvery,
		Logger: slog.New(slog.DiscardHandler), // it warns of every client that goes
	})
	err = server.AddHook(&ear{server: server, heard: heard}, nil)
	if err == nil {
		err = server.AddListener(&loopback{Listener: listener, open: make(map[net.Conn]struct{})})
	}
	if err == nil {
		err = server.Serve()
	}
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	return &Broker{server: server, at: listener.Addr()}, nil
}

// URL is where the broker is reached.
func (b *Broker) URL() string { return "mqtt://" + b.at.String() }

// Close ends the broker and its connections.
func (b *Broker) Close() {
	b.ended.Do(func() {
		done := make(chan struct{})
		go func() { defer close(done); b.server.Close() }()
		select {
		case <-done:
		case <-time.After(closeWithin):
		}
	})
}

// ear hears all that passes, and lets everybody in.
type ear struct {
	mqtt.HookBase
	server *mqtt.Server
	heard  Heard
}

// ID names the hook.
func (*ear) ID() string { return "ear" }

// Provides says which of its methods are called.
func (*ear) Provides(what byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnPublished,
		mqtt.OnWillSent}, what) >= 0
}

// OnConnectAuthenticate lets everybody in who is on this machine.
func (*ear) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnACLCheck lets everybody read and write.
func (*ear) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnPublish takes a message in, or drops it where there is no room to keep it.
func (e *ear) OnPublish(_ *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	kept := e.server.Topics.Retained
	if _, known := kept.Get(p.TopicName); p.FixedHeader.Retain && !known && kept.Len() >= maxRetained {
		return p, packets.CodeSuccessIgnore
	}
	return p, nil
}

// OnPublished hears a message that was passed on.
func (e *ear) OnPublished(_ *mqtt.Client, p packets.Packet) { e.hear(p) }

// OnWillSent hears a last will.
func (e *ear) OnWillSent(_ *mqtt.Client, p packets.Packet) { e.hear(p) }

func (e *ear) hear(p packets.Packet) {
	if !p.Ignore {
		e.heard(p.TopicName, p.Payload, p.FixedHeader.Retain)
	}
}
