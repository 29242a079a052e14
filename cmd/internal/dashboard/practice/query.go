package practice

import (
	"slices"
	"strings"
	"time"
)

// Filter selects rooms. Empty fields select all.
type Filter struct {
	Sites  []string
	States []State
	Search string // in site, room and name, without regard to case
	// Mild: Recording counts as Ready, so that neither the counts nor the order tell which rooms
	// record.
	Mild   bool
	Offset int
	Limit  int // 0: all
}

// Counts are the rooms of each state, among those that Sites and Search select. Closed rooms are
// counted in Closed only.
type Counts struct {
	Rooms    int // all of them, closed ones too
	Selected int // those that the whole filter selects, before Offset and Limit
	ByState  map[State]int
	Closed   int
	Refused  int // made-up rooms beyond the limit, of which nothing is known but their number
	Sites    []string
}

// Link is the state of one broker's connection.
type Link struct {
	Broker string
	Up     bool
	Since  time.Time // since when it is up or down
	Last   time.Time // the last message; zero: none
	// Complete: since it is up, everything that the broker had kept for us has come.
	Complete bool
	// Forgot is when the broker last had lost our session, so that events may be missed; zero:
	// never.
	Forgot  time.Time
	Trouble string // why there is no connection, for a person; empty if it is up
	Advice  string // what to do about it, or a warning about a broker that is up
}

// Clocks is what is known of this computer's clock.
type Clocks struct {
	Jumped   time.Time     // when it last jumped; zero: it has not
	By       time.Duration // by how much
	Skew     time.Duration // how far the units' clocks are ahead of it, at the median
	Compared int           // how many units were compared
	Wrong    bool          // it differs from the units' so much that times here can't be trusted
}

// Query returns the rooms that a filter selects, worst first, and the counts.
func (p *Practice) Query(f Filter) ([]Room, Counts) {
	p.sort()
	c := Counts{ByState: map[State]int{}, Refused: p.refused, Sites: p.sites}
	search := strings.ToLower(f.Search)
	var rooms []Room
	order := p.order
	if f.Mild {
		order = p.mildOrder()
	}
	for _, r := range order {
		state := r.state
		if f.Mild && state == Recording {
			state = Ready
		}
		if len(f.Sites) > 0 && !slices.Contains(f.Sites, r.id.Site) || !r.matches(search) {
			continue
		}
		c.Rooms++
		if r.closed != nil {
			c.Closed++
		} else {
			c.ByState[state]++
		}
		if len(f.States) > 0 && !slices.Contains(f.States, state) {
			continue
		}
		c.Selected++
		if c.Selected > f.Offset && (f.Limit <= 0 || len(rooms) < f.Limit) {
			rooms = append(rooms, p.snapshot(r))
		}
	}
	return rooms, c
}

func (r *room) matches(search string) bool {
	return search == "" || strings.Contains(r.id.String(), search) ||
		r.known != nil && strings.Contains(strings.ToLower(r.known.Name), search)
}

// sort brings the rooms into order, if anything changed since.
func (p *Practice) sort() {
	if p.sites == nil {
		seen := map[string]bool{}
		for id := range p.rooms {
			if !seen[id.Site] {
				seen[id.Site] = true
				p.sites = append(p.sites, id.Site)
			}
		}
		slices.Sort(p.sites)
	}
	if !p.dirty {
		return
	}
	p.order = slices.Grow(p.order[:0], len(p.rooms))
	for _, r := range p.rooms {
		r.rank = r.state.rank()
		p.order = append(p.order, r)
	}
	clear(p.order[len(p.order):cap(p.order)])
	slices.SortFunc(p.order, worse)
	p.dirty = false
}

// mildOrder is the order for those who may not know which rooms record.
func (p *Practice) mildOrder() []*room {
	order := slices.Clone(p.order)
	works := func(r *room) bool { return r.state == Recording || r.state == Ready }
	slices.SortStableFunc(order, func(a, b *room) int {
		if works(a) && works(b) && (a.closed != nil) == (b.closed != nil) {
			return a.id.Compare(b.id)
		}
		return worse(a, b)
	})
	return order
}

// worse sorts closed rooms last, and of two that need a hand the one that can't record first.
func worse(a, b *room) int {
	if closed := a.closed != nil; closed != (b.closed != nil) {
		return -order(closed)
	}
	if a.rank != b.rank {
		return a.rank - b.rank
	}
	if a.state == Hand && a.blocked != b.blocked {
		return order(a.blocked)
	}
	return a.id.Compare(b.id)
}
