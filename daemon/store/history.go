//go:build unix

package store

import (
	"slices"
	"time"
)

// A Deed is what the ledger says was done with a recording.
type Deed uint8

// What History tells of.
const (
	WasCopied   Deed = iota + 1 // to a store, which holds it from then on
	WasExpired                  // at a store, which had held it as long as it should
	WasReleased                 // the spool's copy is gone
	WasDropped                  // it came to nothing, and is not in the spool any more
)

// past is what the ledger says of one recording. nil: nothing.
type past struct {
	had      []bool // by store: a copy was proved there
	holds    []bool // and has not expired since
	released bool
	dropped  bool
	there    time.Time // a time at which it had ended, by a clock that was set; zero: none is known
}

// history reads from the ledger what was done with each recording.
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
			if !at.IsZero() && (p.there.IsZero() || at.Before(p.there)) {
				p.there = at
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

// served are the stores that a recording need not be brought to: those that hold it and those where
// it has expired. Where none holds it any more, since one was taken out of the configuration, it
// has to be brought to all of them again.
func (p *past) served() []bool {
	if p == nil || !slices.Contains(p.holds, true) {
		return nil
	}
	return p.had
}

// elsewhere reports whether a store has had a recording and another one holds it.
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
