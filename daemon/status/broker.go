package status

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
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

// newBroker takes the address apart, and says all at once what is wrong with it.
func newBroker(o Options) (*broker, error) {
	b := &broker{username: o.Username}
	u, err := url.Parse(o.Broker)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // without the address, which may hold a password
		}
		return nil, fmt.Errorf("broker: %w", err)
	}
	var errs []error
	ports := map[string]string{"mqtt": "1883", "mqtts": "8883"}
	port, known := ports[u.Scheme]
	if !known {
		errs = append(errs, fmt.Errorf("broker %q: write mqtt://host or mqtts://host", u.Redacted()))
	}
	if u.Hostname() == "" {
		errs = append(errs, fmt.Errorf("broker %q: no host", u.Redacted()))
	}
	if u.User != nil {
		errs = append(errs, errors.New("broker: user name and password don't belong in the address"))
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		errs = append(errs, fmt.Errorf("broker %q: nothing may follow the port", u.Redacted()))
	}
	if u.Port() != "" {
		port = u.Port()
	}
	b.host, b.address, b.secure = u.Hostname(), net.JoinHostPort(u.Hostname(), port), u.Scheme == "mqtts"
	return b, errors.Join(errs...)
}

// dial opens the connection: TCP, and TLS where it is asked for. It goes to the
// configured address alone, whatever proxies the environment names.
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
