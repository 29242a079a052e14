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
	CA         string // file with the certificate of the server's authority; "" without TLS
	Dir        string // of the bucket: each object is a file in it
	Home       string // the folder of all its files

	// Admin has all permissions.
	Admin *minio.Client

	process
	tls, lock bool
	disk      int64
}

// S3Option configures a server.
type S3Option func(*S3)

// TLS gives the server a certificate of its own authority.
func TLS(s *S3) { s.tls = true }

// ObjectLock makes the bucket with object lock, and therefore with versions.
func ObjectLock(s *S3) { s.lock = true }

// S3Disk puts the objects on a separate disk of size bytes. It needs root.
func S3Disk(size int64) S3Option { return func(s *S3) { s.disk = size } }

const (
	accessKey = "room-3"
	secretKey = "a secret that no one knows"
)

// StartS3 starts versitygw, which "make test" installs, with one bucket.
func StartS3(t testing.TB, options ...S3Option) *S3 {
	t.Helper()
	program := versitygw(t)
	s := &S3{Home: folder(t, ""), Bucket: "tacet", Region: "us-east-1",
		process: process{t: t, ready: "service listening on"}}
	for _, o := range options {
		o(s)
	}
	s.AccessFile, s.SecretFile = filepath.Join(s.Home, "access"), filepath.Join(s.Home, "secret")
	write(t, s.AccessFile, "%s\n", accessKey)
	write(t, s.SecretFile, "%s\n", secretKey)
	arguments := s.makeFolders()
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
	s.tryPorts(func(port int) { s.Addr = fmt.Sprintf("127.0.0.1:%d", port) })
	s.URL = scheme + "://" + s.Addr
	s.listening()
	s.makeBucket()
	return s
}

// versitygw returns the path of the program.
func versitygw(t testing.TB) string {
	t.Helper()
	program := filepath.Join(os.Getenv("TACET_TOOLS"), "versitygw")
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("versitygw"); err != nil {
			t.Fatal("no versitygw here: make test installs it; or set TACET_TOOLS to its folder")
		}
	}
	return program
}

// makeFolders makes the server's folders, and returns the arguments that name them.
func (s *S3) makeFolders() []string {
	s.t.Helper()
	data := filepath.Join(s.Home, "data")
	must(s.t, os.Mkdir(data, 0o700))
	if s.disk > 0 {
		needs.Kernel(s.t, "to mount a small disk", syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%d", s.disk)))
		s.t.Cleanup(func() { syscall.Unmount(data, syscall.MNT_DETACH) })
	}
	// Metadata goes to a folder, because not every file system has extended attributes. It is not
	// on the small disk: if there is no space for it the server reports only an internal error.
	metadata := filepath.Join(s.Home, "metadata")
	must(s.t, os.Mkdir(metadata, 0o700))
	arguments := []string{"posix", "--sidecar", metadata}
	s.Dir = filepath.Join(data, "objects", s.Bucket)
	for _, dir := range []string{"objects", "versions"} {
		must(s.t, os.Mkdir(filepath.Join(data, dir), 0o700))
	}
	if s.lock {
		arguments = append(arguments, "--versioning-dir", filepath.Join(data, "versions"))
	}
	return append(arguments, filepath.Join(data, "objects"))
}

// listening waits until the server accepts connections, which is a moment after it says so.
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

// Kill kills the server; Start starts it again, with the same address and disk.
func (s *S3) Kill() { s.kill() }

func (s *S3) Start() {
	s.t.Helper()
	s.start()
	s.listening()
}

// Freeze stops the server without ending it: connections stay open, but nobody answers.
func (s *S3) Freeze() { s.t.Helper(); s.signal(syscall.SIGSTOP) }

func (s *S3) Thaw() { s.t.Helper(); s.signal(syscall.SIGCONT) }

// certify makes an authority, and its certificate for the loopback address.
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
