package config

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// The tree is the file's content, with the line of everything in it. It is built from go-toml's
// expressions instead of decoding into structs, so that one wrong type doesn't hide other errors,
// and each key is checked where it is.

// kind is the kind of a value.
type kind uint8

const (
	kindBroken kind = iota // it has been reported already
	kindText
	kindNumber
	kindFloat
	kindBool
	kindDate
	kindList
	kindSection
)

// String names the kind for a person.
func (k kind) String() string {
	return [...]string{"unreadable", "text", "a number", "a number with a fraction", "true or false", "a date or time",
		"a list", "a section"}[k]
}

// value is a value in the file.
type value struct {
	kind  kind
	line  int     // of its key; an item of a list has its own
	text  string  // of text its content; of other kinds what was written
	items []value // of a list
	table *table  // of a section
}

// table is a section, or an inline table.
type table struct {
	line   int
	keys   map[string]*value
	order  []string
	opened bool // by its own header; a second header is an error
}

func newTable(line int) *table {
	return &table{line: line, keys: map[string]*value{}}
}

func (t *table) set(key string, v *value) {
	t.keys[key] = v
	t.order = append(t.order, key)
}

// dotted is a dotted key and its line.
type dotted struct {
	parts []string
	line  int
}

func (p dotted) String() string {
	parts := make([]string, 0, len(p.parts))
	for _, part := range p.parts[:min(len(p.parts), 4)] {
		parts = append(parts, quoteKey(part))
	}
	return strings.Join(parts, ".")
}

// builder adds expressions to the tree.
type builder struct {
	c    *checker
	src  *source
	base int    // where in src the parser started; its offsets count from there
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

// add adds one expression.
func (b *builder) add(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		b.open(b.path(n.Key()), n.Kind == unstable.ArrayTable)
	case unstable.KeyValue:
		b.assign(b.here, b.name, n)
	}
}

// open opens the section that a header names.
func (b *builder) open(p dotted, double bool) {
	b.name = p.String()
	b.here = newTable(p.line) // for the keys of a header that is refused
	if b.named(&p) {
		double = true
	}
	double = b.brackets(p, double)
	parent, ok := b.descend(b.c.root, p)
	if !ok {
		return
	}
	key := p.parts[len(p.parts)-1]
	v := parent.keys[key]
	switch {
	case double && v == nil:
		parent.set(key, &value{kind: kindList, line: p.line,
			items: []value{{kind: kindSection, line: p.line, table: b.here}}})
	case double && v.kind == kindList && v.items != nil && v.items[0].kind == kindSection:
		v.items = append(v.items, value{kind: kindSection, line: p.line, table: b.here})
	case !double && v == nil:
		b.here.opened = true
		parent.set(key, &value{kind: kindSection, line: p.line, table: b.here})
	case !double && v.kind == kindSection && !v.table.opened:
		b.here = v.table
		b.here.opened, b.here.line = true, p.line
	case v.kind == kindBroken:
	default:
		b.duplicate(p.line, b.name, v.line)
		if v.kind == kindSection {
			b.here = v.table
		}
	}
}

// namedBy is the key that names one of several sections.
var namedBy = map[string]string{"store": "name", "button": "party"}

// named reports [store.nas] and [store "nas"], as in other programs' files, and reads it as it was
// meant.
func (b *builder) named(p *dotted) bool {
	if len(p.parts) != 2 || !isRepeated(p.parts[0]) {
		return false
	}
	section, name := p.parts[0], p.parts[1]
	b.c.fail(p.line, b.name, "a "+section+" has its name in a key of its own",
		fmt.Sprintf("write [[%s]], and below it %s = %q", section, namedBy[section], quoteName(name)))
	p.parts, b.name = p.parts[:1], section
	b.here.set(namedBy[section], &value{kind: kindBroken, line: p.line})
	return true
}

// brackets reports [button] for [[button]], and [[room]] for [room], and reads it as it was meant.
func (b *builder) brackets(p dotted, double bool) bool {
	if len(p.parts) > 1 || !isSection(p.parts[0]) {
		return double
	}
	repeated := isRepeated(p.parts[0])
	switch {
	case repeated && !double:
		b.c.fail(p.line, b.name, "there can be several of these, so it is a list", "write [["+b.name+"]]")
	case !repeated && double:
		b.c.fail(p.line, b.name, "there is only one of these", "write ["+b.name+"]")
	}
	return repeated
}

// assign adds `key = value` to t, which messages call name.
func (b *builder) assign(t *table, name string, n *unstable.Node) {
	p := b.path(n.Key())
	full := p.String()
	if name != "" {
		full = name + "." + full
	}
	t, ok := b.descend(t, p)
	if !ok {
		return
	}
	key := p.parts[len(p.parts)-1]
	if old := t.keys[key]; old != nil {
		if old.kind != kindBroken {
			b.duplicate(p.line, full, old.line)
		}
		return
	}
	v := b.value(n.Value(), p.line, full)
	t.set(key, &v)
}

// descend follows all parts of p but the last, and makes the tables that are missing.
func (b *builder) descend(t *table, p dotted) (*table, bool) {
	for _, part := range p.parts[:len(p.parts)-1] {
		v := t.keys[part]
		if v == nil {
			v = &value{kind: kindSection, line: p.line, table: newTable(p.line)}
			t.set(part, v)
		}
		if v.kind == kindList && len(v.items) > 0 {
			v = &v.items[len(v.items)-1]
		}
		if v.kind != kindSection {
			if v.kind != kindBroken {
				b.c.fail(p.line, p.String(), fmt.Sprintf("%s is already %s, on line %d", quoteKey(part), v.kind, v.line),
					"remove one of the two")
			}
			return nil, false
		}
		t = v.table
	}
	return t, true
}

func (b *builder) duplicate(line int, key string, first int) {
	b.c.fail(line, key, fmt.Sprintf("appears again, first on line %d", first), "keep one of the two")
}

// value reads the value of key.
func (b *builder) value(n *unstable.Node, line int, key string) value {
	v := value{line: line, text: string(n.Data)}
	switch n.Kind {
	case unstable.String:
		v.kind = kindText
		if !b.checkText(&v, key) {
			v.kind = kindBroken
		}
	case unstable.Integer:
		v.kind = kindNumber
	case unstable.Float:
		v.kind = kindFloat
	case unstable.Bool:
		v.kind = kindBool
	case unstable.Array:
		v.kind = kindList
		for it := n.Children(); it.Next(); {
			if r := it.Node().Raw; r.Length > 0 { // an inner list has no position: it counts as on the line before
				line = b.line(r)
			}
			v.items = append(v.items, b.value(it.Node(), line, key))
		}
	case unstable.InlineTable:
		v.kind, v.table = kindSection, newTable(line)
		v.table.opened = true
		for it := n.Children(); it.Next(); {
			b.assign(v.table, key, it.Node())
		}
	default:
		v.kind = kindDate
	}
	return v
}
