package mqtt

import "maps"

// negotiation finds the terms that a broker accepts. A broker that speaks MQTT 3.1.1 can't refuse a
// request: it hangs up without a reason, or never answers. The step in progress is then suspected,
// and left out or reduced. Once a connection works that way, the full terms are tried once more,
// since the broker may just have been restarted: only a step that fails twice, and without which
// the connection works, counts as forbidden.
type negotiation struct {
	terms       terms
	fallback    int    // index into fallbacks; terms.without is kept separately
	confirmed   bool   // what the terms leave out has failed twice
	worked      *terms // the terms that worked, while the full ones are tried once more
	exhausted   bool   // no terms worked, and the negotiation has started again
	firstFailed step   // the step that failed on the full terms
}

// failed records that the broker hung up on a step, or did not answer it.
func (n *negotiation) failed(s step) {
	if n.worked != nil {
		n.terms, n.worked, n.confirmed = *n.worked, nil, true
		return
	}
	n.confirmed = false
	if s.kind.optional() {
		n.terms.without = maps.Clone(n.terms.without)
		if n.terms.without == nil {
			n.terms.without = map[kind]step{}
		}
		n.terms.without[s.kind] = s
		return
	}
	if n.fallback == 0 {
		n.firstFailed = s
	}
	n.fallback++
	if n.fallback == len(fallbacks) {
		n.fallback, n.exhausted = 0, true
	}
	n.terms = fallbacks[n.fallback]
}

// reduced reports whether the terms leave something out.
func (n *negotiation) reduced() bool { return n.fallback > 0 || len(n.terms.without) > 0 }

// accepted records that the broker took the whole greeting. again: the full terms have to be tried
// once more, on a new connection.
func (n *negotiation) accepted() (again bool) {
	n.exhausted = false
	if n.worked != nil || n.confirmed || !n.reduced() {
		return false
	}
	worked := n.terms
	n.worked, n.terms = &worked, terms{}
	return true
}

// fullAccepted records that everything has been sent, on the full terms if those were tried again.
func (n *negotiation) fullAccepted() {
	if n.worked != nil {
		n.reset()
	}
}

// reset starts again with the full terms: the connection worked, and by the next one the broker may
// have been corrected.
func (n *negotiation) reset() { *n = negotiation{} }
