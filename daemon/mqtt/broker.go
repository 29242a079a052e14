package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"tacet/daemon/topic"
)

// broker is where to connect to, and as whom.
type broker struct {
	address  string // host:port
	host     string
	secure   bool // with TLS
	username string

	// From the credentials: see use.
	tls      *tls.Config // nil: in clear
	password string
}

// newBroker takes the address apart.
func newBroker(o Options) (*broker, error) {
	a, err := topic.ParseAddress(o.Broker)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := topic.ValidUsername(o.Username); err != nil {
		return nil, err
	}
	return &broker{username: o.Username, host: a.Host, address: a.Dial(), secure: a.Secure}, nil
}

// dial opens the connection: TCP, and TLS where it is asked for. It goes to the configured address
// alone, whatever proxies the environment names.
func (b *broker) dial(ctx context.Context, within time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", b.address)
	if err != nil {
		return nil, diagnose(reaching, err)
	}
	if b.tls == nil {
		return conn, nil
	}
	secure := tls.Client(conn, b.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, diagnose(securing, err)
	}
	return secure, nil
}
