//go:build linux

package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"tacet/systemd/needs"
)

// S3 is a running versitygw, an S3 server that keeps objects as files.
type S3 struct {
	Addr       string // 127.0.0.1:port
	URL        string // with http, or https for TLS
	Bucket     string
	Region     string
	AccessFile string // files of the two keys
	SecretFile string
	CA         string // file of the authority that vouches for the server; "" without TLS
	Dir        string // of the bucket: each object is a file in it
	Home       string // where all its files lie

	// Admin may do everything with the server, at its own address.
	Admin *minio.Client

	process
	tls, lock bool
	disk      int64
}

// S3Option changes how a server is set up.
type S3Option func(*S3)

// TLS gives the server a certificate of an authority of its own.
func TLS(s *S3) { s.tls = true }

// ObjectLock makes the bucket with object lock, and so with versions.
func ObjectLock(s *S3) { s.lock = true }

// S3Disk puts the objects on a disk of their own, of size bytes. Needs root.
func S3Disk(size int64) S3Option { return func(s *S3) { s.disk = size } }

const (
	accessKey = "room-3"
	secretKey = "a secret that no one knows"
)

// StartS3 starts versitygw, which "make test" installs, with one bucket.
func StartS3(t testing.TB, options ...S3Option) *S3 {
	t.Helper()
	program := filepath.Join(os.Getenv("TACET_TOOLS"), "versitygw")
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("versitygw"); err != nil {
			t.Fatal("no versitygw here: make test installs it; or set TACET_TOOLS to the folder in which it lies")
		}
	}
	s := &S3{Home: folder(t, ""), Bucket: "tacet", Region: "us-east-1",
		process: process{t: t, ready: "service listening on"}}
	for _, o := range options {
		o(s)
	}
	s.AccessFile, s.SecretFile = filepath.Join(s.Home, "access"), filepath.Join(s.Home, "secret")
	write(t, s.AccessFile, "%s\n", accessKey)
	write(t, s.SecretFile, "%s\n", secretKey)
	data := filepath.Join(s.Home, "data")
	must(t, os.Mkdir(data, 0o700))
	if s.disk > 0 {
		needs.Kernel(t, "to mount a small disk", syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%d", s.disk)))
		t.Cleanup(func() { syscall.Unmount(data, syscall.MNT_DETACH) })
	}
	// What it notes of each object goes to a folder: not every file system has extended attributes.
	// It is not on the small disk, since of a note that finds no room the server says only that
	// something went wrong.
	notes := filepath.Join(s.Home, "notes")
	must(t, os.Mkdir(notes, 0o700))
	arguments := []string{"posix", "--sidecar", notes}
	s.Dir = filepath.Join(data, "objects", s.Bucket)
	for _, dir := range []string{"objects", "versions"} {
		must(t, os.Mkdir(filepath.Join(data, dir), 0o700))
	}
	if s.lock {
		arguments = append(arguments, "--versioning-dir", filepath.Join(data, "versions"))
	}
	arguments = append(arguments, filepath.Join(data, "objects"))
	scheme := "http"
	var certificate []string
	if s.tls {
		scheme, s.CA = "https", filepath.Join(s.Home, "ca.pem")
		certificate = []string{"--cert", filepath.Join(s.Home, "server.pem"), "--key", filepath.Join(s.Home, "server.key")}
		s.certify()
	}
	s.command = func() *exec.Cmd {
		cmd := exec.Command(program, slices.Concat([]string{"--port", s.Addr, "--keep-alive", "--region", s.Region},
			certificate, arguments)...)
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
		cmd.Dir = s.Home
		return cmd
	}
	said, ok := "", false
	for range 5 { // somebody may have taken the port
		s.Addr = fmt.Sprintf("127.0.0.1:%d", freePort(t))
		if said, ok = s.try(); ok || !strings.Contains(said, "in use") {
			break
		}
	}
	if !ok {
		t.Fatalf("versitygw does not start:\n%s", said)
	}
	t.Cleanup(s.kill)
	s.URL = scheme + "://" + s.Addr
	s.listening()
	s.makeBucket()
	return s
}

// listening waits until the server takes connections, which it says a moment too early.
func (s *S3) listening() {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", s.Addr)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal(err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (s *S3) makeBucket() {
	s.t.Helper()
	transport, err := minio.DefaultTransport(s.tls)
	must(s.t, err)
	if s.tls {
		text, err := os.ReadFile(s.CA)
		must(s.t, err)
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text)
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	s.Admin, err = minio.New(s.Addr,
		&minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Secure: s.tls, Region: s.Region,
			BucketLookup: minio.BucketLookupPath, Transport: transport})
	must(s.t, err)
	must(s.t, s.Admin.MakeBucket(s.t.Context(), s.Bucket,
		minio.MakeBucketOptions{Region: s.Region, ObjectLocking: s.lock}))
}

// Kill ends the server at once; Start starts it again, at the same address and with what it had on
// disk.
func (s *S3) Kill() { s.kill() }

func (s *S3) Start() {
	s.t.Helper()
	s.start()
	s.listening()
}

// Freeze stops the server without ending it: connections stay, and nobody answers.
func (s *S3) Freeze() { s.t.Helper(); s.signal(syscall.SIGSTOP) }

func (s *S3) Thaw() { s.t.Helper(); s.signal(syscall.SIGCONT) }

// certify makes an authority, and a certificate by it for the loopback address.
func (s *S3) certify() {
	s.t.Helper()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true,
		NotBefore:             time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(s.t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(s.t, err)
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(s.t, err)
	serverDER, err := x509.CreateCertificate(rand.Reader, server, ca, &key.PublicKey, caKey)
	must(s.t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(s.t, err)
	for name, block := range map[string]*pem.Block{
		s.CA:                                {Type: "CERTIFICATE", Bytes: caDER},
		filepath.Join(s.Home, "server.pem"): {Type: "CERTIFICATE", Bytes: serverDER},
		filepath.Join(s.Home, "server.key"): {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		must(s.t, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
	}
}
