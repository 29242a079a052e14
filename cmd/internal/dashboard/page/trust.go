package page

import (
	"fmt"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/practice"
)

// trust is a reason not to believe everything that the page shows.
type trust struct {
	Bad   bool   // what is shown may be untrue; otherwise it is only incomplete
	Title string // a sentence
	Since moment
	Text  string
}

// How long the page keeps saying that something happened.
const (
	saidForgot = 24 * time.Hour
	saidJumped = time.Hour
)

// trust says how far what is shown can be trusted, worst first.
func (p *Page) trust(s Status) (all []trust) {
	var down []practice.Link
	for _, l := range s.Links {
		if !l.Up {
			down = append(down, l)
		}
	}
	if len(s.Links) == 0 {
		all = append(all, trust{Bad: true, Title: "The dashboard has no broker.", Text: "Nothing here can be current."})
	}
	for _, l := range down {
		t := trust{Bad: true, Since: p.moment(l.Since, s.At), Title: "The broker is gone."}
		what := "What is shown"
		if len(s.Links) > 1 {
			t.Title, what = fmt.Sprintf("The broker %s is gone.", l.Broker), "What is shown of its rooms"
		}
		if last := p.clock(l.Last, s.At); last != "" {
			t.Text = fmt.Sprintf("%s is how it was at %s. Nobody can tell how it is now.", what, last)
		} else {
			t.Text = "Nothing has come from it since the dashboard started."
		}
		t.Text = sentences(t.Text, l.Trouble, l.Advice)
		all = append(all, t)
	}
	for _, l := range s.Links {
		if l.Up && !l.Complete {
			all = append(all, trust{Bad: true, Title: "The dashboard is still reading.", Text: fmt.Sprintf(
				"The broker %s is connected, but not everything has come that it kept.", l.Broker)})
		}
	}
	if s.Behind != "" {
		all = append(all, trust{Bad: true, Title: "The dashboard can’t write its history.", Text: sentences(s.Behind)})
	}
	all = append(all, p.clockTrust(s)...)
	for _, l := range s.Links {
		if !l.Forgot.IsZero() && s.At.Sub(l.Forgot) < saidForgot {
			all = append(all, trust{Title: fmt.Sprintf("The broker %s lost its memory of the dashboard at %s.", l.Broker, p.clock(l.Forgot, s.At)),
				Text: "Events may be missed. The states below are right."})
		}
		if l.Up && l.Advice != "" {
			all = append(all, trust{Title: fmt.Sprintf("The broker %s:", l.Broker), Text: sentences(l.Advice)})
		}
	}
	return all
}

func (p *Page) clockTrust(s Status) (all []trust) {
	if c := s.Clocks; c.Wrong {
		way := "behind"
		if c.Skew < 0 {
			way = "ahead of"
		}
		all = append(all, trust{Bad: true, Title: "The dashboard’s clock is wrong.", Text: fmt.Sprintf(
			"It is %s %s the clocks of %d %s. Times on this page are not right, and a room may count as late that is not. "+
				"Set this computer’s clock.", span(c.Skew.Abs()), way, c.Compared, plural(c.Compared, "unit", "units"))})
	}
	if c := s.Clocks; !c.Jumped.IsZero() && s.At.Sub(c.Jumped) < saidJumped && s.At.Sub(c.Jumped) > -saidJumped {
		all = append(all, trust{Title: fmt.Sprintf("The dashboard’s clock jumped by %s at %s.", span(c.By.Abs()), p.clock(c.Jumped, s.At)),
			Text: "Times from before are shown as they were taken."})
	}
	return all
}

// Distrust reports whether what the page shows may be untrue.
func (f frame) Distrust() bool { return bad(f.Trust) }

// bad reports whether what is shown may be untrue.
func bad(all []trust) bool {
	for _, t := range all {
		if t.Bad {
			return true
		}
	}
	return false
}

// sentences joins texts, each as a sentence.
func sentences(texts ...string) string {
	var all []string
	for _, t := range texts {
		if t = strings.TrimSpace(t); t == "" {
			continue
		}
		if !strings.ContainsAny(t[len(t)-1:], ".!?") {
			t += "."
		}
		all = append(all, capital(t))
	}
	return strings.Join(all, " ")
}
