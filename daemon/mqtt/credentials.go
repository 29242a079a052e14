package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// Credentials are the contents of the files by which unit and broker authenticate each other.
type Credentials struct {
	Password string // trailing line breaks are removed
	CA       []byte // PEM; empty: the authorities of the system
	Cert     []byte // PEM; the unit's certificate, if the broker asks for one
	Key      []byte // PEM
}

// withCredentials returns the broker with the credentials as they are now. Its errors are *Trouble
// or that of ctx: a file system that hangs doesn't delay a stop.
func (b broker) withCredentials(ctx context.Context, read func() (Credentials, error)) (*broker, error) {
	if read == nil {
		read = func() (Credentials, error) { return Credentials{}, nil }
	}
	done := make(chan error, 1)
	go func() {
		c, err := read()
		if err == nil {
			err = b.use(c)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, &Trouble{Code: Files, What: "a file that [mqtt] names can't be used",
				Do: "see the error and correct the file: it is read again before each attempt", Err: err}
		}
		return &b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// use sets password and TLS configuration.
func (b *broker) use(c Credentials) error {
	b.password = string(bytes.TrimRight([]byte(c.Password), "\r\n"))
	if !b.secure {
		return nil
	}
	b.tls = &tls.Config{ServerName: b.host, MinVersion: tls.VersionTLS12}
	if len(c.CA) > 0 {
		b.tls.RootCAs = x509.NewCertPool()
		if !b.tls.RootCAs.AppendCertsFromPEM(c.CA) {
			return errors.New("ca: no PEM certificate")
		}
	}
	if len(c.Cert) > 0 || len(c.Key) > 0 {
		pair, err := tls.X509KeyPair(c.Cert, c.Key)
		if err != nil {
			return fmt.Errorf("cert and client_key: %w", err)
		}
		b.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}
