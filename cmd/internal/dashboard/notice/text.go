package notice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tacet/daemon/health"
)

// write completes a message about faults, the worst first, and puts it out.
func (e *Engine) write(d *desk, m Message, keys []key, now time.Time) {
	m.V, m.Rule, m.Time, m.To = 1, d.Name, now, d.To
	problems := make([]Problem, len(keys))
	for n, k := range keys {
		problems[n] = e.problem(k, d.item(k))
		m.Severity = max(m.Severity, problems[n].Severity)
	}
	m.Link = e.linkOf(problems)
	m.Subject = subject(m.Kind, problems)
	m.Text = e.text(m.Kind, problems)
	m.Problems = problems[:min(len(problems), maxProblems)]
	m.More = len(problems) - len(m.Problems)
	e.out = append(e.out, m)
	if m.Kind == Alert {
		e.weekly.Alerts++
		e.dirty[weeklyKey] = true
	}
}

func (e *Engine) problem(k key, i *item) Problem {
	w := declared(k.Code)
	seat := e.seats[k.Subject]
	return Problem{
		Site: k.Subject.Site, Room: k.Subject.Room, Broker: k.Subject.Broker, Name: i.Name, Code: k.Code,
		Severity: w.Severity, Title: w.Title, Since: i.Since, Until: i.Gone, Over: i.Phase == over,
		Closed: seat != nil && seat.closed, Flaps: i.Flaps, Remedy: w.Remedy(), Link: e.linkTo(k.Subject),
	}
}

func (e *Engine) link(site, room string) string {
	if e.o.Link == nil {
		return ""
	}
	return e.o.Link(site, room)
}

func (e *Engine) linkTo(s Subject) string {
	if !s.isRoom() {
		return e.link("", "")
	}
	return e.link(s.Site, s.Room)
}

// linkOf is the room's page if all problems are of one room.
func (e *Engine) linkOf(problems []Problem) string {
	if len(roomsOf(problems)) == 1 {
		return problems[0].Link
	}
	return e.link("", "")
}

// where names a room for a person who knows the practice.
func (p *Problem) where() string {
	if p.Room == "" {
		return p.Name
	}
	return fmt.Sprintf("%s (%s)", p.Name, p.Site)
}

// roomsOf returns the subjects of problems.
func roomsOf(problems []Problem) []Subject {
	var all []Subject
	for _, p := range problems {
		all = append(all, Subject{Site: p.Site, Room: p.Room, Broker: p.Broker})
	}
	slices.SortFunc(all, Subject.Compare)
	return slices.Compact(all)
}

// subject is the line that a person sees first.
func subject(kind Kind, problems []Problem) string {
	rooms := roomsOf(problems)
	what := problems[0].Title
	if len(byCode(problems)) > 1 {
		what = "several warnings"
	}
	who := problems[0].where()
	if len(rooms) > 1 {
		who = count(len(rooms), "room")
		if site := rooms[0].Site; rooms[len(rooms)-1].Site == site && site != "" {
			who += " at " + site
		} else if site == "" {
			who = fmt.Sprintf("%d places", len(rooms))
		}
	}
	switch kind {
	case Resolved:
		return "Resolved: " + who + ": " + lower(what)
	case Reminder:
		return "Still: " + who + ": " + lower(what)
	case Update:
		up := 0
		for _, p := range problems {
			if !p.Over {
				up++
			}
		}
		return fmt.Sprintf("%d of %d are over: %s: %s", len(problems)-up, len(problems), who, lower(what))
	}
	return who + ": " + lower(what)
}

// text is the message for a person.
func (e *Engine) text(kind Kind, problems []Problem) string {
	var up, gone, closed []Problem
	for _, p := range problems {
		switch {
		case p.Closed:
			closed = append(closed, p)
		case p.Over:
			gone = append(gone, p)
		default:
			up = append(up, p)
		}
	}
	var b strings.Builder
	switch kind {
	case Reminder:
		b.WriteString("This is a reminder: it has not been put right.\n\n")
	case Resolved:
		b.WriteString("It is over. Nothing needs to be done.\n\n")
	}
	if kind == Update {
		b.WriteString("Not over yet:\n\n")
	}
	b.WriteString(e.explain(up))
	for _, part := range []struct {
		title string
		list  []Problem
	}{{"Over", gone}, {"Closed now, and not watched meanwhile", closed}} {
		if len(part.list) > 0 {
			fmt.Fprintf(&b, "%s:\n%s\n", part.title, e.brief(part.list))
		}
	}
	if link := e.linkOf(problems); link != "" && (kind != Alert || len(roomsOf(problems)) > 1) {
		fmt.Fprintf(&b, "More: %s\n", link)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// explain says of each fault what it is, where, since when, and what to do.
func (e *Engine) explain(problems []Problem) string {
	var b strings.Builder
	kinds := byCode(problems)
	for n, list := range kinds {
		if n == maxKinds {
			fmt.Fprintf(&b, "And %s.\n\n", count(len(kinds)-maxKinds, "other warning"))
			break
		}
		w := declared(list[0].Code)
		fmt.Fprintf(&b, "%s\n", w.Title)
		for i, p := range list {
			if i == maxNamed {
				fmt.Fprintf(&b, "  and %s\n", count(len(list)-maxNamed, "more room"))
				break
			}
			fmt.Fprintf(&b, "  %s, %s\n", p.where(), e.since(&p))
			if p.Link != "" && len(list) <= 3 {
				fmt.Fprintf(&b, "  %s\n", p.Link)
			}
		}
		fmt.Fprintf(&b, "What it means: %s\nWhat to do: %s\n\n", w.Text, e.remedy(w, list))
	}
	return b.String()
}

// since says since when a fault is up. Faults that come and go have no such time.
func (e *Engine) since(p *Problem) string {
	if p.Flaps > 0 {
		return "on and off since " + e.clock(p.Since)
	}
	return "since " + e.clock(p.Since)
}

func (e *Engine) clock(at time.Time) string { return at.In(e.o.Location).Format("2 January, 15:04") }

// together is how close in time faults start that have one cause.
const together = 5 * time.Minute

// remedy is the one thing to do. If several rooms of a site go silent at once, it is not a unit's
// plug.
func (e *Engine) remedy(w health.Warning, list []Problem) string {
	if w.Code != Silent || len(list) < 3 {
		return w.Do
	}
	site, first, last := list[0].Site, list[0].Since, list[0].Since
	for _, p := range list {
		if p.Site != site {
			site = ""
		}
		if p.Since.Before(first) {
			first = p.Since
		}
		if p.Since.After(last) {
			last = p.Since
		}
	}
	if last.Sub(first) > together {
		return w.Do
	}
	where := "there"
	if site != "" {
		where = "at " + site
	}
	return fmt.Sprintf("They went silent together, so check the power and the network %s first. "+
		"When both are back, the rooms come back by themselves.", where)
}

// brief lists faults in a line each.
func (e *Engine) brief(problems []Problem) string {
	var lines []string
	for _, p := range problems {
		line := fmt.Sprintf("%s: %s, from %s", p.where(), lower(p.Title), e.clock(p.Since))
		if p.Over {
			line += " until " + e.clock(p.Until)
		}
		lines = append(lines, line)
	}
	return list(lines)
}

// list is an indented list of at most maxNamed lines.
func list(lines []string) string {
	slices.Sort(lines)
	var b strings.Builder
	for i, line := range lines {
		if i == maxNamed {
			fmt.Fprintf(&b, "  and %d more\n", len(lines)-maxNamed)
			break
		}
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// byCode groups problems by their code: the worst first, then what most rooms have.
func byCode(problems []Problem) [][]Problem {
	at := map[Code]int{}
	var kinds [][]Problem
	for _, p := range problems {
		n, known := at[p.Code]
		if !known {
			n = len(kinds)
			at[p.Code] = n
			kinds = append(kinds, nil)
		}
		kinds[n] = append(kinds[n], p)
	}
	slices.SortStableFunc(kinds, func(a, b []Problem) int {
		return cmp.Or(cmp.Compare(b[0].Severity, a[0].Severity), cmp.Compare(len(b), len(a)))
	})
	return kinds
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lower writes a title in the middle of a line. A title that starts with an abbreviation stays.
func lower(title string) string {
	if len(title) < 2 || title[1] != ' ' && (title[1] < 'a' || title[1] > 'z') {
		return title
	}
	return strings.ToLower(title[:1]) + title[1:]
}
