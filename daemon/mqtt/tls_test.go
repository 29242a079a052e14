package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/health"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// pair is a certificate and its key, in PEM.
type pair struct{ cert, key []byte }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	p := a.sign(t, a.cert)
	a.pem = p.cert
	return a
}

// issue makes a certificate for a name or address, valid until a time.
func (a *authority) issue(t *testing.T, name string, until time.Time) pair {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	return a.sign(t, c)
}

func (a *authority) sign(t *testing.T, c *x509.Certificate) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil { // its own
		signer, a.key = key, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}),
	}
}

// secured is a Mosquitto with TLS. It asks for a client certificate signed by clients, unless that
// is nil.
func secured(t *testing.T, server pair, clients *authority) *mosquitto {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	settings := []string{
		"allow_anonymous true", "certfile " + put("server.pem", server.cert), "keyfile " + put("server.key", server.key),
	}
	if clients != nil {
		settings = append(settings, "cafile "+put("clients.pem", clients.pem), "require_certificate true")
	}
	return installed(t, settings...)
}

func secureOptions(m *mosquitto, ca []byte) Options {
	o := options(m.address())
	o.Broker = "mqtts://" + m.address()
	o.Credentials = fixed(Credentials{CA: ca})
	return o
}

// fixed are credentials that don't change.
func fixed(c Credentials) func() (Credentials, error) {
	return func() (Credentials, error) { return c, nil }
}

func TestTLSWithCertificatesOnBothSides(t *testing.T) {
	office, units := newAuthority(t), newAuthority(t)
	m := secured(t, office.issue(t, "127.0.0.1", time.Now().Add(time.Hour)), units).start(t)
	o := secureOptions(m, office.pem)
	mine := units.issue(t, "room-3", time.Now().Add(time.Hour))
	o.Credentials = fixed(Credentials{CA: office.pem, Cert: mine.cert, Key: mine.key})
	u := launch(t, o, nil)
	u.awaitConnected(t)
	u.stop()
	if all := u.reports.all(); len(all) != 2 || all[0].Trouble != nil {
		t.Errorf("reports: %v", all)
	}
}

func TestTroubleWithCertificatesIsToldAndMendedWithoutARestart(t *testing.T) {
	office, other, units := newAuthority(t), newAuthority(t), newAuthority(t)
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	good := office.issue(t, "127.0.0.1", later)
	tests := []struct {
		name    string
		server  pair
		clients *authority
		change  func(*Credentials)
		words   string
		code    health.Code
	}{
		{"wrong authority", other.issue(t, "127.0.0.1", later), nil, nil, "doesn't know the authority", Unverified},
		{"expired", office.issue(t, "127.0.0.1", past), nil, nil, "has expired", Unverified},
		{"another name", office.issue(t, "elsewhere.lan", later), nil, nil, "is for another name", Unverified},
		{"no certificate of ours", good, units, nil, "the unit has none", Denied},
		{"ours is expired", good, units, func(c *Credentials) {
			p := units.issue(t, "room-3", past)
			c.Cert, c.Key = p.cert, p.key
		}, "refused the unit's certificate", Denied},
		{"ours is of another authority", good, units, func(c *Credentials) {
			p := other.issue(t, "room-3", later)
			c.Cert, c.Key = p.cert, p.key
		}, "refused the unit's certificate", Denied},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := secured(t, test.server, test.clients).start(t)
			o, c := secureOptions(m, office.pem), Credentials{CA: office.pem}
			if test.change != nil {
				test.change(&c)
			}
			o.Credentials = fixed(c)
			u := launch(t, o, nil)
			tr := u.awaitTrouble(t, test.words)
			if tr.Do == "" || !strings.Contains(strings.Join(u.logs.all(), "\n"), test.words) {
				t.Errorf("reported as %+v and logged as %q", tr, u.logs.all())
			}
			if tr.Code != test.code {
				t.Errorf("reported as %s", tr.Code)
			}
			// A technician corrects the broker.
			m.kill()
			mended := secured(t, good, nil)
			mended.port = m.port
			config, err := os.ReadFile(mended.config)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(config), "\n")
			for i, line := range lines {
				if strings.HasPrefix(line, "listener ") {
					lines[i] = "listener " + m.port + " 127.0.0.1"
				}
			}
			if err := os.WriteFile(mended.config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
			mended.start(t)
			u.awaitConnected(t)
		})
	}
}

func TestTLSAndClearMixedUp(t *testing.T) {
	plain := installed(t).start(t)
	office := newAuthority(t)
	u := launch(t, secureOptions(plain, office.pem), nil)
	if tr := u.awaitTrouble(t, "TLS"); tr.Code != Unreached {
		t.Errorf("reported as %s", tr.Code)
	}
	u.stop()

	m := secured(t, office.issue(t, "127.0.0.1", time.Now().Add(time.Hour)), nil).start(t)
	u = launch(t, options(m.address()), nil)
	if tr := u.awaitTrouble(t, ""); !strings.Contains(tr.Do, "mqtts://") {
		t.Errorf("a TLS port without TLS: %+v", tr)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, test := range []struct {
		change func(*Options)
		words  string
	}{
		{func(o *Options) { o.Broker = "broker.lan" }, "is not an address"},
		{func(o *Options) { o.Broker = "http://broker.lan" }, "http:// is not supported"},
		{func(o *Options) { o.Broker = "mqtt://" }, "is not an address"},
		{func(o *Options) { o.Broker = "mqtt://me:secret@broker.lan" }, "the address holds a password"},
		{func(o *Options) { o.Broker = "mqtt://broker.lan/x" }, "a path after the host"},
		{func(o *Options) { o.Broker = "mqtt://me:secret@broker.lan:x" }, "is not an address"},
		{func(o *Options) { o.Site = "High Street" }, "site and room"},
		{func(o *Options) { o.Room = "" }, "site and room"},
		{func(o *Options) { o.HomeAssistant = "#" }, "homeassistant"},
		{func(o *Options) { o.HomeAssistant = "/ha" }, "homeassistant"},
	} {
		o := options("broker.lan")
		test.change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%+v: %v, want %q", o.Broker, err, test.words)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
	for broker, address := range map[string]string{
		"mqtt://broker.lan": "broker.lan:1883", "mqtts://broker.lan": "broker.lan:8883",
		"mqtt://broker.lan:1/": "broker.lan:1", "mqtts://[fe80::1]": "[fe80::1]:8883",
		"mqtt://[fe80::1%25lo]": "[fe80::1%lo]:1883",
	} {
		o := options("")
		o.Broker = broker
		if c, err := New(o); err != nil || c.broker.address != address {
			t.Errorf("%s: %v", broker, err)
		}
	}
}

// Every answer by which a broker refuses CONNECT is told apart.
func TestRefusalsAreTold(t *testing.T) {
	for answer, want := range map[byte]Trouble{
		packets.ErrRefusedBadProtocolVersion:    {Code: Unreached, What: "MQTT 3.1.1"},
		packets.ErrRefusedIDRejected:            {Code: Denied, What: "client id"},
		packets.ErrRefusedServerUnavailable:     {Code: Unreached, What: "unavailable"},
		packets.ErrRefusedBadUsernameOrPassword: {Code: Denied, What: "user name or the password"},
		packets.ErrRefusedNotAuthorised:         {Code: Denied, What: "user name or the password"},
	} {
		f := startFake(t, func(f *fake, n int, conn net.Conn) { f.welcome(conn, answer) })
		u := launch(t, options(f.address), nil)
		if tr := u.awaitTrouble(t, want.What); tr.Do == "" || tr.Code != want.Code {
			t.Errorf("answer %d: reported as %s with the advice %q", answer, tr.Code, tr.Do)
		}
		u.stop()
	}
}
