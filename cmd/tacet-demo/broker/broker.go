// Package broker is the demo's own MQTT broker, for a unit whose config names none. It shows
// whoever tries the unit what the unit publishes.
//
//	b, err := broker.Start(func(topic string, payload []byte, retained bool) { … })
//	b.URL() // mqtt://127.0.0.1:34567
//
// Promises:
//
//   - It listens only on the loopback address, at a free port.
//   - It reports every message that it accepts once, in the order of its
//     sender, including last wills.
//   - It keeps everything in memory, within the limits below.
//
// It has no passwords, and forgets everything when it is closed.
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
	maxWaiting  = 1024      // messages to a slow reader; further ones are dropped
	maxInflight = 1024      // unacknowledged messages of QoS 1 and 2, per client
	maxRetained = 4096      // topics, some twenty of them $SYS
	maxSession  = 3600      // seconds that a session survives its connection

	// statsInterval is the time between its $SYS messages, in seconds: they hardly ever come.
	statsInterval = 24 * 3600
	// closeTimeout is how long an orderly end may take.
	closeTimeout = 2 * time.Second
)

// Handler gets each message. It runs on the sender's goroutine and must not block; payload is valid
// only during the call.
type Handler func(topic string, payload []byte, retained bool)

// Broker is a running broker.
type Broker struct {
	server *mqtt.Server
	at     net.Addr
	ended  sync.Once
}

// Start starts a broker.
func Start(handle Handler) (*Broker, error) {
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
		Capabilities: limits, SysTopicResendInterval: statsInterval,
		Logger: slog.New(slog.DiscardHandler), // it would log every client that leaves
	})
	err = server.AddHook(&hook{server: server, handle: handle}, nil)
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

// URL returns the broker's address.
func (b *Broker) URL() string { return "mqtt://" + b.at.String() }

// Close stops the broker and closes its connections.
func (b *Broker) Close() {
	b.ended.Do(func() {
		done := make(chan struct{})
		go func() { defer close(done); b.server.Close() }()
		select {
		case <-done:
		case <-time.After(closeTimeout):
		}
	})
}

// hook passes every message to the handler, and admits every client.
type hook struct {
	mqtt.HookBase
	server *mqtt.Server
	handle Handler
}

// ID names the hook.
func (*hook) ID() string { return "messages" }

// Provides reports which of its methods are used.
func (*hook) Provides(what byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnPublished,
		mqtt.OnWillSent}, what) >= 0
}

// OnConnectAuthenticate admits everybody on this machine.
func (*hook) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnACLCheck allows everything.
func (*hook) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnPublish accepts a message, or drops it if there is no room to retain it.
func (e *hook) OnPublish(_ *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	kept := e.server.Topics.Retained
	if _, known := kept.Get(p.TopicName); p.FixedHeader.Retain && !known && kept.Len() >= maxRetained {
		return p, packets.CodeSuccessIgnore
	}
	return p, nil
}

// OnPublished handles a message that was passed on.
func (e *hook) OnPublished(_ *mqtt.Client, p packets.Packet) { e.pass(p) }

// OnWillSent handles a last will.
func (e *hook) OnWillSent(_ *mqtt.Client, p packets.Packet) { e.pass(p) }

func (e *hook) pass(p packets.Packet) {
	if !p.Ignore {
		e.handle(p.TopicName, p.Payload, p.FixedHeader.Retain)
	}
}
