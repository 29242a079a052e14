package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tacet/config/office"
)

// checker reads one file.
type checker struct {
	file     string // as the caller named it
	dir      string // its folder
	errors   problems
	warnings problems
	root     *table
	damaged  bool // a section that seems missing may be an unreadable line

	kept      []byte      // the unit's last signed recipients; nil if it has none, or at a desk
	officeKey *office.Key // nil if there is none, or it can't be used

	privateAt map[int]bool // lines whose private key has been reported
	used      []lineUse    // GPIO lines
	absent    []absent     // files that are named but missing
}

// fail adds an error.
func (c *checker) fail(line int, key, what, instead string) {
	c.errors.add(Problem{File: c.file, Line: line, Key: key, What: what, Instead: instead})
}

// warn adds a warning.
func (c *checker) warn(line int, key, what, instead string) {
	c.warnings.add(Problem{File: c.file, Line: line, Key: key, What: what, Instead: instead})
}

// sections returns the tables called name, however they were written.
func (c *checker) sections(name string) []*table {
	v := c.root.keys[name]
	switch {
	case v == nil:
	case v.kind == kindSection:
		return []*table{v.table}
	case v.kind == kindList:
		var ts []*table
		for _, item := range v.items {
			if item.kind == kindSection {
				ts = append(ts, item.table)
			}
		}
		return ts
	}
	return nil
}

// block is a section that is being read. Its methods that read a key report what is wrong with the
// value, and then return the default, so that reading goes on.
type block struct {
	c     *checker
	name  string
	t     *table
	there bool // it is in the file
}

// block returns the section called name. It reports if that is not a section.
func (c *checker) block(name string) block {
	if ts := c.sections(name); len(ts) > 0 {
		return block{c, name, ts[0], true}
	}
	c.notSection(name)
	return block{c, name, newTable(c.root.line), false}
}

// blocks returns all sections called name.
func (c *checker) blocks(name string) []block {
	var bs []block
	for _, t := range c.sections(name) {
		bs = append(bs, block{c, name, t, true})
	}
	c.notSection(name)
	return bs
}

// notSection reports a value called name that is not a section.
func (c *checker) notSection(name string) {
	v := c.root.keys[name]
	if v == nil || v.kind == kindBroken || v.kind == kindSection {
		return
	}
	if v.kind == kindList && len(v.items) > 0 {
		i := slices.IndexFunc(v.items, func(item value) bool { return item.kind != kindSection })
		if i < 0 {
			return
		}
		v = &v.items[i]
	}
	header := "[" + name + "]"
	if isRepeated(name) {
		header = "[" + header + "]"
	}
	c.fail(v.line, name, fmt.Sprintf("is %s, not a section", v.kind),
		"write "+header+" in a line of its own, and the keys below")
}

// missing reports that the section is missing, unless an unreadable line may have been its header.
func (c *checker) missing(name, what, instead string) {
	if c.root.keys[name] == nil && !c.damaged {
		c.fail(c.root.line, name, what, instead)
	}
}

func (b block) key(key string) string { return b.name + "." + key }

// line returns the line of key, or else of the section.
func (b block) line(key string) int {
	if v := b.t.keys[key]; v != nil {
		return v.line
	}
	return b.t.line
}

func (b block) has(key string) bool { return b.t.keys[key] != nil }

// fail adds an error about key.
func (b block) fail(key, what, instead string) { b.c.fail(b.line(key), b.key(key), what, instead) }

// warn adds a warning about key.
func (b block) warn(key, what, instead string) { b.c.warn(b.line(key), b.key(key), what, instead) }

// noneHint says how to leave out a setting that is not text. People write false for that.
var noneHint = map[string]string{
	"homeassistant": `write homeassistant = "", for none`,
	"sense":         "leave the line out if nothing is wired",
}

// require reports that key is missing, with an example of its value. If the section itself is
// missing, that has been reported already.
func (b block) require(key, example string) bool {
	if !b.has(key) && b.there {
		b.fail(key, "is missing", "write "+key+" = "+example)
	}
	return b.has(key)
}

// get returns key's value if it is of the kind wanted.
func (b block) get(key string, want kind, example string) (*value, bool) {
	v := b.t.keys[key]
	if v == nil || v.kind == kindBroken {
		return nil, false
	}
	if v.kind != want {
		instead := "write " + key + " = " + example
		if hint := noneHint[key]; hint != "" && v.kind == kindBool && v.text == "false" {
			instead = hint
		}
		b.fail(key, fmt.Sprintf("is %s, not %s", v.kind, want), instead)
		return nil, false
	}
	return v, true
}

// text reads free text of at most most characters.
func (b block) text(key, fallback string, most int) string {
	v, ok := b.get(key, kindText, `"…", in quotes`)
	if !ok {
		return fallback
	}
	if utf8.RuneCountInString(v.text) > most {
		b.fail(key, fmt.Sprintf("is %d characters long", utf8.RuneCountInString(v.text)),
			fmt.Sprintf("write at most %d", most))
		return fallback
	}
	return strings.TrimSpace(v.text)
}

// match reads text of a form, which rule describes.
func (b block) match(key, fallback string, form *regexp.Regexp, rule string) string {
	v, ok := b.get(key, kindText, `"…", in quotes`)
	if !ok {
		return fallback
	}
	if !form.MatchString(v.text) {
		instead := "write " + rule
		if i := strings.IndexFunc(v.text, isLookalike); i >= 0 {
			r, _ := utf8.DecodeRuneInString(v.text[i:])
			what, remedy := describeInValue(r, utf8.RuneCountInString(v.text[:i])+1)
			b.fail(key, what, remedy)
			return fallback
		}
		if near := strings.Join(strings.Fields(strings.ToLower(v.text)), "-"); near != v.text && form.MatchString(near) {
			instead = fmt.Sprintf("write %s = %q: %s", key, near, rule)
		}
		b.fail(key, quote(v.text)+" is not in the right form", instead)
		return fallback
	}
	return v.text
}

// choice reads one of a few words.
func (b block) choice(key, fallback string, words ...string) string {
	v, ok := b.get(key, kindText, strconv.Quote(words[0]))
	if !ok {
		return fallback
	}
	for _, w := range words {
		if v.text == w {
			return w
		}
	}
	instead := `write one of "` + strings.Join(words, `", "`) + `"`
	if near := nearest(v.text, words); near != "" {
		instead = fmt.Sprintf("did you mean %q? %s", near, instead)
	}
	b.fail(key, fmt.Sprintf("can't be %s", quote(v.text)), instead)
	return fallback
}

// flag reads true or false.
func (b block) flag(key string, fallback bool) bool {
	example := "true or false, without quotes"
	if v := b.t.keys[key]; v != nil && (v.kind == kindText || v.kind == kindNumber) {
		if truth, ok := guessBool(v.text); ok {
			example = fmt.Sprintf("%v, without quotes", truth)
		}
	}
	v, ok := b.get(key, kindBool, example)
	if !ok {
		return fallback
	}
	return v.text == "true"
}

// number reads a whole number. It reports false if there is none.
func (b block) number(key string, example int) (int, bool) {
	if v := b.t.keys[key]; v != nil && v.kind == kindText {
		if n, ok := guessNumber(v.text); ok {
			example = n
		}
	} else if v != nil && v.kind == kindFloat {
		if n, ok := guessNumber(v.text); ok { // 48.000
			example = n
		} else if f, err := strconv.ParseFloat(v.text, 64); err == nil && math.Abs(f) < math.MaxInt32 && f == math.Trunc(f) {
			example = int(f)
		} else if err == nil && f < 1000 && f*1000 >= 1000 && f*1000 == math.Trunc(f*1000) {
			example = int(f * 1000) // 44.1, as in kHz
		}
	}
	v, ok := b.get(key, kindNumber, fmt.Sprintf("%d, without quotes", example))
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text, 0, 64)
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		b.fail(key, "is too large", fmt.Sprintf("write one like %d", example))
		return 0, false
	}
	return int(n), true
}
