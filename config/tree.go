package config

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// The tree is the file's content with the line of everything in it. It is made from go-toml's
// expressions and not by decoding into structs, so that one wrong type doesn't hide the rest, and
// each key is checked where it stands.

// kind is what sort of value somebody wrote.
type kind uint8

const (
	broken kind = iota // it stands there, but has been reported already: nothing more to say about it
	aText
	aNumber
	aFraction
	aTruth
	aDate
	aList
	aSection
)

// String says what a value is, to a person.
func (k kind) String() string {
	return [...]string{"unreadable", "text", "a number", "a number with a fraction", "true or false", "a date or time",
		"a list", "a section"}[k]
}

// value is one value.
type value struct {
	kind  kind
	line  int     // of its key; of an element of a list its own
	text  string  // of a text its content, of a number or so what was written
	items []value // of a list
	table *table  // of a section
}

// table is one section, or what stands between braces.
type table struct {
	line   int
	keys   map[string]*value
	order  []string
	opened bool // by its own header: a second one is a mistake
}

func newTable(line int) *table {
	return &table{line: line, keys: map[string]*value{}}
}

func (t *table) set(key string, v *value) {
	t.keys[key] = v
	t.order = append(t.order, key)
}

// dotted is a dotted key, and the line on which it stands.
type dotted struct {
	parts []string
	line  int
}

func (p dotted) String() string {
	shown := make([]string, 0, len(p.parts))
	for _, part := range p.parts[:min(len(p.parts), 4)] {
		shown = append(shown, shownKey(part))
	}
	return strings.Join(shown, ".")
}

// builder puts expressions, one after the other, into the tree.
type builder struct {
	c    *checker
	src  *source
	base int    // where in src the parser began: it counts from there
	name string // of the open section, for messages
	here *table // the open section
}

func (b *builder) line(r unstable.Range) int {
	return b.src.line(b.base + int(r.Offset))
}

func (b *builder) path(it unstable.Iterator) dotted {
	var p dotted
	for it.Next() {
		n := it.Node()
		if p.line == 0 {
			p.line = b.line(n.Raw)
		}
		p.parts = append(p.parts, string(n.Data))
	}
	return p
}

// add takes one expression.
func (b *builder) add(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		b.open(b.path(n.Key()), n.Kind == unstable.ArrayTable)
	case unstable.KeyValue:
		b.assign(b.here, b.name, n)
	}
}

// open makes the section that a header names the open one.
func (b *builder) open(p dotted, double bool) {
	b.name = p.String()
	b.here = newTable(p.line) // where keys go that belong to a header that has been reported
	if b.named(&p, double) {
		double = true
	}
	double = b.brackets(p, double)
	parent, ok := b.descend(b.c.root, p, "")
	if !ok {
		return
	}
	key := p.parts[len(p.parts)-1]
	v := parent.keys[key]
	switch {
	case double && v == nil:
		parent.set(key, &value{kind: aList, line: p.line, items: []value{{kind: aSection, line: p.line, table: b.here}}})
	case double && v.kind == aList && v.items != nil && v.items[0].kind == aSection:
		v.items = append(v.items, value{kind: aSection, line: p.line, table: b.here})
	case !double && v == nil:
		b.here.opened = true
		parent.set(key, &value{kind: aSection, line: p.line, table: b.here})
	case !double && v.kind == aSection && !v.table.opened:
		b.here = v.table
		b.here.opened, b.here.line = true, p.line
	case v.kind == broken:
	default:
		b.twice(p.line, b.name, v.line)
		if v.kind == aSection {
			b.here = v.table
		}
	}
}

// namedBy is the key that names one of several sections.
var namedBy = map[string]string{"store": "name", "button": "party"}

// named reports [store.nas] and [store "nas"], as other programs' files name one of several, and
// takes it as it was meant.
func (b *builder) named(p *dotted, double bool) bool {
	if len(p.parts) != 2 || !isSeveral(p.parts[0]) {
		return false
	}
	section, name := p.parts[0], p.parts[1]
	b.c.fail(p.line, b.name, "a "+section+" has its name in a key of its own",
		fmt.Sprintf("write [[%s]], and below it %s = %q", section, namedBy[section], shownName(name)))
	p.parts, b.name = p.parts[:1], section
	b.here.set(namedBy[section], &value{kind: broken, line: p.line})
	return true
}

// brackets reports [button] where [[button]] is meant, and [[room]] for [room], and takes it as it
// was meant.
func (b *builder) brackets(p dotted, double bool) bool {
	if len(p.parts) > 1 || !knows(p.parts[0]) {
		return double
	}
	several := isSeveral(p.parts[0])
	switch {
	case several && !double:
		b.c.fail(p.line, b.name, "there can be several of these, so it is a list", "write [["+b.name+"]]")
	case !several && double:
		b.c.fail(p.line, b.name, "there is only one of these", "write ["+b.name+"]")
	}
	return several
}

// assign puts `key = value` into t, whose name is given for messages.
func (b *builder) assign(t *table, name string, n *unstable.Node) {
	p := b.path(n.Key())
	full := p.String()
	if name != "" {
		full = name + "." + full
	}
	t, ok := b.descend(t, p, name)
	if !ok {
		return
	}
	key := p.parts[len(p.parts)-1]
	if old := t.keys[key]; old != nil {
		if old.kind != broken {
			b.twice(p.line, full, old.line)
		}
		return
	}
	v := b.value(n.Value(), p.line, full)
	t.set(key, &v)
}

// descend follows all of p but its last part, making the tables on the way.
func (b *builder) descend(t *table, p dotted, name string) (*table, bool) {
	for _, part := range p.parts[:len(p.parts)-1] {
		v := t.keys[part]
		if v == nil {
			v = &value{kind: aSection, line: p.line, table: newTable(p.line)}
			t.set(part, v)
		}
		if v.kind == aList && len(v.items) > 0 {
			v = &v.items[len(v.items)-1]
		}
		if v.kind != aSection {
			if v.kind != broken {
				b.c.fail(p.line, p.String(), fmt.Sprintf("%s is %s already, on line %d", shownKey(part), v.kind, v.line),
					"remove one of the two")
			}
			return nil, false
		}
		t = v.table
	}
	return t, true
}

func (b *builder) twice(line int, key string, first int) {
	b.c.fail(line, key, fmt.Sprintf("stands here again, first on line %d", first), "keep one of the two")
}

// value takes the value that stands behind key.
func (b *builder) value(n *unstable.Node, line int, key string) value {
	v := value{line: line, text: string(n.Data)}
	switch n.Kind {
	case unstable.String:
		v.kind = aText
		if !b.fitText(&v, key) {
			v.kind = broken
		}
	case unstable.Integer:
		v.kind = aNumber
	case unstable.Float:
		v.kind = aFraction
	case unstable.Bool:
		v.kind = aTruth
	case unstable.Array:
		v.kind = aList
		for it := n.Children(); it.Next(); {
			if r := it.Node().Raw; r.Length > 0 { // a list within the list has none: it counts as on the line before
				line = b.line(r)
			}
			v.items = append(v.items, b.value(it.Node(), line, key))
		}
	case unstable.InlineTable:
		v.kind, v.table = aSection, newTable(line)
		v.table.opened = true
		for it := n.Children(); it.Next(); {
			b.assign(v.table, key, it.Node())
		}
	default:
		v.kind = aDate
	}
	return v
}
