package page

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"tacet/cmd/internal/dashboard/practice"
)

// line is a line of the history.
type line struct {
	At         moment
	Room, Href string
	Place      string
	Text       string
	Kind       string
	Times      int // how often the same happened in the same room, one after the other
}

// todayView is what changed today.
type todayView struct {
	Date          string
	Lines         []line
	Rooms         []recorded // where recordings were made
	Recordings    int
	Length        string
	Consultations bool
	Cut           bool // there were more lines than the page reads
	Site          string
	Sites         []choice
}

// recorded is how much a room recorded today.
type recorded struct {
	Title, Place, Href string
	N                  int
	Length             string
	length             time.Duration
}

const (
	maxRead  = 20_000 // lines of the history that the page reads for a day
	maxLines = 300    // and shows
	maxRound = 500    // rooms of the morning round
)

// today fills in the page with what changed since midnight.
func (p *Page) today(ctx context.Context, s *screen, q url.Values, now time.Time) error {
	local := now.In(p.Location)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, p.Location)
	v := todayView{Date: local.Format("Monday 2 January 2006"), Consultations: s.Who.Consultations(), Site: q.Get("site")}
	var sites []string
	if v.Site != "" && s.Who.Sees(v.Site) {
		sites = []string{v.Site}
	} else if s.Who.Site != "" {
		sites = []string{s.Who.Site}
	}
	entries, err := p.Source.Today(ctx, sites, midnight, maxRead)
	if err != nil {
		return fmt.Errorf("read today's history: %w", err)
	}
	v.Cut = len(entries) == maxRead
	names := p.titles()
	sums := map[practice.RoomID]*recorded{}
	for _, e := range entriesSeen(entries, s.Who) {
		if e.Kind == practice.Ended {
			v.sum(sums, e, names)
		}
		if routine(e) {
			continue
		}
		if len(v.Lines) == maxLines {
			v.Cut = true
			break
		}
		v.add(p.line(e, names, now))
	}
	v.total(sums)
	_, counts := p.query(practice.Filter{Sites: sites, Limit: 1}, s.Who)
	for _, site := range counts.Sites {
		v.Sites = append(v.Sites, choice{site, site == v.Site})
	}
	s.name, s.Tab, s.Heading, s.Content = "today", "today", "Today", v
	s.parts, s.slow = []string{"today-lines", "today-sums"}, true
	s.Said, s.Title = said(counts, s.Trust), "Today · "+title(counts, s.Trust)
	return nil
}

// routine reports whether a line is of the kind that every consultation leaves.
func routine(e practice.Entry) bool {
	switch e.Kind {
	case practice.Started, practice.Ended, practice.Copied, practice.Released:
		return true
	case practice.Moved:
		calm := func(s practice.State) bool { return s == practice.Ready || s == practice.Recording }
		return calm(e.State) && calm(e.From) || e.State == practice.Late || e.From == practice.Late && calm(e.State)
	}
	return false
}

// titles returns the rooms' names, asked for one by one and then remembered.
func (p *Page) titles() func(practice.RoomID) string {
	known := map[practice.RoomID]string{}
	return func(id practice.RoomID) string {
		if known[id] == "" {
			known[id] = id.Room
			if r, ok := p.Source.Room(id); ok {
				known[id] = r.Title()
			}
		}
		return known[id]
	}
}

func (p *Page) line(e practice.Entry, names func(practice.RoomID) string, now time.Time) line {
	l := line{At: p.moment(e.At, now), Text: entryWords(e), Kind: kind(e), Times: 1}
	if e.Room == (practice.RoomID{}) {
		l.Text = capital(l.Text)
		return l
	}
	l.Room, l.Place, l.Href = names(e.Room), e.Room.String(), "/room/"+e.Room.String()
	return l
}

// add adds a line. The same again is counted.
func (v *todayView) add(l line) {
	if n := len(v.Lines); n > 0 && v.Lines[n-1].Place == l.Place && v.Lines[n-1].Text == l.Text {
		v.Lines[n-1].Times++
		return
	}
	v.Lines = append(v.Lines, l)
}

// sum counts a recording.
func (v *todayView) sum(sums map[practice.RoomID]*recorded, e practice.Entry, names func(practice.RoomID) string) {
	r := sums[e.Room]
	if r == nil {
		r = &recorded{Title: names(e.Room), Place: e.Room.String(), Href: "/room/" + e.Room.String()}
		sums[e.Room] = r
	}
	r.N++
	if e.Seconds != nil && *e.Seconds > 0 && *e.Seconds < maxLength.Seconds() {
		r.length += time.Duration(*e.Seconds * float64(time.Second))
	}
}

func (v *todayView) total(sums map[practice.RoomID]*recorded) {
	total := time.Duration(0)
	for _, r := range sums {
		r.Length = span(r.length)
		total += r.length
		v.Recordings += r.N
		v.Rooms = append(v.Rooms, *r)
	}
	v.Length = span(total)
	slices.SortFunc(v.Rooms, func(a, b recorded) int { return cmp.Compare(a.Place, b.Place) })
}

// roundView is the morning round: the rooms that need a hand, to print and take along.
type roundView struct {
	Date, Time string
	Sites      []roundSite
	Rooms      int // that need a hand
	All        int
	Well       int
	Closed     int
	Cut        int // rooms left out
}

type roundSite struct {
	Site  string
	Rooms []roundRoom
}

type roundRoom struct {
	tile
	Alerts []alertView
	Notes  []noteView
	Odd    []fact
}

// round fills in the morning round.
func (p *Page) round(s *screen, q url.Values, now time.Time) {
	f := practice.Filter{Limit: maxRound, States: []practice.State{practice.Hand, practice.Silent, practice.Late,
		practice.Unknown, practice.Never}}
	if site := q.Get("site"); site != "" {
		f.Sites = []string{site}
	}
	rooms, c := p.query(f, s.Who)
	local := now.In(p.Location)
	v := roundView{Date: local.Format("Monday 2 January 2006"), Time: local.Format("15:04"), All: c.Rooms,
		Closed: c.Closed,
		Well:   c.ByState[practice.Ready] + c.ByState[practice.Recording]}
	v.Rooms = c.Rooms - c.Closed - v.Well
	bySite := map[string]int{}
	shown := 0
	for _, r := range rooms {
		if r.Closed != nil {
			continue
		}
		shown++
		at, ok := bySite[r.ID.Site]
		if !ok {
			at = len(v.Sites)
			bySite[r.ID.Site] = at
			v.Sites = append(v.Sites, roundSite{Site: r.ID.Site})
		}
		one := roundRoom{tile: p.tile(r, now), Alerts: p.alertViews(r, now)}
		for _, n := range r.Notes {
			one.Notes = append(one.Notes, noteView{n.ID, p.moment(n.At, now), n.By, n.Text})
		}
		v.Sites[at].Rooms = append(v.Sites[at].Rooms, one)
	}
	v.Cut = v.Rooms - shown
	slices.SortFunc(v.Sites, func(a, b roundSite) int { return cmp.Compare(a.Site, b.Site) })
	s.name, s.Tab, s.Heading, s.Content = "round", "round", "Morning round", v
	s.parts = []string{"round-list"}
	s.Said, s.Title = said(c, s.Trust), "Round · "+title(c, s.Trust)
}
