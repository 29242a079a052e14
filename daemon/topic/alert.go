package topic

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAlert bounds the text of an alert, in bytes. A text ends with what to do, so whoever makes one
// keeps the rest short: see health.Active.Message.
const maxAlert = 1000

// maxRemedy bounds State's remedy, in bytes: a push message shows no more.
const maxRemedy = 160

// OneLine makes a text fit for an alert topic: line breaks and other control characters become
// single spaces, and what is too long is cut.
func OneLine(text string) string { return oneLine(text, maxAlert) }

// ShortRemedy is OneLine for what State says is to be done.
func ShortRemedy(text string) string { return oneLine(text, maxRemedy) }

func oneLine(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r)
	}), " ")
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	cut := limit - len(mark)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
