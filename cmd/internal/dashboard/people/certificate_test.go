package people

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// issue writes a certificate for a name, and its key.
func issue(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotAfter: time.Now().Add(time.Hour)}
	cert, err1 := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	private, err2 := x509.MarshalPKCS8PrivateKey(key)
	err = errors.Join(err1, err2,
		os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
			0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// A renewed certificate is used without a restart. A broken one changes nothing and is reported
// once.
func TestCertificateIsReloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		issue(t, dir, "one.example")
		c, err := LoadCertificate(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		var failures []error
		c.Failed = func(err error) { failures = append(failures, err) }
		name := func() string {
			time.Sleep(lookAgain)
			got, _ := c.Config().GetCertificate(nil)
			return got.Leaf.Subject.CommonName
		}
		issue(t, dir, "two.example")
		if got := name(); got != "two.example" {
			t.Errorf("after the renewal it is %s", got)
		}
		if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("half a f"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := name(); got != "two.example" {
				t.Errorf("with a broken key it is %s", got)
			}
		}
		if len(failures) != 1 {
			t.Errorf("reported: %v", failures)
		}
		issue(t, dir, "three.example")
		if got := name(); got != "three.example" {
			t.Errorf("at last it is %s", got)
		}
	})
}

func TestWhereThePageMayListen(t *testing.T) {
	for _, c := range []struct {
		listen    string
		encrypted bool
		accounts  int
		missing   string
	}{
		{"127.0.0.1:8081", false, 0, ""}, {"[::1]:8081", false, 0, ""}, {"localhost:8081", false, 0, ""},
		{"127.0.0.9:1", false, 0, ""}, {"[::ffff:127.0.0.1]:1", false, 0, ""},
		{":8081", false, 0, "a certificate and an account"}, {"0.0.0.0:8081", true, 0, "an account"},
		{"192.0.2.1:8081", false, 2, "a certificate"}, {"[::]:8081", false, 0, "a certificate and an account"},
		{"dash.example:8081", false, 0, "a certificate and an account"},
		{"0.0.0.0:8081", true, 1, ""}, {"8081", true, 1, "missing port"},
	} {
		err := Allow(c.listen, c.encrypted, c.accounts)
		if (err == nil) != (c.missing == "") || err != nil && !strings.HasSuffix(err.Error(), "needs "+c.missing) &&
			!strings.Contains(err.Error(), c.missing) {
			t.Errorf("%s, certificate %v, %d accounts: %v", c.listen, c.encrypted, c.accounts, err)
		}
	}
}
