package topic

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAlert bounds the text of an alert, in bytes. A text ends with what to do, so
// whoever makes one keeps the rest short: see health.Active.Message.
const maxAlert = 1000

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
