package people

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"tacet/config/textfile"
)

// Allow says whether a page may listen at an address. Beyond this computer it needs a certificate,
// since passwords cross the network, and an account, since anybody can open it there.
func Allow(listen string, encrypted bool, accounts int) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("the address %q of the page: %w", listen, err)
	}
	if host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	switch {
	case !encrypted && accounts == 0:
		return fmt.Errorf("the page can be opened from other computers at %s, so it needs a certificate and an account", listen)
	case !encrypted:
		return fmt.Errorf("the page can be opened from other computers at %s, so it needs a certificate", listen)
	case accounts == 0:
		return fmt.Errorf("the page can be opened from other computers at %s, so it needs an account", listen)
	}
	return nil
}

const (
	lookAgain = 10 * time.Second // how old the certificate may be before its files are read again
	maxPEM    = 1 << 20          // bytes
)

// Certificate is a TLS certificate in files, which may be renewed while it is in use.
type Certificate struct {
	certFile, keyFile string
	// Failed is called when renewed files can't be used. The certificate before them stays.
	Failed func(error)

	mu        sync.Mutex
	now       *tls.Certificate
	cert, key []byte // the content of the files
	looked    time.Time
	failure   string // the last one that was reported
}

// LoadCertificate reads a certificate and its key, in PEM.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, Failed: func(error) {}}
	if err := c.load(); err != nil {
		return nil, err
	}
	c.looked = time.Now()
	return c, nil
}

// Config returns the settings of a server with this certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// current returns the certificate, after a look at its files if the last look is a while ago.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		err := c.load()
		if err != nil && err.Error() != c.failure {
			c.Failed(err)
		}
		c.failure = ""
		if err != nil {
			c.failure = err.Error()
		}
	}
	return c.now
}

// load reads the files. What can't be used changes nothing.
func (c *Certificate) load() error {
	cert, errCert := textfile.Read(c.certFile, maxPEM)
	key, errKey := textfile.Read(c.keyFile, maxPEM)
	if err := errors.Join(errCert, errKey); err != nil {
		return fmt.Errorf("read the page's certificate: %w", err)
	}
	if c.now != nil && bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("read the page's certificate %s and its key %s: %w", c.certFile, c.keyFile, err)
	}
	c.now, c.cert, c.key = &pair, cert, key
	return nil
}
