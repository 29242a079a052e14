package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"tacet/daemon/durable"
)

// Files in Dir.
const (
	// CAFile is the authority's certificate, which every unit needs as [mqtt] ca.
	CAFile   = "ca.pem"
	caKey    = "ca.key"
	certFile = "broker.pem"
	keyFile  = "broker.key"

	maxPEM = 64 << 10 // bytes
)

const (
	authorityLasts   = 20 * 365 * 24 * time.Hour
	certificateLasts = 397 * 24 * time.Hour // some programs accept no longer one
	// renewBefore is how long before its end a certificate is replaced.
	renewBefore = certificateLasts / 3
	// early is how long before its making a certificate is valid: clocks differ.
	early = 30 * 24 * time.Hour
	// checkEvery is how often the end is looked at.
	checkEvery = time.Hour
)

// authority is a certificate authority of the broker's own, with the broker's certificate. Both are
// made at the first start. The broker's is replaced when it comes to its end, or when the computer
// has another name or address; what the units know is the authority's, which stays.
type authority struct {
	fs    durable.FS
	names []string
	now   func() time.Time
	// own returns the computer's names and addresses.
	own func() []string

	ca  *x509.Certificate
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	cert    *tls.Certificate // guarded by mu
	checked time.Time        // guarded by mu
}

func openAuthority(root *os.Root, names []string) (*authority, error) {
	a := &authority{fs: durable.OS(root), names: names, now: time.Now, own: ownNames}
	return a, a.open()
}

func (a *authority) open() error {
	err := a.load()
	if errors.Is(err, fs.ErrNotExist) {
		err = a.make()
	}
	if err != nil {
		return fmt.Errorf("the broker's certificate authority: %w", err)
	}
	if now := a.now(); now.Before(a.ca.NotBefore) || now.After(a.ca.NotAfter) {
		return fmt.Errorf("the broker's certificate authority is valid from %s to %s, and this computer's clock says %s",
			a.ca.NotBefore.Format(time.DateOnly), a.ca.NotAfter.Format(time.DateOnly), now.Format(time.DateOnly))
	}
	_, err = a.certificate()
	return err
}

// load reads the authority. Its error is fs.ErrNotExist only if neither file is there.
func (a *authority) load() error {
	cert, err1 := durable.ReadFile(a.fs, CAFile, maxPEM)
	key, err2 := durable.ReadFile(a.fs, caKey, maxPEM)
	if errors.Is(err1, fs.ErrNotExist) { // the certificate is written last
		return err1
	}
	if err := errors.Join(err1, err2); err != nil {
		// Not made anew: the units know the old one.
		return fmt.Errorf("%s can't be used without %s: %v", CAFile, caKey, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return err
	}
	own, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return errors.New("the key is of another kind")
	}
	a.ca, a.key = pair.Leaf, own
	return nil
}

func (a *authority) make() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := a.now()
	name, err := os.Hostname()
	if err != nil {
		name = "this practice"
	}
	ca := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Tacet broker of " + name, SerialNumber: now.UTC().Format("20060102T150405Z")},
		NotBefore: now.Add(-early), NotAfter: now.Add(authorityLasts), IsCA: true, BasicConstraintsValid: true,
		MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert, err := a.issue(ca, ca, key, key)
	if err == nil {
		err = a.write(caKey, CAFile, cert, key)
	}
	if err != nil {
		return err
	}
	a.ca, a.key = cert, key
	return nil
}

// issue signs a certificate.
func (a *authority) issue(c, parent *x509.Certificate, subject, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	c.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &subject.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// write writes a key, and then its certificate.
func (a *authority) write(keyName, certName string, cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err == nil {
		err = durable.WriteFile(a.fs, keyName, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	if err == nil {
		err = durable.WriteFile(a.fs, certName, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return err
}

// certificate returns the broker's certificate, and replaces it if it is time to.
func (a *authority) certificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.cert != nil && now.Sub(a.checked).Abs() < checkEvery {
		return a.cert, nil
	}
	a.checked = now
	dns, addresses := split(append(a.own(), a.names...))
	if a.cert == nil {
		a.cert = a.stored()
	}
	if a.cert != nil && serves(a.cert.Leaf, dns, addresses) && now.Before(a.cert.Leaf.NotAfter.Add(-renewBefore)) &&
		now.After(a.cert.Leaf.NotBefore) {
		return a.cert, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return a.cert, err
	}
	leaf, err := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Tacet broker"}, DNSNames: dns,
		IPAddresses: addresses, NotBefore: now.Add(-early), NotAfter: now.Add(certificateLasts),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, a.ca, key, a.key)
	if err == nil {
		err = a.write(keyFile, certFile, leaf, key)
	}
	if err != nil {
		return a.cert, fmt.Errorf("renew the broker's certificate: %w", err)
	}
	a.cert = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	return a.cert, nil
}

// stored is the certificate in the folder, or nil if it is not usable.
func (a *authority) stored() *tls.Certificate {
	cert, err1 := durable.ReadFile(a.fs, certFile, maxPEM)
	key, err2 := durable.ReadFile(a.fs, keyFile, maxPEM)
	if err1 != nil || err2 != nil {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil || pair.Leaf.CheckSignatureFrom(a.ca) != nil {
		return nil
	}
	return &pair
}

// serves reports whether a certificate has all these names and addresses.
func serves(c *x509.Certificate, dns []string, addresses []net.IP) bool {
	for _, name := range dns {
		if !slices.Contains(c.DNSNames, name) {
			return false
		}
	}
	for _, address := range addresses {
		if !slices.ContainsFunc(c.IPAddresses, address.Equal) {
			return false
		}
	}
	return true
}

// split tells names from addresses.
func split(all []string) (dns []string, addresses []net.IP) {
	for _, name := range all {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
		} else if !slices.Contains(dns, name) {
			dns = append(dns, name)
		}
	}
	return dns, addresses
}

// maxOwn is the most addresses of the computer that go into the certificate.
const maxOwn = 32

// ownNames are the names and addresses by which others may reach this computer.
func ownNames() []string {
	all := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" && name != "localhost" {
		all = append(all, name, name+".local")
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return all
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && len(all) < maxOwn {
			all = append(all, n.IP.String())
		}
	}
	return all
}
