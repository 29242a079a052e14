package mqtt

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
)

// kind is what a message or a request is for. A broker may forbid one kind and allow the others.
type kind string

const (
	connecting   kind = "connect"
	birth        kind = "birth" // listening to Home Assistant's
	discovery    kind = "discovery"
	availability kind = "availability"
	state        kind = "state"
	alert        kind = "alert"
	event        kind = "event"
	ledger       kind = "ledger"
	heartbeat    kind = "heartbeat"
)

// spared says whether the unit can go on without it: without connection, state and availability
// nobody would see it.
func (k kind) spared() bool { return k != connecting && k != availability && k != state }

// step is one thing that the unit asks of a broker.
type step struct {
	kind     kind
	topic    string
	qos      byte
	retained bool
	size     int // of the payload, in bytes
}

// does says it in words, after "the unit".
func (s step) does() string {
	switch s.kind {
	case connecting:
		return "connects with its last will on " + s.topic
	case birth:
		return "subscribes to " + s.topic
	}
	how := fmt.Sprintf("QoS %d", s.qos)
	if s.retained {
		how += ", retained"
	}
	return fmt.Sprintf("publishes on %s (%s)", s.topic, how)
}

// terms are what the unit asks of a broker. The zero value asks for all.
type terms struct {
	qos0    bool // nothing is to be acknowledged
	unkept  bool // nothing is to be retained
	noWill  bool
	without map[kind]step // what is left out, each with what was under way when the broker hung up
}

// rungs are the terms on which the unit may still be seen, from the best to the worst.
var rungs = []terms{{}, {unkept: true}, {qos0: true}, {qos0: true, unkept: true}, {noWill: true},
	{qos0: true, unkept: true, noWill: true}}

// fit makes a message one that the terms allow; false: it is left out.
func (t terms) fit(m message, k kind) (message, bool) {
	if t.qos0 {
		m.qos = 0
	}
	if t.unkept {
		m.retained = false
	}
	_, out := t.without[k]
	return m, !out
}

// limits says what the terms leave out, for a person; empty: nothing.
func (t terms) limits() string {
	var all []string
	if t.unkept {
		all = append(all, "the broker hangs up on retained messages, so none is retained: who starts later sees the room only when it is told again, within 10 minutes")
	}
	if t.qos0 {
		all = append(all, "the broker hangs up on QoS 1, so all goes with QoS 0: messages may get lost unnoticed")
	}
	if t.noWill {
		all = append(all, "the broker hangs up on a last will, so nobody says offline when the unit loses its power")
	}
	for _, k := range slices.Sorted(maps.Keys(t.without)) {
		all = append(all, "the broker hangs up when the unit "+t.without[k].does()+", so it goes on without "+consequence(k))
	}
	return strings.Join(all, "; ")
}

// consequence is what a kind that is left out is missed for.
func consequence(k kind) string {
	switch k {
	case discovery:
		return "it: Home Assistant does not find the unit by itself"
	case birth:
		return "it: after a restart of Home Assistant it may take 10 minutes until that knows the unit's state"
	}
	return string(k) + " messages"
}

// manners are what a broker has shown of itself. A broker that speaks MQTT 3.1.1 has no way to
// refuse: it hangs up, and doesn't say why, or never answers. What was under way then is what it
// may not want. So that is left out, or asked for less; and where that works, the whole is tried
// once more, for the broker may just have been restarted: only what fails twice, and works without,
// counts.
type manners struct {
	terms    terms
	rung     int
	sure     bool   // what terms leave out has failed twice
	checking *terms // these worked; the whole is being tried once more
	spent    bool   // no terms worked; it was begun anew since
	culprit  step   // what the broker hung up on when it was asked for all
}

// hungUp takes note that the broker ended a connection, or did not answer, with something under
// way.
func (m *manners) hungUp(s step) {
	if m.checking != nil {
		m.terms, m.checking, m.sure = *m.checking, nil, true
		return
	}
	m.sure = false
	if s.kind.spared() {
		m.terms.without = maps.Clone(m.terms.without)
		if m.terms.without == nil {
			m.terms.without = map[kind]step{}
		}
		m.terms.without[s.kind] = s
		return
	}
	if m.rung == 0 {
		m.culprit = s
	}
	m.rung++
	if m.rung == len(rungs) {
		m.rung, m.spent = 0, true
	}
	m.terms = rungs[m.rung]
}

// lesser says whether the terms leave something out.
func (m *manners) lesser() bool { return m.rung > 0 || len(m.terms.without) > 0 }

// works takes note that the broker has been told everything. again: the whole has to be tried once
// more, on a new connection.
func (m *manners) works() (again bool) {
	m.spent = false
	if m.checking != nil || m.sure || !m.lesser() {
		return false
	}
	worked := m.terms
	m.checking, m.terms = &worked, terms{}
	return true
}

// whole takes note that the whole has passed after all.
func (m *manners) whole() {
	if m.checking != nil {
		*m = manners{}
	}
}

// anew forgets all: the connection worked, and the next one may be to a broker that was set right.
func (m *manners) anew() { *m = manners{} }

// underway is an error with what was asked of the broker when it came.
type underway struct {
	step step
	err  error
}

func (u *underway) Error() string { return u.err.Error() }
func (u *underway) Unwrap() error { return u.err }

// blamed is what a broker may have hung up on, or not answered; false: it is another trouble.
func blamed(err error) (step, bool) {
	var u *underway
	if !errors.As(err, &u) || !isHangUp(err) && !errors.Is(err, errSilent) {
		return step{}, false
	}
	return u.step, u.step.kind != ""
}

// isHangUp says whether an error is that of a connection which the other side ended without a word.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
