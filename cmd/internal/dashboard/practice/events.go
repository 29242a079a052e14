package practice

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// position is how far the events of one boot have come.
type position struct {
	Boot  string `json:"boot"`
	Last  uint64 `json:"last"`            // the highest number seen; 0: none
	Holes []span `json:"holes,omitempty"` // numbers below Last that have not been seen, ascending
}

// span is a range of numbers, both ends included.
type span struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

const (
	maxBoots  = 4         // whose late events are still recognised
	maxHoles  = 32        // of one boot, that can still be filled
	maxMissed = 1_000_000 // that one hole counts as: a forged number must not look like more
)

// happened takes an event: it recognises duplicates, and counts what is missing before it.
func (p *Practice) happened(r *room, m Message, e *Effect) {
	var event topic.Event
	if err := event.UnmarshalJSON(m.Payload); err != nil {
		e.Err = errors.New("event: not readable")
		return
	}
	boot, n, ok := number(event.ID)
	kind := Kind(event.Type)
	if !ok || !slices.Contains([]Kind{Started, Ended, Copied, Released, Faulted, Cleared}, kind) {
		e.Err = errors.New("event: without a valid number or type")
		return
	}
	missed, duplicate, found := r.advance(boot, n)
	if duplicate {
		return
	}
	e.Changed = true
	if missed > 0 {
		r.miss(m.At, missed)
		e.Entries = append(e.Entries, Entry{Room: r.id, At: m.At, Kind: Missed, Count: missed})
	}
	if found {
		r.miss(m.At, -1)
		e.Entries = append(e.Entries, Entry{Room: r.id, At: m.At, Kind: Found, Text: event.ID})
	}
	if kind == Faulted && event.Store != "" && code.MatchString(event.Code) && len(r.raised) < maxAlerts {
		if r.raised == nil {
			r.raised = map[string]raise{}
		}
		known := r.raised[event.Code]
		known.store = word(event.Store, maxWord)
		r.raised[event.Code] = known
	}
	e.Entries = append(e.Entries, Entry{Room: r.id, At: m.At, Kind: kind, ID: event.ID, UnitTime: event.Time,
		Recording: word(event.Recording, maxWord), Store: word(event.Store, maxWord), Seconds: event.Seconds,
		Code: health.Code(word(event.Code, maxWord))})
}

// number splits an event's ID, boot-n.
func number(id string) (boot string, n uint64, ok bool) {
	at := strings.LastIndexByte(id, '-')
	if at <= 0 || len(id) > 2*maxWord || word(id, 2*maxWord) != id {
		return "", 0, false
	}
	n, err := strconv.ParseUint(id[at+1:], 10, 63)
	return strings.Clone(id[:at]), n, err == nil && n > 0
}

// advance takes the number of an event. missed is how many are missing before it; found: it had
// counted as missed.
func (r *room) advance(boot string, n uint64) (missed int, duplicate, found bool) {
	at := slices.IndexFunc(r.boots, func(p position) bool { return p.Boot == boot })
	if at < 0 {
		first := n // of a room that is new to us, nothing is known to be missing
		if len(r.boots) > 0 || !r.heard.IsZero() {
			first = 1
		}
		r.boots = slices.Insert(r.boots, 0, position{Boot: boot, Last: first - 1})
		r.boots = r.boots[:min(len(r.boots), maxBoots)]
		at = 0
	}
	p := &r.boots[at]
	if n <= p.Last {
		found := p.fill(n)
		return 0, !found, found
	}
	if hole := n - p.Last - 1; hole > 0 {
		missed = int(min(hole, maxMissed))
		p.Holes = append(p.Holes, span{p.Last + 1, n - 1})
		p.Holes = slices.Clone(p.Holes[max(len(p.Holes)-maxHoles, 0):])
	}
	p.Last = n
	return missed, false, false
}

// fill takes a number out of the holes, if it is in one.
func (p *position) fill(n uint64) bool {
	for i, h := range p.Holes {
		if n < h.From || n > h.To {
			continue
		}
		var rest []span
		if h.From < n {
			rest = append(rest, span{h.From, n - 1})
		}
		if n < h.To {
			rest = append(rest, span{n + 1, h.To})
		}
		p.Holes = slices.Replace(slices.Clone(p.Holes), i, i+1, rest...)
		return true
	}
	return false
}

// miss counts missed events by days.
func (r *room) miss(at time.Time, count int) {
	day := at.Truncate(24 * time.Hour)
	if last := len(r.misses) - 1; last >= 0 && (r.misses[last].day.Equal(day) || count < 0) {
		r.misses[last].count = max(r.misses[last].count+count, 0)
		return
	}
	r.misses = append(r.misses, miss{day, max(count, 0)})
}
