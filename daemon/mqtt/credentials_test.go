package mqtt

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// folder holds credentials that change while the unit runs.
type folder struct {
	mu  sync.Mutex
	now Credentials
	err error
}

func (f *folder) put(c Credentials, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now, f.err = c, err
}

func (f *folder) read() (Credentials, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.err
}

// codesOf returns the reported codes without repeats; "" is a connection.
func (u *unit) codesOf() string {
	var all []string
	for _, r := range u.reports.all() {
		code := "connected"
		if r.Trouble != nil {
			code = string(r.Trouble.Code)
		}
		if len(all) == 0 || all[len(all)-1] != code {
			all = append(all, code)
		}
	}
	return strings.Join(all, " ")
}

func TestCorrectedPasswordCountsWithoutARestart(t *testing.T) {
	file := t.TempDir() + "/passwords"
	passwords(t, file, "room-3", "right")
	m := installed(t, "allow_anonymous false", "password_file "+file).start(t)
	f := &folder{now: Credentials{Password: "wrong"}}
	o := options(m.address())
	o.Username, o.Credentials = "room-3", f.read
	u := launch(t, o, nil)
	u.awaitTrouble(t, "refused the user name or the password")
	f.put(Credentials{Password: "right\n"}, nil)
	u.awaitConnected(t)
	if got := u.codesOf(); got != "mqtt-denied connected" {
		t.Errorf("reported as %q", got)
	}
}

// Everything that can be wrong with certificates, one after the other.
func TestCorrectedCertificatesCountWithoutARestart(t *testing.T) {
	office, other, units := newAuthority(t), newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	m := secured(t, office.issue(t, "127.0.0.1", later), units).start(t)
	mine, foreign := units.issue(t, "room-3", later), other.issue(t, "room-3", later)
	f := &folder{err: errors.New("open /etc/tacet/ca.pem: permission denied")}
	o := secureOptions(m, nil)
	o.Credentials = f.read
	u := launch(t, o, nil)
	for _, step := range []struct {
		credentials Credentials
		words       string // of the trouble before
	}{
		{Credentials{CA: []byte("nonsense")}, "permission denied"},
		{Credentials{CA: office.pem, Cert: mine.cert, Key: foreign.key}, "ca: no PEM certificate"},
		{Credentials{CA: other.pem, Cert: mine.cert, Key: mine.key}, "cert and client_key"},
		{Credentials{CA: office.pem, Cert: foreign.cert, Key: foreign.key}, "doesn't know the authority"},
		{Credentials{CA: office.pem, Cert: mine.cert, Key: mine.key}, "refused the unit's certificate"},
	} {
		if tr := u.awaitTrouble(t, step.words); tr.Do == "" {
			t.Errorf("%s: no advice", step.words)
		}
		f.put(step.credentials, nil)
	}
	u.awaitConnected(t)
	if got := u.codesOf(); got != "mqtt-files mqtt-host-key mqtt-denied connected" {
		t.Errorf("reported as %q", got)
	}
}

// Password files are on disks, and a disk may hang.
func TestAFileThatHangsDoesNotDelayAStop(t *testing.T) {
	reading, never := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(never) })
	o := options("127.0.0.1:1")
	o.Credentials = func() (Credentials, error) { close(reading); <-never; return Credentials{}, context.Canceled }
	u := launch(t, o, nil)
	<-reading
	u.stop()
}
