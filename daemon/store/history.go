//go:build unix

package store

import (
	"slices"
	"time"
)

// A Deed is what was done with a recording, by the ledger.
type Deed uint8

// The deeds that History reports.
const (
	WasCopied   Deed = iota + 1 // to a store, which holds it from then on
	WasExpired                  // removed from a store because it was old
	WasReleased                 // removed from the spool because stores hold it
	WasDropped                  // discarded: removed from the spool because it holds no sound
)

// past is what the ledger says about one recording. nil means nothing.
type past struct {
	had      []bool // by store: it held a verified copy
	holds    []bool // by store: and has not removed it since
	released bool
	dropped  bool
	ended    time.Time // some time after its end, by a clock that was set; zero if unknown
}

// history reads from the ledger what was done with each recording, by ID.
func (s *Set) history() (map[string]*past, error) {
	number := map[string]int{}
	for i, p := range s.Places {
		number[p.Name] = i
	}
	all := map[string]*past{}
	err := s.Ledger.History(func(what Deed, id, store string, at time.Time) {
		i, known := number[store]
		if !known && what != WasReleased && what != WasDropped {
			return
		}
		p := all[id]
		if p == nil {
			p = &past{had: make([]bool, len(s.Places)), holds: make([]bool, len(s.Places))}
			all[id] = p
		}
		switch what {
		case WasCopied:
			p.had[i], p.holds[i] = true, true
			if !at.IsZero() && (p.ended.IsZero() || at.Before(p.ended)) {
				p.ended = at
			}
		case WasExpired:
			p.holds[i] = false
		case WasReleased:
			p.released = true
		case WasDropped:
			p.dropped = true
		}
	})
	if err != nil {
		return nil, &logError{err}
	}
	return all, nil
}

// served returns the stores that a recording need not be copied to: those that hold it, and those
// where it has expired. If none holds it any more, because one was removed from the configuration,
// it must be copied to all of them again.
func (p *past) served() []bool {
	if p == nil || !slices.Contains(p.holds, true) {
		return nil
	}
	return p.had
}

// elsewhere reports whether the store here has had a recording, and another one holds it.
func (p *past) elsewhere(here int) bool {
	if p == nil || !p.had[here] {
		return false
	}
	for i, h := range p.holds {
		if h && i != here {
			return true
		}
	}
	return false
}
