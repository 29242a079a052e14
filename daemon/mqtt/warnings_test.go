package mqtt

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/health"
)

// tracker is a health.Warner.
type tracker struct {
	*health.Tracker
	changed chan struct{} // holds one
}

func newTracker() tracker {
	w := tracker{health.NewTracker(), make(chan struct{}, 1)}
	w.OnChange(func() {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	})
	return w
}

func (w tracker) Warn(code health.Code, err error) { w.Set(code, err.Error()) }

// codes are those that are up.
func (w tracker) codes() string {
	var codes []string
	for _, a := range w.Up() {
		codes = append(codes, string(a.Code))
	}
	return strings.Join(codes, " ")
}

// await waits until a warning is up.
func (w tracker) await(t *testing.T, code string) {
	t.Helper()
	for late := time.After(deadline); !strings.Contains(w.codes(), code); {
		select {
		case <-w.changed:
		case <-late:
			t.Fatalf("no %s; up is %q", code, w.codes())
		}
	}
}

// A certificate of another authority and a wrong password raise different warnings, at once.
// Correcting the file is enough.
func TestARefusalIsToldAndMended(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		t.Helper()
		if err := os.WriteFile(dir+"/"+name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir + "/" + name
	}
	ours, other := newAuthority(t), newAuthority(t)
	server := ours.issue(t, "127.0.0.1", time.Now().Add(time.Hour))
	passwords(t, dir+"/passwords", "room-3", "right")
	m := installed(t, "allow_anonymous false", "password_file "+dir+"/passwords",
		"certfile "+write("cert.pem", server.cert), "keyfile "+write("key.pem", server.key))
	m.start(t)

	w := newTracker()
	o := options(m.address())
	o.Broker, o.Username = "mqtts://"+m.address(), "room-3"
	o.Credentials = CredentialFiles{
		Password: write("password", []byte("wrong\n")), CA: write("ca.pem", other.pem),
	}.Read
	u := launch(t, o, func(c *Client) {
		add := c.o.Report
		c.o.Report = func(r Report) { add(r); WarnOf(w)(r) }
		c.Publish(idle())
	})
	w.await(t, "mqtt-host-key")
	write("ca.pem", ours.pem)
	w.await(t, "mqtt-denied")
	write("password", []byte("right\n"))
	u.awaitConnected(t)
}

// At most one warning says why the broker can't be reached: the latest.
func TestTheBrokerRaisesOneWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTracker()
		report := WarnOf(w)
		for _, code := range append(Codes(), Codes()...) {
			declared, ok := health.Lookup(code)
			if !ok {
				t.Fatalf("%s is not declared", code)
			}
			report(Report{Trouble: &Trouble{Code: code, What: "it fails"}})
			<-time.After(max(declared.After, time.Minute))
			w.Tick(time.Now())
			if got := w.codes(); got != string(code) {
				t.Errorf("after %s: %q is up", code, got)
			}
		}
		report(Report{Connected: true})
		<-time.After(time.Minute)
		w.Tick(time.Now())
		if got := w.codes(); got != "" {
			t.Errorf("connected, and %q is up", got)
		}
	})
}

// A broker's limits are a warning of their own, until it lifts them or is gone.
func TestTheBrokersLimitsAreAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTracker()
		report := WarnOf(w)
		after := func(what, want string, r Report) {
			t.Helper()
			report(r)
			<-time.After(10 * time.Minute)
			w.Tick(time.Now())
			if got := w.codes(); got != want {
				t.Errorf("%s: %q is up, want %q", what, got, want)
			}
		}
		limited := Report{Connected: true, Limits: "the broker hangs up on homeassistant/x"}
		after("limited", "mqtt-limited", limited)
		if text := w.Up()[0].Message(); !strings.Contains(text, "homeassistant/x") {
			t.Errorf("the warning is %q", text)
		}
		after("all is well", "", Report{Connected: true})
		after("limited again", "mqtt-limited", limited)
		after("away", "mqtt-offline", Report{Trouble: &Trouble{Code: Unreached, What: "it is away"}})
	})
}
