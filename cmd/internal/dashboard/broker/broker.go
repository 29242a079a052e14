// Package broker is an MQTT broker inside the dashboard, for a practice that has none.
//
//	b, err := broker.Open(broker.Options{Listen: ":8883", Dir: dir, Passwords: passwords, Access: access})
//	b.CA()  // the certificate that every unit needs as [mqtt] ca
//	b.Run(ctx, out) // passes on what units publish, as a feed does
//
// Promises:
//
//   - TLS only, with a certificate authority of its own. It is made at the first start, and the
//     broker's certificate is renewed in time.
//   - Every client has an account, from the files that "tacet provision" writes for Mosquitto. A unit
//     may publish on its own room's topics, those of the contract, and on no others. What a session is
//     called belongs to its account, so no account can end the connection of another.
//   - An event is acknowledged to the unit only after the dashboard's disk has it. A unit sends an
//     event until it is acknowledged, so none is lost when this computer's power fails.
//   - What is retained survives a restart: see Memory. A room counts as offline until its unit
//     connects again.
//   - Memory is bounded by the number of accounts: connections, messages, topics and what waits for
//     slow readers. A client that floods is slowed down.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tacet/cmd/internal/dashboard/feed"
	"tacet/daemon/topic"
)

const (
	// maxPacket is longer than anything that a unit or Home Assistant sends, in bytes.
	maxPacket = 64 << 10
	// maxWaiting is how many messages may wait for a slow reader; further ones are dropped.
	maxWaiting = 4096
	// maxInflight is how many unacknowledged messages a reader may have.
	maxInflight = 4096
	// spareClients is how many clients besides two for each room may be connected: Home Assistant, a
	// technician.
	spareClients = 64
	// maxSession is how many seconds the session of a reader survives its connection.
	maxSession = 3600
	// statsInterval is the time between its $SYS messages, in seconds: they hardly ever come.
	statsInterval = 24 * 3600
	// closeTimeout is how long an orderly end may take.
	closeTimeout = 2 * time.Second
)

// Name is the broker's name on the dashboard.
const Name = "this computer"

// Options configure a Broker.
type Options struct {
	Listen string // address, as in ":8883"
	Dir    string // for the certificates; made if it is missing
	// Names are further names and addresses by which units reach this computer.
	Names []string
	// Passwords and Access are files in Mosquitto's formats, which "tacet provision" writes. They are
	// read again when they change.
	Passwords, Access string
	Log               *slog.Logger
}

// Broker is a broker that listens. Run makes it serve.
type Broker struct {
	o         Options
	log       *slog.Logger
	accounts  *lists
	authority *authority
	root      *os.Root
	listener  net.Listener
	server    *mqtt.Server
	hook      *hook
	memory    Memory // nil: none

	ending chan struct{} // closed when Run ends
	once   sync.Once
	out    chan<- feed.Event // set by Run before it serves
}

// Open reads the accounts, makes the certificates that are missing, and binds the address.
func Open(o Options) (*Broker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Broker{o: o, log: o.Log, ending: make(chan struct{})}
	var err error
	if b.accounts, err = openLists(o.Passwords, o.Access, func(err error) {
		b.log.Error("the broker keeps the accounts that it has", "err", err)
	}); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the broker: %w", err)
	}
	if b.root, err = os.OpenRoot(o.Dir); err != nil {
		return nil, fmt.Errorf("open the broker: %w", err)
	}
	if b.authority, err = openAuthority(b.root, o.Names); err == nil {
		b.listener, err = net.Listen("tcp", o.Listen)
	}
	if err == nil {
		err = b.prepare()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the broker: %w", err), b.Close())
	}
	return b, nil
}

// CA is the file with the authority's certificate.
func (b *Broker) CA() string { return filepath.Join(b.o.Dir, CAFile) }

// Addr is the address that it listens at.
func (b *Broker) Addr() net.Addr { return b.listener.Addr() }

// Name is the broker's name on the dashboard.
func (b *Broker) Name() string { return Name }

// prepare makes the server.
func (b *Broker) prepare() error {
	limits := mqtt.NewDefaultServerCapabilities()
	limits.MaximumClients = int64(2*b.accounts.rooms() + spareClients)
	limits.MaximumPacketSize = maxPacket
	limits.MaximumClientWritesPending = maxWaiting
	limits.MaximumInflight = maxInflight
	limits.ReceiveMaximum = maxInflight
	limits.MaximumSessionExpiryInterval = maxSession
	limits.MaximumMessageExpiryInterval = math.MaxInt64 // what is retained stays
	limits.MaximumQos = 1
	limits.TopicAliasMaximum = 0
	limits.SharedSubAvailable = 0
	b.server = mqtt.New(&mqtt.Options{Capabilities: limits, SysTopicResendInterval: statsInterval,
		Logger: slog.New(slog.DiscardHandler)}) // it would log every client that leaves
	b.hook = newHook(b)
	return b.server.AddHook(b.hook, nil)
}

// Memory is what survives a restart.
type Memory interface {
	// Retained calls put with everything that was retained.
	Retained(put func(topic string, payload []byte)) error
	// Keep stores what is retained outside of the rooms' topics: the descriptions for Home Assistant.
	// It may wait for a disk. An empty payload removes it.
	Keep(topic string, payload []byte) error
}

// Remember gives the broker its memory. Call it before Run.
func (b *Broker) Remember(m Memory) error {
	b.memory = m
	return m.Retained(func(name string, payload []byte) {
		if len(payload) == 0 || len(payload) > maxPacket {
			return
		}
		if _, _, below, ok := topic.Split(name); ok && below == "availability" {
			payload = []byte(topic.Offline)
		}
		b.server.Topics.RetainMessage(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1,
			Retain: true}, TopicName: name, Payload: payload, Created: time.Now().Unix()})
	})
}

// Run serves until ctx ends, and passes on what units publish.
func (b *Broker) Run(ctx context.Context, out chan<- feed.Event) {
	b.out = out
	config := &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := b.authority.certificate()
			if err != nil {
				b.log.Error("the broker's certificate", "err", err)
			}
			if cert == nil {
				return nil, err
			}
			return cert, nil
		}}
	err := b.server.AddListener(newListener(b.listener, config, b.log, b.hook.gone))
	if err == nil {
		err = b.server.Serve()
	}
	// Nothing of before is sent again: whatever comes is new.
	status := feed.Status{At: time.Now(), Up: err == nil, Complete: err == nil}
	if err != nil { // the library refuses only what is not done here
		b.log.Error("the broker does not serve", "err", err)
		status.Trouble, status.Advice = "the dashboard's own broker does not start", "see the dashboard's log"
	}
	select {
	case out <- feed.Event{Broker: Name, Status: &status}:
	case <-ctx.Done():
	}
	<-ctx.Done()
	b.end()
}

// end takes leave of the clients. Whoever waits for the disk gets no acknowledgement.
func (b *Broker) end() {
	b.once.Do(func() {
		close(b.ending)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if b.server != nil {
				_ = b.server.Close() // it only fails to close what is closed
			}
		}()
		select {
		case <-done:
		case <-time.After(closeTimeout):
		}
	})
}

// Close ends what Run has not ended. There may be no broker.
func (b *Broker) Close() error {
	if b == nil {
		return nil
	}
	b.end()
	if b.listener != nil {
		b.listener.Close()
	}
	return b.root.Close()
}
