// Package sendtest is a mail server for tests.
package sendtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is a mail that the server took.
type Mail struct {
	From   string
	To     []string
	TLS    bool
	User   string // who was authenticated
	Header mail.Header
	Body   string
}

// Server is a mail server. It takes what its functions let pass.
type Server struct {
	Address string
	Roots   *x509.CertPool
	CA      []byte // PEM

	User, Password string             // empty: it takes mail from anybody
	Rcpt           func(string) error // nil: takes all
	Data           func() error       // nil: takes all

	mu    sync.Mutex
	mails []Mail
	came  chan struct{}
	smtp  *smtp.Server
	tls   *tls.Config
}

// Security is what the server offers.
type Security int

const (
	StartTLS Security = iota
	Implicit
	None
)

// New starts a server on a free port of this computer.
func New(t testing.TB, security Security, change func(*Server)) *Server {
	t.Helper()
	s := &Server{came: make(chan struct{}, 1)}
	s.certificate(t)
	if change != nil {
		change(s)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = listener.Addr().String()
	s.Start(t, listener, security)
	return s
}

// Start serves on a listener until the test ends or Stop is called.
func (s *Server) Start(t testing.TB, listener net.Listener, security Security) {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{s: s, conn: c}, nil
	}))
	server.Domain, server.AllowInsecureAuth, server.ErrorLog = "localhost", security == None, discard{}
	server.ReadTimeout, server.WriteTimeout, server.MaxMessageBytes = time.Minute, time.Minute, 1<<20
	switch security {
	case StartTLS:
		server.TLSConfig = s.tls
	case Implicit:
		listener = tls.NewListener(listener, s.tls)
	}
	s.mu.Lock()
	s.smtp = server
	s.mu.Unlock()
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

// Stop closes the listener and all connections.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.smtp.Close()
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

func (s *Server) certificate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	s.Roots = Pool(s.CA)
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// Pool is the authorities of a PEM file.
func Pool(ca []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return pool
}

// TLS is the server's configuration.
func (s *Server) TLS() *tls.Config { return s.tls }

// Mails returns what was taken so far.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Wait returns when the server has taken n mails.
func (s *Server) Wait(t testing.TB, n int) []Mail {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		if all := s.Mails(); len(all) >= n {
			return all
		}
		select {
		case <-s.came:
		case <-deadline.C:
			t.Fatalf("%d mails in a minute, want %d", len(s.Mails()), n)
		}
	}
}

type session struct {
	s    *Server
	conn *smtp.Conn
	mail Mail
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.s.User || password != s.s.Password {
			return smtp.ErrAuthFailed
		}
		s.mail.User = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.s.User != "" && s.mail.User == "" {
		return smtp.ErrAuthRequired
	}
	s.mail.From = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.s.Rcpt != nil {
		if err := s.s.Rcpt(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.s.Data != nil {
		if err := s.s.Data(); err != nil {
			return err
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	_, s.mail.TLS = s.conn.TLSConnectionState()
	s.mail.Header, s.mail.Body = m.Header, string(body)
	s.s.mu.Lock()
	s.s.mails = append(s.s.mails, s.mail)
	s.s.mu.Unlock()
	select {
	case s.s.came <- struct{}{}:
	default:
	}
	return nil
}

func (s *session) Reset() { s.mail.From, s.mail.To = "", nil }

func (s *session) Logout() error { return nil }
