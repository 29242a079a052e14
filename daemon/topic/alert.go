package topic

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxAlert bounds the text of an alert, in bytes.
const maxAlert = 1000

// Alert is the text of a warning for a person: what, since when, what to do. It
// is one line, cut where it would be too long. Since is written in its own time
// zone, which should be the room's.
func Alert(what string, since time.Time, do string) string {
	text := sentence(what) + " Since " + since.Format("2 January 2006, 15:04 MST") + "."
	if do = sentence(do); do != "" {
		text += " " + do
	}
	return OneLine(text)
}

// OneLine makes a text fit for an alert topic: line breaks and other control
// characters become single spaces, and what is too long is cut.
func OneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r)
	}), " ")
	if len(text) <= maxAlert {
		return text
	}
	const mark = "…"
	cut := maxAlert - len(mark)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}

// sentence ends a text with a full stop, unless it has an end or is empty.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}
