package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"tacet/daemon/topic"
)

// broker is the address to connect to, and the credentials.
type broker struct {
	address  string // host:port
	host     string
	secure   bool // with TLS
	username string
	open     func(ctx context.Context, address string) (net.Conn, error)

	// Set by use, from the credentials.
	tls      *tls.Config // nil: without TLS
	password string
}

// newBroker parses the address.
func newBroker(o Options) (*broker, error) {
	a, err := topic.ParseAddress(o.Broker)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := topic.ValidUsername(o.Username); err != nil {
		return nil, err
	}
	b := &broker{username: o.Username, host: a.Host, address: a.Dial(), secure: a.Secure, open: o.Dial}
	if b.open == nil {
		b.open = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	return b, nil
}

// dial opens a TCP connection, and TLS on it if configured. It ignores the environment's proxies.
func (b *broker) dial(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := b.open(ctx, b.address)
	if err != nil {
		return nil, diagnose(stageDial, err)
	}
	if b.tls == nil {
		return conn, nil
	}
	secure := tls.Client(conn, b.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, diagnose(stageTLS, err)
	}
	return secure, nil
}
