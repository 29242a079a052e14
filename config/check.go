package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tacet/config/office"
)

// checker holds one reading of a file.
type checker struct {
	file     string // as it was named
	dir      string // its folder
	errors   problems
	warnings problems
	root     *table
	damaged  bool // sections may be missing that somebody did write

	kept      []byte      // what the unit has kept of good recipients; nil: nothing, or this is no unit
	officeKey *office.Key // nil: there is none, or it can't be used

	privateAt map[int]bool // lines of which it has been said that a private key stands there
	used      []usage      // GPIO lines
	absent    []absent     // files that are named, and aren't here
}

// fail adds an error.
func (c *checker) fail(line int, key, what, instead string) {
	c.errors.add(Problem{File: c.file, Line: line, Key: key, What: what, Instead: instead})
}

// warn adds a warning.
func (c *checker) warn(line int, key, what, instead string) {
	c.warnings.add(Problem{File: c.file, Line: line, Key: key, What: what, Instead: instead})
}

// sections lists the tables under name, whichever way they were written.
func (c *checker) sections(name string) []*table {
	v := c.root.keys[name]
	switch {
	case v == nil:
	case v.kind == aSection:
		return []*table{v.table}
	case v.kind == aList:
		var ts []*table
		for _, item := range v.items {
			if item.kind == aSection {
				ts = append(ts, item.table)
			}
		}
		return ts
	}
	return nil
}

// block is one section that is being read. Each of its methods that reads a key reports what is
// wrong with the value and then returns the default, so that reading goes on.
type block struct {
	c     *checker
	name  string
	t     *table
	there bool // somebody wrote it
}

// block takes the section called name. It says when that isn't a section at all.
func (c *checker) block(name string) block {
	if ts := c.sections(name); len(ts) > 0 {
		return block{c, name, ts[0], true}
	}
	c.notSection(name)
	return block{c, name, newTable(c.root.line), false}
}

// blocks takes all the sections called name.
func (c *checker) blocks(name string) []block {
	var bs []block
	for _, t := range c.sections(name) {
		bs = append(bs, block{c, name, t, true})
	}
	c.notSection(name)
	return bs
}

// notSection reports what stands under name and isn't a section.
func (c *checker) notSection(name string) {
	v := c.root.keys[name]
	if v == nil || v.kind == broken || v.kind == aSection {
		return
	}
	if v.kind == aList && len(v.items) > 0 {
		i := slices.IndexFunc(v.items, func(item value) bool { return item.kind != aSection })
		if i < 0 {
			return
		}
		v = &v.items[i]
	}
	header := "[" + name + "]"
	if isSeveral(name) {
		header = "[" + header + "]"
	}
	c.fail(v.line, name, fmt.Sprintf("is %s, not a section", v.kind),
		"write "+header+" in a line of its own, and the keys below")
}

// missing reports that the section isn't there, unless a line that could not be read may have been
// it.
func (c *checker) missing(name, what, instead string) {
	if c.root.keys[name] == nil && !c.damaged {
		c.fail(c.root.line, name, what, instead)
	}
}

func (b block) key(key string) string { return b.name + "." + key }

// line is where key stands, or else the section.
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

// require reports that key isn't there; example is its line as it could be. In a section that isn't
// there at all that has been said already.
func (b block) require(key, example string) bool {
	if !b.has(key) && b.there {
		b.fail(key, "is missing", "write "+key+" = "+example)
	}
	return b.has(key)
}

// none says how the keys whose thing there need not be say that there is none. Somebody who writes
// false there means that.
var none = map[string]string{
	"homeassistant": `write homeassistant = "", for none`,
	"sense":         "leave the line out if nothing is wired",
}

// get takes key's value if it is of the kind wanted.
func (b block) get(key string, want kind, example string) (*value, bool) {
	v := b.t.keys[key]
	if v == nil || v.kind == broken {
		return nil, false
	}
	if v.kind != want {
		instead := "write " + key + " = " + example
		if off := none[key]; off != "" && v.kind == aTruth && v.text == "false" {
			instead = off
		}
		b.fail(key, fmt.Sprintf("is %s, not %s", v.kind, want), instead)
		return nil, false
	}
	return v, true
}

// text takes free text of at most most characters.
func (b block) text(key, otherwise string, most int) string {
	v, ok := b.get(key, aText, `"…", between quotes`)
	if !ok {
		return otherwise
	}
	if utf8.RuneCountInString(v.text) > most {
		b.fail(key, fmt.Sprintf("is %d characters long", utf8.RuneCountInString(v.text)),
			fmt.Sprintf("write at most %d", most))
		return otherwise
	}
	return strings.TrimSpace(v.text)
}

// match takes text of a given form. rule says in words what that is.
func (b block) match(key, otherwise string, form *regexp.Regexp, rule string) string {
	v, ok := b.get(key, aText, `"…", between quotes`)
	if !ok {
		return otherwise
	}
	if !form.MatchString(v.text) {
		instead := "write " + rule
		if i := strings.IndexFunc(v.text, isOdd); i >= 0 {
			r, _ := utf8.DecodeRuneInString(v.text[i:])
			what, remedy := oddIn(r, utf8.RuneCountInString(v.text[:i])+1)
			b.fail(key, what, remedy)
			return otherwise
		}
		if near := strings.Join(strings.Fields(strings.ToLower(v.text)), "-"); near != v.text && form.MatchString(near) {
			instead = fmt.Sprintf("write %s = %q: %s", key, near, rule)
		}
		b.fail(key, shown(v.text)+" is not of the right form", instead)
		return otherwise
	}
	return v.text
}

// choice takes one of a few words.
func (b block) choice(key, otherwise string, words ...string) string {
	v, ok := b.get(key, aText, strconv.Quote(words[0]))
	if !ok {
		return otherwise
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
	b.fail(key, fmt.Sprintf("knows no %s", shown(v.text)), instead)
	return otherwise
}

// flag takes true or false.
func (b block) flag(key string, otherwise bool) bool {
	example := "true or false, without quotes"
	if v := b.t.keys[key]; v != nil && (v.kind == aText || v.kind == aNumber) {
		if truth, ok := meantTruth(v.text); ok {
			example = fmt.Sprintf("%v, without quotes", truth)
		}
	}
	v, ok := b.get(key, aTruth, example)
	if !ok {
		return otherwise
	}
	return v.text == "true"
}

// number takes a whole number; false if there is none.
func (b block) number(key string, example int) (int, bool) {
	if v := b.t.keys[key]; v != nil && v.kind == aText {
		if n, ok := meantNumber(v.text); ok {
			example = n
		}
	} else if v != nil && v.kind == aFraction {
		if n, ok := meantNumber(v.text); ok { // 48.000
			example = n
		} else if f, err := strconv.ParseFloat(v.text, 64); err == nil && math.Abs(f) < math.MaxInt32 && f == math.Trunc(f) {
			example = int(f)
		} else if err == nil && f < 1000 && f*1000 >= 1000 && f*1000 == math.Trunc(f*1000) {
			example = int(f * 1000) // 44.1, as in kHz
		}
	}
	v, ok := b.get(key, aNumber, fmt.Sprintf("%d, without quotes", example))
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text, 0, 64)
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		b.fail(key, "is a number beyond all bounds", fmt.Sprintf("write one like %d", example))
		return 0, false
	}
	return int(n), true
}

// span takes a length of time between least and most. units are what a number without one may be
// in, the likeliest first.
func (b block) span(key string, otherwise, least, most time.Duration, units ...string) time.Duration {
	write := func(text, example string) string {
		if meant := meantSpan(text, least, most, units...); meant != "" {
			example = meant
		}
		return "write " + key + " = " + strconv.Quote(example)
	}
	if v := b.t.keys[key]; v != nil && (v.kind == aNumber || v.kind == aFraction) {
		b.fail(key, fmt.Sprintf("is %s, and a length of time has its unit", v.kind),
			write(v.text, spell(otherwise))+", between quotes and with its unit")
		return otherwise
	}
	if v := b.t.keys[key]; v != nil && v.kind == aTruth && v.text == "false" && least == 0 {
		b.fail(key, fmt.Sprintf("is %s, and not a length of time", v.kind), write(v.text, ""))
		return otherwise
	}
	v, ok := b.get(key, aText, strconv.Quote(spell(otherwise))+", between quotes and with its unit")
	if !ok {
		return otherwise
	}
	rule := fmt.Sprintf("write a time between %q and %q", spell(least), spell(most))
	d, err := parseSpan(v.text)
	switch {
	case err != nil && meantSpan(v.text, least, most, units...) != "":
		b.fail(key, shown(v.text)+" is not a length of time", write(v.text, "")+`; the units are ms, s, m, h and d`)
	case err != nil:
		b.fail(key, shown(v.text)+" is not a length of time", rule+`, as in "90s", "60m", "12h" or "30d"`)
	case d < least:
		b.fail(key, shown(v.text)+" is too short", rule)
	case d > most:
		b.fail(key, shown(v.text)+" is too long", rule)
	default:
		return d
	}
	return otherwise
}
