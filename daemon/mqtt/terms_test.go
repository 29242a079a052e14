package mqtt

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestARestartIsNoTrait: whatever was under way when a broker was restarted, once the whole passes
// nothing is left out.
func TestARestartIsNoTrait(t *testing.T) {
	for _, k := range []kind{connecting, birth, discovery, state, availability, alert, event, ledger, heartbeat} {
		var m manners
		m.hungUp(step{kind: k})
		if !m.lesser() {
			t.Errorf("%s: nothing is tried on other terms", k)
		}
		if !m.works() || m.terms.limits() != "" {
			t.Errorf("%s: the whole is not tried once more", k)
		}
		m.whole()
		if m.lesser() || m.works() || m.terms.limits() != "" {
			t.Errorf("%s: something is left out for good: %+v", k, m)
		}
	}
}

// TestTermsComeToAnEnd: with a broker that forbids anything at all, the unit finds terms that work,
// where there are any, in a bounded number of connections, and stays with them.
func TestTermsComeToAnEnd(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	asked := []kind{connecting, birth, discovery, state, alert, availability, heartbeat, ledger, event}
	for range 2000 {
		forbidden := map[kind]bool{}
		for _, k := range asked {
			forbidden[k] = k.spared() && r.IntN(4) == 0
		}
		retain, qos1 := r.IntN(3) > 0, r.IntN(3) > 0
		// connection says on what the broker hangs up.
		connection := func(terms terms) (step, bool) {
			for _, k := range asked {
				_, out := terms.without[k]
				if out {
					continue
				}
				keeps := k != birth && k != event && k != heartbeat && !terms.unkept
				acks := k != birth && k != heartbeat && !terms.qos0
				if forbidden[k] || keeps && !retain || acks && !qos1 {
					return step{kind: k}, true
				}
			}
			return step{}, false
		}
		var m manners
		n := 0
		for ; n < 200; n++ {
			if s, hung := connection(m.terms); hung {
				m.hungUp(s)
				continue
			}
			if !m.works() {
				break
			}
		}
		if n > 60 {
			t.Fatalf("forbidden %v, retained %v, QoS 1 %v: %d connections, and the terms are %+v", forbidden, retain, qos1, n,
				m.terms)
		}
		for k := range m.terms.without {
			if !forbidden[k] {
				t.Errorf("%s is left out, and was not forbidden", k)
			}
		}
		if m.terms.unkept && retain || m.terms.qos0 && qos1 {
			t.Errorf("forbidden %v, retained %v, QoS 1 %v: the terms are %+v", forbidden, retain, qos1, m.terms)
		}
	}
}

// TestABrokerThatIsSetRightGetsAll: what was left out comes back with the next connection.
func TestABrokerThatIsSetRightGetsAll(t *testing.T) {
	m := installed(t, "allow_anonymous true", "max_packet_size 2000").start(t)
	u := launch(t, options(m.address()), nil)
	u.reports.awaitAny(t, "the limit", func(r Report) bool { return r.Connected && r.Limits != "" })
	m.kill()
	text, err := os.ReadFile(m.config)
	if err == nil {
		err = os.WriteFile(m.config, bytes.ReplaceAll(text, []byte("max_packet_size 2000"), nil), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.start(t)
	w := watch(t, m.address())
	w.awaitAny(t, "the description", func(h heard) bool { return h.topic == names.Discovery() })
	u.reports.await(t, "no limit", func(all []Report) bool { r := all[len(all)-1]; return r.Connected && r.Limits == "" })
}

// TestRemediesAreDeclared: no other text goes out in a state.
func TestRemediesAreDeclared(t *testing.T) {
	o := options("127.0.0.1:1")
	o.Remedies = []string{"Plug the drive in."}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := idle()
	for remedy, want := range map[string]bool{"": true, "Plug the drive in.": true, "Mrs Smith said no.": false} {
		c.seq, c.body = 0, nil
		s.Remedy, s.Time = remedy, time.Now()
		c.Publish(s)
		if got := c.seq == 1; got != want {
			t.Errorf("%q goes out: %v", remedy, got)
		}
	}
}
