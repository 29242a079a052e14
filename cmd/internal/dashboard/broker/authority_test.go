package broker

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tacet/daemon/durable"
)

// desk is an authority in a folder, whose clock and names the test sets.
func desk(t *testing.T, dir string, now time.Time, own ...string) (*authority, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	a := &authority{fs: durable.OS(root), now: func() time.Time { return now }, own: func() []string { return own }}
	return a, a.open()
}

// The authority is made once. The certificate is replaced in time, and when the computer has another
// name; clients that know the authority accept each of them.
func TestTheAuthorityStaysAndTheCertificateIsRenewed(t *testing.T) {
	dir, start := t.TempDir(), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var ca, last []byte
	for i, step := range []struct {
		after time.Duration
		own   []string
		fresh bool
	}{
		{0, []string{"office", "192.0.2.7"}, true},
		{24 * time.Hour, []string{"office", "192.0.2.7"}, false},
		{48 * time.Hour, []string{"office", "192.0.2.8"}, true},
		{49 * time.Hour, []string{"192.0.2.8", "office"}, false},
		{48*time.Hour + certificateLasts - renewBefore + time.Minute, []string{"office", "192.0.2.8"}, true},
		{19 * 365 * 24 * time.Hour, []string{"office"}, true},
	} {
		now := start.Add(step.after)
		a, err := desk(t, dir, now, step.own...)
		if err != nil {
			t.Fatal(i, err)
		}
		if pem, err := os.ReadFile(filepath.Join(dir, CAFile)); err != nil || ca != nil && !bytes.Equal(pem, ca) {
			t.Fatal(i, "another authority", err)
		} else {
			ca = pem
		}
		cert, err := a.certificate()
		if err != nil {
			t.Fatal(i, err)
		}
		if fresh := !bytes.Equal(cert.Certificate[0], last); fresh != step.fresh {
			t.Errorf("%d: replaced %v, want %v", i, fresh, step.fresh)
		}
		last = cert.Certificate[0]
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		for _, name := range step.own {
			if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, DNSName: name}); err != nil {
				t.Error(i, err)
			}
		}
	}
	for _, name := range []string{caKey, keyFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := desk(t, dir, start.Add(authorityLasts+time.Hour)); err == nil {
		t.Error("an authority that has ended is used")
	}
}

// A certificate that runs out while the broker runs is replaced.
func TestARunningBrokerRenews(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	a, err := desk(t, t.TempDir(), now, "office")
	if err != nil {
		t.Fatal(err)
	}
	first, _ := a.certificate()
	a.now = func() time.Time { return now.Add(certificateLasts) }
	second, err := a.certificate()
	if err != nil || bytes.Equal(first.Certificate[0], second.Certificate[0]) {
		t.Errorf("not replaced: %v", err)
	}
}

// Half an authority is not replaced by another one, which no unit would know.
func TestHalfAnAuthorityIsRefused(t *testing.T) {
	now := time.Now()
	for name, spoil := range map[string]func(dir string) error{
		"no key":      func(dir string) error { return os.Remove(filepath.Join(dir, caKey)) },
		"another key": func(dir string) error { return os.Rename(filepath.Join(dir, keyFile), filepath.Join(dir, caKey)) },
		"no text":     func(dir string) error { return os.WriteFile(filepath.Join(dir, CAFile), nil, 0o600) },
	} {
		dir := t.TempDir()
		if _, err := desk(t, dir, now, "office"); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(filepath.Join(dir, CAFile))
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		_, err := desk(t, dir, now, "office")
		after, _ := os.ReadFile(filepath.Join(dir, CAFile))
		if err == nil || name != "no text" && !bytes.Equal(before, after) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A power cut between the two files: nobody knows this authority yet.
	dir := t.TempDir()
	if _, err := desk(t, dir, now, "office"); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, CAFile))
	if _, err := desk(t, dir, now, "office"); err != nil {
		t.Error(err)
	}
}
