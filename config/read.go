package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Lines at which reading can go on after a line that TOML refuses.
var (
	likeHeader = regexp.MustCompile(`^[ \t]*\[{1,2}[ \t]*([A-Za-z][A-Za-z0-9_.-]*)`)
	likeKey    = regexp.MustCompile(`^[ \t]*([A-Za-z][A-Za-z0-9_.-]*)[ \t]*=`)
	likeWord   = regexp.MustCompile(`^[ \t]*([A-Za-z][A-Za-z0-9_-]*)`)
	unfinished = regexp.MustCompile(`(\[|,|"""|''')[ \t]*(#.*)?$`)
)

// read makes the tree. After a line that TOML refuses, it goes on with the next one.
func (c *checker) read(src *source) {
	c.root = newTable(src.lines())
	defer c.reportPrivateKeys(src) // last, so that those in a value are reported with its key
	b := &builder{c: c, src: src, here: c.root}
	var p unstable.Parser
	for tries := 0; b.base < len(src.data); tries++ {
		if tries == maxProblems {
			c.damaged = true
			return
		}
		p.Reset(src.data[b.base:])
		end := -1 // the last byte read
		for p.NextExpression() {
			n := p.Expression()
			b.add(n)
			end = b.base + lastByte(n)
		}
		var bad *unstable.ParserError
		if !errors.As(p.Error(), &bad) {
			return
		}
		b.resume(bad, end)
	}
}

// lastByte returns the offset of a byte in the last line of an expression.
func lastByte(n *unstable.Node) int {
	if n.Kind == unstable.KeyValue {
		return int(n.Raw.Offset+n.Raw.Length) - 1
	}
	last := 0
	for it := n.Key(); it.Next(); {
		last = int(it.Node().Raw.Offset)
	}
	return last
}

// resume reports what TOML refused, and moves base to where reading goes on. end is the end of the
// last good expression.
func (b *builder) resume(bad *unstable.ParserError, end int) {
	at := b.src.line(b.offset(bad))
	first := b.src.line(b.base)
	if end >= 0 {
		first = b.src.line(end) + 1
	}
	for first < at && isBlank(b.src.text(first)) {
		first++
	}
	first = min(first, at)
	line := b.src.text(first)
	many := at > first || unfinished.Match(line)

	next := first + 1
	for many && next <= b.src.lines() && !likeHeader.Match(b.src.text(next)) && !likeKey.Match(b.src.text(next)) {
		next++
	}
	key := b.salvageKey(plain(line), first)
	if what, instead, ok := findLookalike(maskQuoted(line), 0); ok {
		b.c.fail(first, key, what, instead)
	} else if at >= next || (at > first && at == b.src.lines()) {
		b.c.fail(first, key, "the value that starts here is not closed", `close text with " and a list with ]`)
	} else {
		what, instead := b.explain(bad.Message, key, b.src.text(at))
		b.c.fail(at, key, what, instead)
	}
	if b.base = len(b.src.data); next <= b.src.lines() {
		b.base = b.src.starts[next-1]
	}
}

func isBlank(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return len(line) == 0 || line[0] == '#'
}

// offset returns where in the source the parser stopped.
func (b *builder) offset(bad *unstable.ParserError) int {
	left := len(b.src.data)
	if len(bad.Highlight) > 0 {
		left = b.base + cap(b.src.data[b.base:]) - cap(bad.Highlight)
	}
	return min(max(left, b.base), max(len(b.src.data)-1, 0))
}

// salvageKey finds the key or section that a refused line was meant for, so that it does not count
// as missing. Keys after a refused header must not count as keys of the section before.
func (b *builder) salvageKey(line []byte, number int) string {
	if header := bytes.TrimLeft(line, " \t"); bytes.HasPrefix(header, []byte("[")) {
		name := ""
		if m := likeHeader.FindSubmatch(line); m != nil {
			name = strings.TrimRight(string(m[1]), ".")
		}
		if isSection(name) {
			b.open(dotted{parts: []string{name}, line: number}, bytes.HasPrefix(header, []byte("[[")))
			return b.name
		}
		b.name, b.here, b.c.damaged = name, newTable(number), true
		if name != "" {
			b.name = quoteKey(name)
		}
		return b.name
	}
	m := likeKey.FindSubmatch(line)
	if m == nil { // the = may be missing: id "room-3"
		if m = likeWord.FindSubmatch(line); m == nil || !isSection(b.name) ||
			!slices.Contains(keysOf(b.name, ""), string(m[1])) {
			return b.name
		}
	}
	name := string(m[1])
	if b.here.keys[name] == nil {
		b.here.set(name, &value{kind: kindBroken, line: number})
	}
	if b.name == "" {
		return quoteKey(name)
	}
	return b.name + "." + quoteKey(name)
}

// plain replaces hidden characters of a line, so that a key can be found in it.
func plain(line []byte) []byte {
	return bytes.Map(func(r rune) rune {
		switch {
		case isHidden(r) && r != '\ufeff':
			return ' '
		case r == '\uff1d':
			return '='
		case r == '\uff3b':
			return '['
		case r == '\uff3d':
			return ']'
		case r == '\ufeff':
			return -1
		}
		return r
	}, line)
}

var bareValue = regexp.MustCompile(`^[ \t]*([A-Za-z][A-Za-z0-9_-]*)[ \t]*[=:]?[ \t]*([A-Za-z0-9_/.:@-][A-Za-z0-9_/.:@, -]*?)[ \t]*(#.*)?$`)

// explain says what is wrong with a line that TOML refuses. If it can tell what was meant, it
// suggests that, but it repeats no secret.
func (b *builder) explain(message, key string, line []byte) (what, instead string) {
	what, instead = explain(message)
	section, name, _ := strings.Cut(key, ".")
	if !isSection(section) || name == "" || !slices.Contains(keysOf(section, ""), name) || secretKeys[name] {
		return what, instead
	}
	if m := bareValue.FindSubmatch(line); m != nil && string(m[1]) == name && !isPrivate(string(m[2])) {
		text := string(m[2])
		switch {
		case text == "true" || text == "false" || strings.Trim(text, "0123456789") == "":
			instead = "write " + name + " = " + text
		case name == "recipients":
			instead = fmt.Sprintf("write %s = [%q]", name, text)
		case name == "rate" || name == "channels" || name == "bitrate":
			if n, ok := guessNumber(text); ok {
				instead = fmt.Sprintf("write %s = %d", name, n)
			}
		case name == "path_style" || name == "unmounted_ok":
			if truth, ok := guessBool(text); ok {
				instead = fmt.Sprintf("write %s = %v", name, truth)
			}
		default:
			instead = fmt.Sprintf("write %s = %q", name, text)
		}
	}
	return what, instead
}

// secretKeys are the keys whose value may be the secret itself instead of its file.
var secretKeys = map[string]bool{"password_file": true, "client_key": true, "key": true, "access_key_file": true,
	"secret_key_file": true}

// explain translates go-toml's messages for people who don't know TOML.
func explain(message string) (what, instead string) {
	for _, e := range []struct{ part, what, instead string }{
		{"expected '=' after key", `the line is neither [section] nor key = value`,
			`write key = value, or start a comment with #`},
		{"start of key", `the line is neither [section] nor key = value`, `write key = value, or start a comment with #`},
		{"to close table name", "the section's name is not closed", "close it with ], or ]] if it starts with [["},
		{"to close array table name", "the section's name is not closed", "close it with ]], as it starts with [["},
		{"strings must be quoted", "the value is text without quotes", `write it in quotes, as in "…"`},
		{"at start of value", "the value is missing, or is text without quotes", `write text in quotes, as in "…"`},
		{"expected keyword", "the value is text without quotes",
			`write it in quotes, as in "…"; yes and no are true and false`},
		{"expected newline but got", "something follows the value",
			"give each key a line of its own, and start a comment with #"},
		{"after array value", "the list's values are not separated", "put a comma between them"},
		{"escape", `the text has a \ that starts no escape`, `write \\ for a backslash`},
		{"cannot have new lines", "the text is not closed", `close it in the same line, with the " or ' that it starts with`},
		{"terminated", "the text is not closed", `close it with the quotes that it starts with`},
		{"nested", "lists or braces are nested too deep",
			"no key takes more than one list"},
		{"control characters", "there is a control character here", "write plain text in one line"},
		{"leading zeroes", "the number starts with 0", "write it without, or in quotes if it is text"},
		{"digit", "this is not a number", "write digits alone, or in quotes if it is text"},
		{"sign", "this is not a number", "write digits alone, or in quotes if it is text"},
	} {
		if strings.Contains(message, e.part) {
			return e.what, e.instead
		}
	}
	return message, `write key = value, with text in quotes`
}

// reportPrivateKeys reports each line with a private key, even in a comment. Messages don't repeat
// the key.
func (c *checker) reportPrivateKeys(src *source) {
	for _, at := range privateKey.FindAllIndex(src.data, maxProblems) {
		c.reportPrivate(src.line(at[0]), "")
	}
}

func (c *checker) reportPrivate(line int, key string) {
	if c.privateAt == nil {
		c.privateAt = map[int]bool{}
	}
	if c.privateAt[line] {
		return
	}
	c.privateAt[line] = true
	c.fail(line, key, "here is a private key, which could open recordings",
		"remove it, keep it only in the office, and write its public key, age1…, instead")
}

// maxText is the longest text, in bytes; a hybrid public key has 1,959.
const maxText = 4096

// checkText reports text that no key may have.
func (b *builder) checkText(v *value, key string) bool {
	if isPrivate(v.text) {
		b.c.reportPrivate(v.line, key)
		return false
	}
	if len(v.text) > maxText {
		b.c.fail(v.line, key, fmt.Sprintf("is %d bytes long", len(v.text)), fmt.Sprintf("write at most %d", maxText))
		return false
	}
	if i := strings.IndexFunc(v.text, isControl); i >= 0 {
		r := []rune(v.text[i:])[0]
		what, instead := fmt.Sprintf("contains the control character %U", r), "write plain text in one line"
		if r == '\t' {
			what, instead = "contains a tab", "write a space instead, or delete it"
		}
		b.c.fail(v.line, key, what, instead)
		return false
	}
	return true
}

// isControl reports whether a character moves the cursor or changes the direction of the text.
func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
