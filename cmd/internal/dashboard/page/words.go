package page

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// stateWords are the states as people read them.
var stateWords = map[practice.State]string{
	practice.Hand: "Needs a hand", practice.Silent: "Silent", practice.Late: "Late", practice.Unknown: "Not on the list",
	practice.Never: "Never heard", practice.Recording: "Recording", practice.Ready: "Ready",
}

// word is the room's state in a word or two. What may not be true any more is not said as if it
// were.
func (r room) word() string {
	word := stateWords[r.State]
	switch {
	case r.Closed != nil && r.State != practice.Recording:
		return "Closed"
	case r.Doubt == "" || r.State == practice.Never:
		return word
	case r.State == practice.Hand:
		return "Needed a hand"
	}
	return "Was " + strings.ToLower(word)
}

// headline says what is wrong with a room, or empty if nothing is.
func (r room) headline() string {
	switch {
	case r.State == practice.Silent && r.Heard.IsZero():
		return "Not heard since the dashboard has been running"
	case r.State == practice.Silent && r.Unit != nil && !r.Online:
		return "The unit has gone from the broker"
	case r.State == practice.Silent:
		return "No sign of life"
	case r.State == practice.Late:
		return "A sign of life is overdue"
	case r.State == practice.Unknown:
		return "Publishes, but is not on the list of rooms"
	case r.State == practice.Never:
		return "On the list of rooms, but never heard"
	case r.State != practice.Hand:
		return ""
	case len(r.Alerts) > 0 && r.Alerts[0].Severity != health.Note:
		return r.Alerts[0].Title
	case r.WrongRecipients:
		return "Encrypts to other recipients than the list says"
	case r.WrongKey:
		return "Signs with another key than the list says"
	}
	return "It can’t record now"
}

// flags are what stands out in a room beside its state.
func (r room) flags() (all []string) {
	add := func(yes bool, text string) {
		if yes && text != r.headline() {
			all = append(all, text)
		}
	}
	more := 0
	for _, a := range r.Alerts {
		if a.Severity != health.Note {
			more++
		}
	}
	if more > 1 {
		all = append(all, fmt.Sprintf("%d more %s", more-1, plural(more-1, "warning", "warnings")))
	}
	add(r.State == practice.Hand && r.Phase() == topic.Recording, "It is recording meanwhile")
	add(r.WrongRecipients, "Encrypts to other recipients than the list says")
	add(r.WrongKey, "Signs with another key than the list says")
	if r.Missed > 0 {
		all = append(all, fmt.Sprintf("%d %s missed", r.Missed, plural(r.Missed, "event", "events")))
	}
	return all
}

// moved is the words for a line of the history that is about a state.
func moved(e practice.Entry) string {
	switch e.State {
	case practice.Hand:
		return "needs a hand"
	case practice.Silent:
		return "has gone silent"
	case practice.Late:
		return "is late"
	case practice.Unknown:
		return "publishes, and is not on the list of rooms"
	case practice.Never:
		return "was never heard"
	case practice.Recording:
		return "records"
	}
	switch e.From {
	case practice.Silent, practice.Late:
		return "is back"
	case practice.Never:
		return "is heard for the first time"
	case practice.Hand:
		return "is ready again"
	}
	return "is ready"
}

// entryWords says what a line of the history is about. It has no room's name.
func entryWords(e practice.Entry) string {
	code := string(e.Code)
	if w, ok := health.Lookup(e.Code); ok {
		code = w.Title
	}
	on := ""
	if e.Store != "" {
		on = " (" + e.Store + ")"
	}
	switch e.Kind {
	case practice.Started:
		return "a recording started"
	case practice.Ended:
		return "a recording ended" + length(e.Seconds)
	case practice.Copied:
		return "a recording was copied to " + e.Store
	case practice.Released:
		return "a recording left the unit’s own disk"
	case practice.Faulted:
		return "warning: " + code + on
	case practice.Cleared:
		return "over: " + code + on
	case practice.Missed:
		return fmt.Sprintf("%d %s missed", e.Count, plural(e.Count, "event was", "events were"))
	case practice.Found:
		return "an event came late that had counted as missed"
	case practice.Moved:
		return moved(e)
	case practice.Booted:
		return strings.TrimRight("the unit started again, version "+e.Text, " ")
	case practice.Upgraded:
		return "another version runs: " + e.Text
	case practice.Configured:
		return "another configuration runs"
	case practice.Recipients:
		return "it encrypts to other recipients"
	case practice.NewKey:
		return "it signs with another key"
	case practice.Linked:
		return "the broker " + e.Text + " is connected"
	case practice.Unlinked:
		return "the broker " + e.Text + " is gone"
	case practice.Forgot:
		return "the broker " + e.Text + " has lost our session: events may be missed"
	case practice.Clock:
		return "this computer’s clock jumped by " + e.Text
	}
	return string(e.Kind)
}

func length(seconds *float64) string {
	if seconds == nil || *seconds < 0 || *seconds > 7*24*3600 {
		return ""
	}
	return " after " + span(time.Duration(*seconds*float64(time.Second)))
}

// span is a duration for people, in one unit or two.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 10*time.Hour && d%time.Hour >= time.Minute:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// hours is a number of hours for people.
func hours(h *float64) string {
	if h == nil {
		return "not known"
	}
	if *h > 1e6 || *h < 0 {
		return "no known limit"
	}
	if *h >= 10 {
		return fmt.Sprintf("%.0f h", *h)
	}
	return span(time.Duration(*h * float64(time.Hour)))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// printable replaces control characters and those that turn the direction of writing around:
// html/template keeps text from becoming HTML, but not from looking like another text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return '�'
	}, strings.ToValidUTF8(s, "�"))
}

// clock is a time of today as 14:03, and of another day with its date.
func (p *Page) clock(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	t, now = t.In(p.Location), now.In(p.Location)
	switch {
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04")
	case now.Sub(t) < 6*24*time.Hour && now.After(t):
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}
