// Package health holds every warning the unit can give, each declared once with a text for the
// person who has to act, and keeps track of which are up.
//
//	t := health.NewTracker()
//	t.Set(health.MicMissing, "hw:CARD=Device,DEV=0")   // from any goroutine
//	t.Clear(health.MicMissing)
//	t.SetFor(health.StoreMissing, "drive", "")         // one of several
//	for _, w := range t.Up() { fmt.Println(w.Message()) }
//
// A warning does not show at once, nor go at once: its cause must have stood for After, and have
// been gone for Linger, so that a loose plug is one warning and not a hundred. What it blocks, it
// blocks from the first moment to the last of its cause, shown or not.
//
// No text names a patient, a party, or what was said; details are device names, paths, recordings'
// IDs and errors.
package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Severity says how bad it is, for colours and order. Whether recording is refused is for
// Warning.Blocks to say.
type Severity uint8

const (
	// Note: something happened, and nobody is needed. It is no problem: it stands until the next
	// recording has ended well, or until Lasts is over.
	Note Severity = iota
	// Attention: the unit works, but somebody should look soon.
	Attention
	// Fault: it can't record, or a recording was harmed.
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

// MarshalText is String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Warning is something that can be wrong, as declared.
type Warning struct {
	Code     Code
	Title    string // a few words
	Severity Severity
	Text     string // what it means in the room
	Do       string // what to do, by whom
	// After is how long the cause must stand before the warning shows.
	After time.Duration
	// Linger is how long the cause must be gone before the warning goes.
	Linger time.Duration
	// Lasts makes it an event: it is up this long after it was last set, and need not be cleared.
	Lasts time.Duration
	// Blocks: recording is refused while the cause stands. Whoever sets such a warning keeps
	// looking whether its cause is gone without waiting for a press, since presses are refused.
	Blocks bool
}

// Declared returns every warning, sorted by code.
func Declared() []Warning { return slices.Clone(declared) }

// Problem says whether a warning needs somebody.
func (w Warning) Problem() bool { return w.Severity != Note }

// Problems says whether one of those that are up needs somebody.
func Problems(up []Active) bool {
	return slices.ContainsFunc(up, func(a Active) bool { return a.Problem() })
}

// maxRemedy bounds Remedy, in bytes.
const maxRemedy = 160

// Remedy is what to do, in a line for a dashboard or a push message: as many sentences of Do as
// have room.
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
	On     string // which store or line, where there can be several; else empty
	Detail string
	Since  time.Time // when it began, not when it began to show
}

// Active is a warning that is up.
type Active struct {
	Warning
	Since  time.Time // of the earliest cause
	Causes []Cause   // sorted by On; never empty
}

// maxDetails bounds, in bytes, what Message says of all causes together: an alert has room for
// 1,000, and since when and what to do must not be what is cut.
const maxDetails = 500

// Message is the whole of it in one line for a person: what, since when, what to do. The time is in
// the unit's zone.
func (a Active) Message() string {
	var b strings.Builder
	b.WriteString(a.Title)
	if details := a.details(); details != "" {
		fmt.Fprintf(&b, " (%s)", details)
	}
	fmt.Fprintf(&b, ", since %s. %s %s", a.Since.Format("2 Jan 2006 15:04"), a.Text, a.Do)
	return b.String()
}

// details are those of all causes. Where there is no room for all, each is cut to its share, so
// that the first does not hide that there are others.
func (a Active) details() string {
	const between = "; "
	var all []string
	for _, c := range a.Causes {
		switch {
		case c.On != "" && c.Detail != "":
			all = append(all, c.On+": "+c.Detail)
		case c.On != "" || c.Detail != "":
			all = append(all, c.On+c.Detail)
		}
	}
	text := strings.Join(all, between)
	if len(text) <= maxDetails {
		return text
	}
	share := max(maxDetails/len(all)-len(between), 40) // or nothing could be read of any
	for i := range all {
		all[i] = cut(all[i], share)
	}
	return cut(strings.Join(all, between), maxDetails)
}

// cut shortens a text to so many bytes.
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
