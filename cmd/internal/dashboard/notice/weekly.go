package notice

import (
	"fmt"
	"strings"
	"time"

	"tacet/daemon/health"
)

// week is what the weekly mail needs to know. As JSON it is what is stored.
type week struct {
	Last   time.Time `json:"last"`   // when the latest mail was due
	Alerts int       `json:"alerts"` // messages about new faults since then
}

// summarise writes the weekly mail when it is due. The first one comes at the first due time after
// the rule was made.
func (e *Engine) summarise(now time.Time) {
	s := e.o.Summary
	if s == nil {
		return
	}
	due := s.last(now)
	e.due(s.next(now))
	if e.weekly.Last.IsZero() || e.weekly.Last.After(now) {
		e.weekly = week{Last: due}
		e.dirty[weeklyKey] = true
		return
	}
	if !due.After(e.weekly.Last) {
		return
	}
	id := e.o.NewID()
	m := Message{V: 1, ID: id, Thread: id, Kind: Weekly, Rule: weeklyKey, Time: now, To: s.To, Link: e.link("", "")}
	m.Subject, m.Text, m.Severity = e.weekText()
	e.out = append(e.out, m)
	e.weekly = week{Last: due}
	e.dirty[weeklyKey] = true
}

// weekText says how many rooms are well, and which are not.
func (e *Engine) weekText() (subject, text string, worst health.Severity) {
	var rooms, closed, doubt int
	var bad []string
	for s, seat := range e.seats {
		switch {
		case !s.isRoom():
			if seat.bad {
				bad = append(bad, seat.name)
			}
			continue
		case seat.closed:
			closed++
		case seat.doubt:
			doubt++
		case seat.bad:
			bad = append(bad, fmt.Sprintf("%s (%s/%s)", seat.name, s.Site, s.Room))
		}
		rooms++
	}
	var b strings.Builder
	worst = health.Note
	subject = fmt.Sprintf("All is well in %s", count(rooms, "room"))
	if len(bad)+doubt > 0 {
		subject, worst = fmt.Sprintf("%s of %d need a hand", count(len(bad), "room"), rooms), health.Attention
		if len(bad) == 0 {
			subject = fmt.Sprintf("%s of %d can't be seen", count(doubt, "room"), rooms)
		}
	}
	fmt.Fprintf(&b, "%s.\n\n", subject)
	fmt.Fprintf(&b, "Rooms that are watched: %d.\n", rooms)
	if closed > 0 {
		fmt.Fprintf(&b, "Closed now, and not watched meanwhile: %d.\n", closed)
	}
	if doubt > 0 {
		fmt.Fprintf(&b, "Not to be seen now, because their broker is not reached: %d.\n", doubt)
	}
	fmt.Fprintf(&b, "Notices about new faults since the last mail of this kind: %d.\n", e.weekly.Alerts)
	if len(bad) > 0 {
		fmt.Fprintf(&b, "\nThese need a hand:\n%s", list(bad))
	}
	if link := e.link("", ""); link != "" {
		fmt.Fprintf(&b, "\nAll rooms: %s\n", link)
	}
	fmt.Fprintf(&b, "\nIf this mail does not come at its time, look whether the dashboard runs.\n")
	return subject, b.String(), worst
}
