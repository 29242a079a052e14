package feed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/mqtt"
)

// link is one connection. The MQTT library neither dials nor reconnects nor stores: every
// connection is a new client, so it never acknowledges anything of an old one.
type link struct {
	f        *Feed
	wire     *wire
	paho     paho.Client
	present  bool          // the broker knew our session
	open     chan struct{} // closed by ready
	acks     chan func()   // in the order of arrival
	ctx      context.Context
	retained atomic.Int64 // retained messages that have come
	lasting  atomic.Int64 // messages with QoS 1 that have come, retained or not
}

// open dials and connects.
func (f *Feed) open(ctx context.Context) (*link, error) {
	var credentials mqtt.Credentials
	if f.o.Credentials != nil {
		var err error
		if credentials, err = f.o.Credentials(); err != nil {
			return nil, fmt.Errorf("read the files for the broker: %w", err)
		}
	}
	conn, err := f.dial(ctx, credentials)
	if err != nil {
		return nil, err
	}
	l := &link{f: f, wire: newWire(conn, f.time.answer), open: make(chan struct{}),
		acks: make(chan func(), maxHeld), ctx: ctx}
	o := paho.NewClientOptions()
	o.Servers = []*url.URL{{Scheme: "tcp", Host: f.address.Dial()}}
	o.SetClientID(f.o.ClientID)
	o.SetUsername(f.o.Username)
	o.SetPassword(strings.TrimRight(credentials.Password, "\r\n"))
	o.SetCleanSession(false)
	o.SetProtocolVersion(4)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetAutoAckDisabled(true)
	o.SetOrderMatters(true)
	o.SetStore(paho.NewMemoryStore())
	o.SetKeepAlive(f.time.keepAlive)
	o.SetPingTimeout(f.time.answer)
	o.SetConnectTimeout(f.time.connect)
	o.SetWriteTimeout(f.time.answer)
	o.SetDefaultPublishHandler(l.take)
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return l.wire, nil })
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { l.wire.kill(err) })
	l.paho = paho.NewClient(o)
	go l.acknowledge()
	token := l.paho.Connect()
	stop := context.AfterFunc(ctx, l.close)
	<-token.Done()
	stop()
	if err := token.Error(); err != nil {
		l.close()
		if end := l.wire.end(); end != nil && !errors.Is(end, errClosed) {
			err = end
		}
		return nil, err
	}
	if t, ok := token.(*paho.ConnectToken); ok {
		l.present = t.SessionPresent()
	}
	return l, nil
}

// dial opens a TCP connection, and TLS on it if the address says so. It ignores the environment's
// proxies.
func (f *Feed) dial(ctx context.Context, c mqtt.Credentials) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, f.time.connect)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", f.address.Dial())
	if err != nil || !f.address.Secure {
		return conn, err
	}
	o := &tls.Config{ServerName: f.address.Host, MinVersion: tls.VersionTLS12}
	if len(c.CA) > 0 {
		o.RootCAs = x509.NewCertPool()
		if !o.RootCAs.AppendCertsFromPEM(c.CA) {
			conn.Close()
			return nil, errors.New("read the files for the broker: the authority's file has no PEM certificate")
		}
	}
	secure := tls.Client(conn, o)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// close ends the connection; the broker keeps the session.
func (l *link) close() { l.wire.kill(errClosed) }

// ready lets messages through. Before it, the reader has to know that the connection is up.
func (l *link) ready() { close(l.open) }

// take hands a message on. It runs on the library's goroutine; while it waits nothing more is read,
// and if that lasts the broker's answer to a ping is late and the connection ends.
func (l *link) take(_ paho.Client, m paho.Message) {
	select {
	case <-l.open:
	case <-l.wire.dead:
		return
	}
	size := len(m.Payload()) + len(m.Topic()) + messageCost
	if !l.f.budget.take(size, m.Qos() > 0, l.wire.dead) {
		return
	}
	if m.Retained() {
		l.retained.Add(1)
	}
	if m.Qos() > 0 {
		l.lasting.Add(1)
	}
	e := Event{Broker: l.f.o.Name, Message: &practice.Message{Broker: l.f.o.Name, Topic: m.Topic(), Payload: m.Payload(),
		Retained: m.Retained(), At: time.Now()}}
	e.done = func() {
		l.f.budget.release(size)
		if m.Qos() > 0 {
			select {
			case l.acks <- m.Ack: // there is room: no more than maxHeld are held
			case <-l.wire.dead:
			}
		}
	}
	select {
	case l.f.o.Out <- e:
	case <-l.wire.dead:
		l.f.budget.release(size)
	}
}

// acknowledge sends the acknowledgements: that may block, and Done must not.
func (l *link) acknowledge() {
	for {
		select {
		case ack := <-l.acks:
			ack()
		case <-l.wire.dead:
			return
		}
	}
}
