package mqtt

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"tacet/daemon/health"
)

// Only alerts about a certificate mention one.
func TestEachAlertHasItsName(t *testing.T) {
	certificates := map[int]string{
		certificateRequired: "the unit has none", certificateExpired: "has expired",
		unknownCA:              "the authority that signed it",
		certificateRevoked:     "revoked",
		unsupportedCertificate: "not supported", badCertificate: "refused the unit's certificate",
		certificateUnknown: "refused the unit's certificate",
		decryptError:       "refused the unit's certificate", accessDenied: "has no access",
	}
	others := map[int]string{
		protocolVersion: "no TLS version", insufficientSecurity: "no TLS cipher", handshakeFailure: "no TLS cipher",
		unrecognizedName: "for the name in [mqtt]",
		internalError:    "the broker failed",
	}
	for n := range 256 {
		err := fmt.Errorf("read: %w", &net.OpError{Op: "remote error", Err: errors.New(tls.AlertError(n).Error())})
		got := diagnose(stageTLS, err)
		want, code := certificates[n], health.Code(Denied)
		if want == "" {
			code, want = Unreached, others[n]
		}
		if got.Code != code || !strings.Contains(got.What, want) || got.Do == "" {
			t.Errorf("alert %d: %s, %q, do %q; want %s, %q", n, got.Code, got.What, got.Do, code, want)
		}
		if certificates[n] == "" && strings.Contains(got.What, "refused the unit's certificate") {
			t.Errorf("alert %d is reported as one of the certificate", n)
		}
	}
}

// Handshakes with servers of the standard library that have nothing in common with the unit.
func TestRealHandshakesThatFail(t *testing.T) {
	office := newAuthority(t)
	server := office.issue(t, "127.0.0.1", office.cert.NotAfter)
	pair, err := tls.X509KeyPair(server.cert, server.key)
	if err != nil {
		t.Fatal(err)
	}
	for words, config := range map[string]*tls.Config{
		"no TLS version": {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"no TLS cipher":  {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}},
		"unit has none":  {ClientAuth: tls.RequireAnyClientCert},
	} {
		config.Certificates = []tls.Certificate{pair}
		f := startFake(t, func(_ *fake, _ int, conn net.Conn) {
			secure := tls.Server(conn, config)
			secure.Handshake()
			io.Copy(io.Discard, secure)
		})
		o := options(f.address)
		o.Broker = "mqtts://" + f.address
		o.Credentials = fixed(Credentials{CA: office.pem})
		_, err := probeOnTime(o)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("doctor says %v, want %q", err, words)
		}
		u := launch(t, o, nil)
		u.awaitTrouble(t, words)
		u.stop()
	}
}
