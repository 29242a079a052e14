package settings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/config"
	"tacet/daemon/health"
)

// rules reads the [[rule]]. Without any, everybody gets everything.
func (r *reader) rules(tables []ruleTable) {
	if len(tables) > maxRules {
		r.fail("rule", "there are more than %d", maxRules)
		return
	}
	if len(tables) == 0 {
		tables = []ruleTable{{Name: "all", To: r.everybody()}}
	}
	seen := map[string]bool{}
	for i, t := range tables {
		key := fmt.Sprintf("rule %q", t.Name)
		switch {
		case !nameShape.MatchString(t.Name):
			r.fail(fmt.Sprintf("rule number %d", i+1), "name %q: write 1 to 32 of a-z, 0-9 and -", t.Name)
		case seen[t.Name]:
			r.fail(key, "the name is there twice")
		}
		seen[t.Name] = true
		r.s.Rules = append(r.s.Rules, r.rule(key, &t))
	}
}

func (r *reader) everybody() []string {
	var all []string
	for name := range r.names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (r *reader) rule(key string, t *ruleTable) notice.Rule {
	rule := notice.Rule{Name: t.Name, To: t.To, Sites: t.Sites, Severity: health.Attention, PerHour: notice.DefaultPerHour,
		Codes: r.codes(key+" codes", t.Codes), Not: r.codes(key+" not", t.Not)}
	r.to(key, t.To)
	switch t.Severity {
	case "", "attention":
	case "fault":
		rule.Severity = health.Fault
	default:
		r.fail(key, "severity %q is unknown: write \"attention\" or \"fault\"", t.Severity)
	}
	for _, site := range t.Sites {
		if !nameShape.MatchString(site) {
			r.fail(key, "site %q: write 1 to 32 of a-z, 0-9 and -", site)
		}
	}
	const day = 24 * time.Hour
	rule.Grace = r.duration(key+" grace", t.Grace, notice.DefaultGrace, 0, day)
	rule.Group = r.duration(key+" group", t.Group, notice.DefaultGroup, 0, time.Hour)
	rule.Clear = r.duration(key+" clear", t.Clear, notice.DefaultClear, time.Minute, day)
	rule.Cooldown = r.duration(key+" cooldown", t.Cooldown, notice.DefaultCooldown, 5*time.Minute, 7*day)
	rule.Remind = r.duration(key+" remind", t.Remind, notice.DefaultRemind, 0, 30*day)
	if rule.Remind > 0 && rule.Remind < time.Hour {
		r.fail(key+" remind", "write \"0s\" for no reminder, or at least \"1h\"")
	}
	if t.PerHour != nil {
		if rule.PerHour = *t.PerHour; rule.PerHour < 1 || rule.PerHour > 60 {
			r.fail(key+" per_hour", "write a number from 1 to 60")
		}
	}
	return rule
}

// to checks names of recipients.
func (r *reader) to(key string, names []string) {
	if len(names) == 0 {
		r.fail(key, "to is missing: name at least one [[to]]")
	}
	for _, name := range names {
		if !r.names[name] {
			r.fail(key, "to %q: there is no [[to]] of this name; there are %s", name, strings.Join(r.everybody(), ", "))
		}
	}
}

func (r *reader) codes(key string, names []string) (codes []notice.Code) {
	for _, name := range names {
		if !notice.Known(notice.Code(name)) {
			r.fail(key, "%q is no code of a warning: the dashboard's manual lists them", name)
		}
		codes = append(codes, notice.Code(name))
	}
	return codes
}

func (r *reader) duration(key string, text *string, fallback, least, most time.Duration) time.Duration {
	if text == nil {
		return fallback
	}
	d, err := config.ParseDuration(*text)
	if err != nil || d < least || d > most {
		r.fail(key, "%q: write a time between %q and %q, as in \"90s\", \"5m\", \"12h\" or \"2d\"", *text, least, most)
		return fallback
	}
	return d
}

var days = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func (r *reader) weekly(t *weeklyTable) {
	if t == nil {
		return
	}
	r.to("weekly", t.To)
	day := slices.Index(days, strings.ToLower(t.Day))
	if day < 0 {
		r.fail("weekly.day", "%q: write a day like \"monday\"", t.Day)
	}
	at, err := time.Parse("15:04", t.At)
	if err != nil {
		r.fail("weekly.at", "%q: write a time like \"08:00\"", t.At)
	}
	r.s.Summary = &notice.Summary{
		To: t.To, Day: time.Weekday(day), Minute: at.Hour()*60 + at.Minute(), Location: r.location,
	}
}

func (r *reader) ping(t *pingTable) {
	if t == nil {
		return
	}
	r.s.Ping = &Ping{
		URL:   r.address("ping", t.URL, t.URLFile),
		Every: r.duration("ping.every", t.Every, 5*time.Minute, 30*time.Second, 24*time.Hour),
	}
}
