// Package health declares every warning that the unit can raise, each with a text for the person
// who has to act, and tracks which of them are up.
//
//	t := health.NewTracker()
//	t.Set(health.MicMissing, "hw:CARD=Device,DEV=0")   // from any goroutine
//	t.Clear(health.MicMissing)
//	t.SetFor(health.StoreMissing, "drive", "")         // one of several
//	for _, w := range t.Up() { fmt.Println(w.Message()) }
//
// A warning shows once its cause has lasted for After, and clears once the cause has been gone for
// Linger, so that a loose plug is one warning and not a hundred. A warning that blocks recording
// does so for exactly as long as its cause lasts, shown or not.
//
// No text mentions a patient, a party or what was said. Details are names of devices, paths, IDs of
// recordings and errors.
package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Severity determines colour and order. Warning.Blocks says whether recording is refused.
type Severity uint8

const (
	// Note: something happened that needs no action. It clears when the next recording has ended
	// well, or after Lasts.
	Note Severity = iota
	// Attention: the unit works, but needs somebody soon.
	Attention
	// Fault: the unit can't record, or a recording was harmed.
	Fault
)

func (s Severity) String() string {
	switch s {
	case Fault:
		return "fault"
	case Note:
		return "note"
	}
	return "attention"
}

// MarshalText returns String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Note, Attention, Fault} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", text)
}

// Warning is a declared warning.
type Warning struct {
	Code     Code
	Title    string // a few words
	Severity Severity
	Text     string // what it means in the room
	Do       string // what to do, and who does it
	// After is how long the cause must last before the warning shows.
	After time.Duration
	// Linger is how long the cause must be gone before the warning clears.
	Linger time.Duration
	// Lasts makes it an event: it is up this long after it was last set, and need not be cleared.
	Lasts time.Duration
	// Blocks: recording is refused while the cause lasts. Code that raises such a warning must keep
	// checking its cause without waiting for a press, since presses are refused.
	Blocks bool
}

// Declared returns every warning, sorted by code.
func Declared() []Warning { return slices.Clone(declared) }

// Problem reports whether a warning needs action.
func (w Warning) Problem() bool { return w.Severity != Note }

// Problems reports whether one of the warnings that are up needs action.
func Problems(up []Active) bool {
	return slices.ContainsFunc(up, func(a Active) bool { return a.Problem() })
}

// maxRemedy is the most bytes of a Remedy.
const maxRemedy = 160

// Remedy is what to do, for a line of a dashboard or a push message: as many sentences of Do as
// fit.
func (w Warning) Remedy() string {
	end := 0
	for i := range w.Do {
		if i >= maxRemedy {
			break
		}
		if w.Do[i] == '.' && (i+1 == len(w.Do) || w.Do[i+1] == ' ') {
			end = i + 1
		}
	}
	return w.Do[:end]
}

// Lookup returns the warning of a code.
func Lookup(code Code) (Warning, bool) {
	i, ok := slices.BinarySearchFunc(declared, code, func(w Warning, c Code) int { return cmp.Compare(w.Code, c) })
	if !ok {
		return Warning{}, false
	}
	return declared[i], true
}

// Cause is one thing that keeps a warning up.
type Cause struct {
	On     string // the store or line, if there can be several; else empty
	Detail string
	Since  time.Time // when the cause started, not when the warning showed
}

// Active is a warning that is up.
type Active struct {
	Warning
	Since  time.Time // of the earliest cause
	Causes []Cause   // sorted by On; never empty
}

// maxDetails is the most bytes that the details take in a Message. An alert is cut at 1,000 bytes,
// and what is cut must not be what to do.
const maxDetails = 500

// Message is the warning in one line for a person: what, since when, what to do. The time is in the
// unit's time zone.
func (a Active) Message() string {
	var b strings.Builder
	b.WriteString(a.Title)
	if details := a.details(); details != "" {
		fmt.Fprintf(&b, " (%s)", details)
	}
	fmt.Fprintf(&b, ", since %s. %s %s", a.Since.Format("2 Jan 2006 15:04"), a.Text, a.Do)
	return b.String()
}

// details joins the details of all causes. If they don't fit, each is cut to its share, so that all
// of them show.
func (a Active) details() string {
	const separator = "; "
	var all []string
	for _, c := range a.Causes {
		switch {
		case c.On != "" && c.Detail != "":
			all = append(all, c.On+": "+c.Detail)
		case c.On != "" || c.Detail != "":
			all = append(all, c.On+c.Detail)
		}
	}
	text := strings.Join(all, separator)
	if len(text) <= maxDetails {
		return text
	}
	share := max(maxDetails/len(all)-len(separator), 40) // less would be unreadable
	for i := range all {
		all[i] = cut(all[i], share)
	}
	return cut(strings.Join(all, separator), maxDetails)
}

// cut shortens a text to limit bytes.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	limit -= len(mark)
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + mark
}
