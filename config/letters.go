package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Word processors, web pages and messengers put characters into a text that look like those of the
// keyboard and are others. Whoever reads the line sees nothing wrong with it, so a message has to
// name the character and the place.

// lookalikes are what to type in the place of such a character.
var lookalikes = map[rune]string{
	'\u201c': `"`, '\u201d': `"`, '\u201e': `"`, '\u201f': `"`, '\u00ab': `"`, '\u00bb': `"`, '\u2033': `"`, '\uff02': `"`,
	'\u2018': `"`, '\u2019': `"`, '\u201a': `"`, '\u201b': `"`, '\u2039': `"`, '\u203a': `"`, '\u2032': `"`, '\u00b4': `"`,
	'`':      `"`,
	'\u2010': "-", '\u2011': "-", '\u2012': "-", '\u2013': "-", '\u2014': "-", '\u2015': "-", '\u2212': "-", '\uff0d': "-",
	'\uff1d': "=", '\ufe66': "=", '\uff3b': "[", '\uff3d': "]", '\uff03': "#", '\uff0c': ",", '\uff0e': ".", '\uff0f': "/",
	'\uff1a': ":", '\u2026': "...",
	'\u2044': "/", '\u2215': "/",
}

// isOdd reports whether a character looks like another, or like nothing.
func isOdd(r rune) bool { return lookalikes[r] != "" || isHidden(r) }

// isHidden reports whether a character shows as a space, or not at all, and is none that a keyboard makes.
func isHidden(r rune) bool {
	return r > 0x7f && (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) ||
		unicode.Is(unicode.Zp, r)) || r == '\u00ad' || r == '\u3164' || r == '\u2800'
}

// odd names the first odd character of a line from byte from on, how it got there, and what to type
// instead.
func odd(line []byte, from int) (what, instead string, ok bool) {
	for at := from; at < len(line); {
		r, n := utf8.DecodeRune(line[at:])
		if isOdd(r) {
			what, instead = oddAt(r, utf8.RuneCount(line[:at])+1)
			return what, instead, true
		}
		at += n
	}
	return "", "", false
}

func oddAt(r rune, at int) (what, instead string) {
	if type_ := lookalikes[r]; type_ != "" {
		return fmt.Sprintf("character %d of the line is %c (%U), which is none that this file takes there", at, r, r),
			fmt.Sprintf("type %s in its place", type_)
	}
	return fmt.Sprintf("character %d of the line can't be seen, and is no ordinary space (%U)", at, r),
		"delete it, and type a space if one belongs there"
}

// outside is the line with what stands between good quotes, and a remark, blotted out: of the same length in bytes.
func outside(line []byte) []byte {
	out := bytes.Clone(line)
	quote := byte(0)
	start := 0
	for i := 0; i < len(out); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == '\\' && quote == '"':
			i++
		case quote != 0 && c == quote:
			blot(out[start+1 : i])
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote, start = c, i
		case c == '#':
			blot(out[i:])
			return out
		}
	}
	return out
}

func blot(b []byte) {
	for i := range b {
		b[i] = '_'
	}
}

// noOdd reports an odd character in a value whose form allows of none: an address, the name of a device.
func (b block) noOdd(key, text string) bool {
	i := strings.IndexFunc(text, isHidden)
	if i < 0 {
		i = strings.IndexFunc(text, isOdd)
	}
	if i < 0 {
		return true
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	what, instead := oddIn(r, utf8.RuneCountInString(text[:i])+1)
	b.fail(key, what, instead)
	return false
}

// oddIn is oddAt for a character of a value.
func oddIn(r rune, at int) (what, instead string) {
	what, instead = oddAt(r, at)
	return strings.Replace(what, "of the line", "of the value", 1), instead
}
