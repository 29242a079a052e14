package notice

import (
	"slices"
	"time"

	"tacet/daemon/health"
)

// Rule says who gets a word about what, and how soon.
type Rule struct {
	Name     string // unique; the state is stored under it
	To       []string
	Sites    []string        // none: all
	Severity health.Severity // at least
	Codes    []health.Code   // none: all
	Not      []health.Code   // none of these

	Grace    time.Duration // how long a fault must last
	Group    time.Duration // how long to wait for others that belong to it
	Clear    time.Duration // how long it must be gone
	Cooldown time.Duration // from its end until it may be mentioned again; between updates
	Remind   time.Duration // mention it again after this long; 0: never
	PerHour  int           // the most messages in an hour, apart from "resolved", of which each incident has one
}

// The defaults of a rule.
const (
	DefaultGrace    = 5 * time.Minute
	DefaultGroup    = 2 * time.Minute // the broker notices within 68 s that a unit has lost its power
	DefaultClear    = 5 * time.Minute
	DefaultCooldown = 30 * time.Minute
	DefaultRemind   = 24 * time.Hour
	DefaultPerHour  = 6
)

// Summary says who gets a weekly mail, and when.
type Summary struct {
	To       []string
	Day      time.Weekday
	Minute   int // after midnight
	Location *time.Location
}

// last returns the latest time at or before now at which the mail was due.
func (s *Summary) last(now time.Time) time.Time {
	now = now.In(s.Location)
	back := (int(now.Weekday()) - int(s.Day) + 7) % 7
	at := func(days int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()-days, s.Minute/60, s.Minute%60, 0, 0, s.Location)
	}
	if due := at(back); !due.After(now) {
		return due
	}
	return at(back + 7)
}

// next returns the earliest time after now at which the mail is due.
func (s *Summary) next(now time.Time) time.Time {
	last := s.last(now)
	return time.Date(last.Year(), last.Month(), last.Day()+7, s.Minute/60, s.Minute%60, 0, 0, s.Location)
}

// wants reports whether a rule is about a fault.
func (r *Rule) wants(code health.Code, severity health.Severity) bool {
	return severity >= r.Severity && (len(r.Codes) == 0 || slices.Contains(r.Codes, code)) && !slices.Contains(r.Not, code)
}

// watches reports whether a rule is about a site.
func (r *Rule) watches(site string) bool { return len(r.Sites) == 0 || slices.Contains(r.Sites, site) }
