package page

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
)

// addClosure adds a closed period, of a room, a site or everything.
func (p *Page) addClosure(r *http.Request, who people.Person) (string, error) {
	c := practice.Closure{Site: r.PostFormValue("site"), Room: r.PostFormValue("room"), By: who.Name}
	next := "/closed"
	if c.Room != "" {
		next = "/room/" + c.Site + "/" + c.Room
		if _, ok := p.room(practice.RoomID{Site: c.Site, Room: c.Room}, who); !ok {
			return "/closed", errNoPage
		}
	}
	if who.Role == people.Site && c.Site != who.Site {
		return next, problem("you can only close rooms of " + who.Site)
	}
	if _, counts := p.query(practice.Filter{Sites: []string{c.Site}, Limit: 1}, who); c.Site != "" && counts.Rooms == 0 {
		return next, problem("there is no such site")
	}
	var err error
	if c.Why, err = text(r, "why", true); err != nil {
		return next, problem("write why it is closed")
	}
	now := p.Source.Status().At
	if c.From, err = p.date(r.PostFormValue("from")); err != nil {
		return next, err
	}
	if c.Until, err = p.date(r.PostFormValue("until")); err != nil {
		return next, err
	}
	if err := weekly(r, &c); err != nil {
		return next, err
	}
	switch {
	case c.Days == 0 && c.Until.IsZero():
		return next, problem("say until when it is closed, or on which days of the week")
	case !c.Until.IsZero() && (!c.Until.After(now) || c.Until.Before(c.From)):
		return next, problem("the end of that time is over already, or before its start")
	case c.Until.Sub(now) > maxAhead:
		return next, problem("that is more than a year ahead")
	}
	return next, p.Source.AddClosure(r.Context(), c)
}

// weekly reads the days of the week, and the hours on them.
func weekly(r *http.Request, c *practice.Closure) error {
	for _, d := range r.PostForm["day"] {
		n, err := strconv.Atoi(d)
		if err != nil || n < 0 || n > 6 {
			return problem("there is no such day")
		}
		c.Days |= 1 << n
	}
	if c.Days == 0 {
		return nil
	}
	start, err1 := time.Parse("15:04", r.PostFormValue("start"))
	end, err2 := time.Parse("15:04", r.PostFormValue("end"))
	if err1 != nil || err2 != nil {
		return problem("say from what time to what time it is closed on these days")
	}
	c.Start, c.End = start.Hour()*60+start.Minute(), end.Hour()*60+end.Minute()
	return nil
}

// date reads a date and a time as a browser's field sends them.
func (p *Page) date(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, s, p.Location); err == nil {
			return t, nil
		}
	}
	return time.Time{}, problem("write the date as 2026-12-24 18:00")
}

func (p *Page) removeClosure(r *http.Request, who people.Person) (string, error) {
	id, err := strconv.ParseInt(r.PostFormValue("id"), 10, 64)
	if err != nil {
		return "/closed", problem("there is no such closed period")
	}
	all, err := p.Source.Closures(r.Context())
	if err != nil {
		return "/closed", fmt.Errorf("read the closed periods: %w", err)
	}
	for _, c := range all {
		switch {
		case c.ID != id:
		case who.Role == people.Site && c.Site != who.Site:
			return "/closed", problem("that period is not only about " + who.Site)
		default:
			return "/closed", p.Source.RemoveClosure(r.Context(), id, who.Name)
		}
	}
	return "/closed", nil // somebody else has removed it
}

// closedView lists the closed periods.
type closedView struct {
	Periods []period
	Sites   []choice
	All     bool // the person may close everything
	Days    []dayChoice
	From    string
}

type period struct {
	ID             int64
	Where, When    string
	Why, By        string
	Now, Removable bool
}

type dayChoice struct {
	N    int
	Name string
}

var weekdays = []dayChoice{{1, "Monday"}, {2, "Tuesday"}, {3, "Wednesday"}, {4, "Thursday"}, {5, "Friday"}, {6,
	"Saturday"}, {0, "Sunday"}}

// closed fills in the page with the closed periods.
func (p *Page) closed(ctx context.Context, s *screen, now time.Time) error {
	all, err := p.Source.Closures(ctx)
	if err != nil {
		return fmt.Errorf("read the closed periods: %w", err)
	}
	v := closedView{All: s.Who.Role == people.Manager, Days: weekdays, From: now.In(p.Location).Format("2006-01-02T15:04")}
	for _, c := range all {
		if c.Site != "" && !s.Who.Sees(c.Site) || !c.Until.IsZero() && c.Until.Before(now) {
			continue
		}
		where := "everywhere"
		switch {
		case c.Room != "":
			where = c.Site + "/" + c.Room
		case c.Site != "":
			where = c.Site
		}
		v.Periods = append(v.Periods, period{c.ID, where, p.period(c, now), c.Why, c.By,
			c.Covers(practice.RoomID{Site: c.Site, Room: c.Room}, now.In(p.Location)),
			s.Who.Role == people.Manager || c.Site == s.Who.Site})
	}
	_, counts := p.query(practice.Filter{Limit: 1}, s.Who)
	for _, site := range counts.Sites {
		v.Sites = append(v.Sites, choice{site, false})
	}
	s.name, s.Tab, s.Heading, s.Content = "closed", "closed", "Closed periods", v
	s.Title, s.Said = "Closed · "+title(counts, s.Trust), said(counts, s.Trust)
	s.parts, s.slow = []string{"closed-list"}, true
	return nil
}

// period is a closed period in words.
func (p *Page) period(c practice.Closure, now time.Time) string {
	var all []string
	if c.Days != 0 {
		var names []string
		for _, d := range weekdays {
			if c.Days.Has(time.Weekday(d.N)) {
				names = append(names, d.Name[:3])
			}
		}
		clock := func(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }
		all = append(all, fmt.Sprintf("%s, %s to %s", strings.Join(names, " "), clock(c.Start), clock(c.End)))
	}
	if !c.From.IsZero() && c.From.After(now) {
		all = append(all, "from "+p.clock(c.From, now))
	}
	if !c.Until.IsZero() {
		all = append(all, "until "+p.clock(c.Until, now))
	}
	return strings.Join(all, ", ")
}
