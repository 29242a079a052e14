package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Word processors, web pages and messengers put characters into text that look like those of the
// keyboard but are others. The line looks right, so a message has to name the character and its
// position.

// lookalikes are what to type instead of such a character.
var lookalikes = map[rune]string{
	'\u201c': `"`, '\u201d': `"`, '\u201e': `"`, '\u201f': `"`, '\u00ab': `"`, '\u00bb': `"`, '\u2033': `"`, '\uff02': `"`,
	'\u2018': `"`, '\u2019': `"`, '\u201a': `"`, '\u201b': `"`, '\u2039': `"`, '\u203a': `"`, '\u2032': `"`, '\u00b4': `"`,
	'`':      `"`,
	'\u2010': "-", '\u2011': "-", '\u2012': "-", '\u2013': "-", '\u2014': "-", '\u2015': "-", '\u2212': "-", '\uff0d': "-",
	'\uff1d': "=", '\ufe66': "=", '\uff3b': "[", '\uff3d': "]", '\uff03': "#", '\uff0c': ",", '\uff0e': ".", '\uff0f': "/",
	'\uff1a': ":", '\u2026': "...",
	'\u2044': "/", '\u2215': "/",
}

// isLookalike reports whether a character looks like another one, or is invisible.
func isLookalike(r rune) bool { return lookalikes[r] != "" || isHidden(r) }

// isHidden reports whether a character is invisible, or looks like a space but is none that a
// keyboard types.
func isHidden(r rune) bool {
	return r > 0x7f && (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) ||
		unicode.Is(unicode.Zp, r)) || r == '\u00ad' || r == '\u3164' || r == '\u2800'
}

// findLookalike describes the first such character of a line, starting at byte from, and says what
// to type instead.
func findLookalike(line []byte, from int) (what, instead string, ok bool) {
	for at := from; at < len(line); {
		r, n := utf8.DecodeRune(line[at:])
		if isLookalike(r) {
			what, instead = describeLookalike(r, utf8.RuneCount(line[:at])+1)
			return what, instead, true
		}
		at += n
	}
	return "", "", false
}

func describeLookalike(r rune, at int) (what, instead string) {
	if type_ := lookalikes[r]; type_ != "" {
		return fmt.Sprintf("character %d of the line is %c (%U)", at, r, r),
			fmt.Sprintf("type %s instead", type_)
	}
	return fmt.Sprintf("character %d of the line is invisible (%U)", at, r),
		"delete it, and type a space if one belongs there"
}

// maskQuoted overwrites comments and the content of plain quotes with underscores. The line keeps
// its length in bytes.
func maskQuoted(line []byte) []byte {
	out := bytes.Clone(line)
	quote := byte(0)
	start := 0
	for i := 0; i < len(out); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == '\\' && quote == '"':
			i++
		case quote != 0 && c == quote:
			mask(out[start+1 : i])
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote, start = c, i
		case c == '#':
			mask(out[i:])
			return out
		}
	}
	return out
}

func mask(b []byte) {
	for i := range b {
		b[i] = '_'
	}
}

// noLookalikes reports a hidden or look-alike character in a value that can't contain one, such as
// an address or the name of a device.
func (b block) noLookalikes(key, text string) bool {
	i := strings.IndexFunc(text, isHidden)
	if i < 0 {
		i = strings.IndexFunc(text, isLookalike)
	}
	if i < 0 {
		return true
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	what, instead := describeInValue(r, utf8.RuneCountInString(text[:i])+1)
	b.fail(key, what, instead)
	return false
}

// describeInValue is describeLookalike for a character of a value.
func describeInValue(r rune, at int) (what, instead string) {
	what, instead = describeLookalike(r, at)
	return strings.Replace(what, "of the line", "of the value", 1), instead
}
