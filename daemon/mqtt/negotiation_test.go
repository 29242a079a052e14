package mqtt

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
)

// Whatever was in progress when a broker restarted, nothing is left out once the full terms work.
func TestARestartReducesNothing(t *testing.T) {
	for _, k := range []kind{connecting, birth, discovery, state, availability, alert, event, ledger, heartbeat} {
		var n negotiation
		n.failed(step{kind: k})
		if !n.reduced() {
			t.Errorf("%s: nothing is tried on other terms", k)
		}
		if !n.accepted() || len(n.terms.limits()) != 0 {
			t.Errorf("%s: the full terms are not tried once more", k)
		}
		n.fullAccepted()
		if n.reduced() || n.accepted() || len(n.terms.limits()) != 0 {
			t.Errorf("%s: something is left out for good: %+v", k, n)
		}
	}
}

// Whatever a broker forbids, the unit finds the best terms that work, if there are any, in a
// bounded number of connections, and keeps them.
func TestNegotiationEnds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	asked := []kind{connecting, birth, discovery, state, alert, availability, heartbeat, ledger, event}
	for range 2000 {
		forbidden := map[kind]bool{}
		for _, k := range asked {
			forbidden[k] = k.optional() && r.IntN(4) == 0
		}
		retain, qos1 := r.IntN(3) > 0, r.IntN(3) > 0
		// connection returns the step on which the broker hangs up.
		connection := func(terms terms) (step, bool) {
			for _, k := range asked {
				_, out := terms.without[k]
				if out {
					continue
				}
				retains := k != birth && k != event && k != heartbeat && !terms.noRetain
				acks := k != birth && k != heartbeat && !terms.qos0
				if forbidden[k] || retains && !retain || acks && !qos1 {
					return step{kind: k}, true
				}
			}
			return step{}, false
		}
		var n negotiation
		connections := 0
		for ; connections < 200; connections++ {
			if s, failed := connection(n.terms); failed {
				n.failed(s)
				continue
			}
			if !n.accepted() {
				break
			}
		}
		if connections > 60 {
			t.Fatalf("forbidden %v, retained %v, QoS 1 %v: %d connections, and the terms are %+v", forbidden, retain, qos1,
				connections, n.terms)
		}
		for k := range n.terms.without {
			if !forbidden[k] {
				t.Errorf("%s is left out, and was not forbidden", k)
			}
		}
		if n.terms.noRetain && retain || n.terms.qos0 && qos1 {
			t.Errorf("forbidden %v, retained %v, QoS 1 %v: the terms are %+v", forbidden, retain, qos1, n.terms)
		}
	}
}

// What was left out comes back with the next connection to a corrected broker.
func TestACorrectedBrokerGetsEverything(t *testing.T) {
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
