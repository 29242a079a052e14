package page

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

const (
	perPage   = 60  // tiles
	maxSearch = 100 // bytes
)

// overview is the page with all rooms.
type overview struct {
	Counts   []count
	Rooms    int
	Closed   int
	Refused  int
	Selected int
	First    int // the position of the first tile shown, from 1
	Last     int
	Sites    []choice
	State    string
	Search   string
	Site     string
	Filtered bool
	Back, On string // links to the pages before and after; empty: none
	Fleet    bool
	Tiles    []item
}

// count is how many rooms are in a state, and a link to them.
type count struct {
	State, Word string
	N           int
	Href        string
	Chosen      bool
}

type choice struct {
	Value  string
	Chosen bool
}

// tile is a room among others.
type tile struct {
	ID, Href, Site, Room string
	Title, Place         string
	State, Word          string
	Headline, Remedy     string
	Since, Heard         moment
	Lately               bool // it was heard lately; nobody shall know when
	Lasts                bool // how long it has been so counts, rather than since when
	Flags                []string
	Doubt, Closed        string
	Serious              bool // the room can't record
}

// tiles fills in the page with all rooms.
func (p *Page) tiles(s *screen, q url.Values, status Status) {
	o := overview{State: q.Get("state"), Search: q.Get("q"), Site: q.Get("site"), Fleet: status.Fleet}
	if len(o.Search) > maxSearch {
		o.Search = ""
	}
	f := practice.Filter{Search: strings.ToLower(strings.TrimSpace(o.Search)), Limit: perPage}
	if o.Site != "" {
		f.Sites = []string{o.Site}
	}
	if slices.Contains(practice.States, practice.State(o.State)) {
		f.States = []practice.State{practice.State(o.State)}
	} else {
		o.State = ""
	}
	if from, err := strconv.Atoi(q.Get("from")); err == nil && from > 0 {
		f.Offset = from - from%perPage
	}
	rooms, counts := p.query(f, s.Who)
	if len(rooms) == 0 && f.Offset > 0 {
		f.Offset = 0
		rooms, counts = p.query(f, s.Who)
	}
	o.fill(counts, f.Offset, len(rooms), s.Who.Consultations())
	for _, r := range rooms {
		t := p.tile(r, status.At)
		s.list = append(s.list, item{t.ID, t})
	}
	o.Tiles = s.list
	s.name, s.Tab, s.Heading, s.Content = "tiles", "rooms", "Rooms", o
	s.parts = []string{"counts", "pager", "found"}
	s.Said = said(counts, s.Trust)
	s.Title = title(counts, s.Trust)
}

func (o *overview) fill(c practice.Counts, offset, shown int, consultations bool) {
	o.Rooms, o.Closed, o.Refused, o.Selected = c.Rooms, c.Closed, c.Refused, c.Selected
	o.First, o.Last = offset+1, offset+shown
	o.Filtered = o.State != "" || o.Search != "" || o.Site != ""
	for _, s := range practice.States {
		if s == practice.Recording && !consultations {
			continue
		}
		n := count{State: string(s), Word: stateWords[s], N: c.ByState[s], Chosen: o.State == string(s)}
		n.Href = o.link(string(s), 0)
		if n.Chosen {
			n.Href = o.link("", 0) // a second click shows all again
		}
		o.Counts = append(o.Counts, n)
	}
	for _, s := range c.Sites {
		o.Sites = append(o.Sites, choice{s, s == o.Site})
	}
	if offset > 0 {
		o.Back = o.link(o.State, offset-perPage)
	}
	if o.Last < c.Selected {
		o.On = o.link(o.State, offset+perPage)
	}
}

func (o *overview) link(state string, from int) string {
	q := url.Values{}
	for k, v := range map[string]string{"state": state, "site": o.Site, "q": o.Search} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}

// tile is what the page shows of a room among others.
func (p *Page) tile(r room, now time.Time) tile {
	t := tile{
		ID: "tile/" + r.ID.String(), Href: "/room/" + r.ID.String(), Title: r.Title(), Place: r.ID.String(),
		Site: r.ID.Site, Room: r.ID.Room, State: string(r.State), Word: r.word(), Headline: r.headline(), Remedy: r.Remedy,
		Since: p.moment(r.Since, now), Heard: p.moment(r.Heard, now), Flags: r.flags(), Doubt: capital(r.Doubt),
		Lately: r.Lately,
	}
	t.Lasts = r.State == practice.Recording
	t.Serious = r.State == practice.Hand && (r.Phase() == topic.Fault || len(r.Alerts) > 0 && r.Alerts[0].Blocks)
	switch r.State {
	case practice.Silent, practice.Late, practice.Never, practice.Ready:
		t.Since = moment{} // when it was last heard says more
	}
	if r.State == practice.Ready || r.State == practice.Recording {
		t.Remedy = ""
	}
	if r.Closed != nil {
		t.Closed, t.Headline, t.Remedy, t.Flags = p.closedWords(r.Closed, now), "", "", nil
		if r.State != practice.Recording {
			t.Since = moment{}
		}
	}
	return t
}

func (p *Page) closedWords(c *practice.Closure, now time.Time) string {
	text := c.Why
	if until := p.clock(c.Until, now); until != "" {
		text = strings.TrimPrefix(text+", until "+until, ", ")
	}
	return capital(cmp.Or(text, "for now"))
}

// counted is a number of rooms in a state.
func counted(n int, s practice.State) string {
	if s == practice.Hand && n > 1 {
		return fmt.Sprintf("%d need a hand", n)
	}
	return fmt.Sprintf("%d %s", n, strings.ToLower(stateWords[s]))
}

// said is the counts in a sentence, for a screen reader.
func said(c practice.Counts, t []trust) string {
	var all []string
	for _, s := range practice.States {
		if n := c.ByState[s]; n > 0 {
			all = append(all, counted(n, s))
		}
	}
	if c.Closed > 0 {
		all = append(all, fmt.Sprintf("%d closed", c.Closed))
	}
	text := strings.Join(all, ", ")
	if text == "" {
		text = "no rooms"
	}
	if bad(t) {
		return t[0].Title + " At last: " + text + "."
	}
	return text + "."
}

// title is the tab's title: what needs somebody, and then the name.
func title(c practice.Counts, t []trust) string {
	if bad(t) {
		return "⚠ " + t[0].Title + " · Tacet"
	}
	var all []string
	for _, s := range []practice.State{practice.Hand, practice.Silent, practice.Late} {
		if n := c.ByState[s]; n > 0 {
			all = append(all, counted(n, s))
		}
	}
	switch {
	case len(all) > 0:
		return strings.Join(all, ", ") + " · Tacet"
	case c.Rooms == 0:
		return "No rooms · Tacet"
	case c.ByState[practice.Ready]+c.ByState[practice.Recording]+c.Closed == c.Rooms:
		return fmt.Sprintf("%d well · Tacet", c.Rooms-c.Closed)
	}
	return fmt.Sprintf("%d of %d well · Tacet", c.ByState[practice.Ready]+c.ByState[practice.Recording], c.Rooms-c.Closed)
}
