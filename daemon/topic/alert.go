package topic

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAlert is the most bytes that the text of an alert may have. A text ends with what to do, so
// its author keeps the rest short: see health.Active.Message.
const maxAlert = 1000

// maxRemedy is the most bytes of State's remedy: a push message shows no more.
const maxRemedy = 160

// OneLine makes a text fit for an alert topic: control characters and line breaks become single
// spaces, and a text that is too long is cut.
func OneLine(text string) string { return oneLine(text, maxAlert) }

// ShortRemedy is OneLine for State's remedy.
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
