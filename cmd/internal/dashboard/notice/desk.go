package notice

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// desk is one rule with its faults.
type desk struct {
	Rule
	items     map[Subject]map[Code]*item
	many      int // of items
	incidents map[string]*incident
	sent      []time.Time // the messages of the last hour, oldest first; at most PerHour
}

// item returns the item of a fault, and makes it if there is none.
func (d *desk) item(k key) *item {
	codes := d.items[k.Subject]
	if codes == nil {
		codes = map[Code]*item{}
		d.items[k.Subject] = codes
	}
	if codes[k.Code] == nil {
		d.many++
		codes[k.Code] = &item{Phase: ok}
	}
	return codes[k.Code]
}

// all iterates over all items. Any of them may be dropped meanwhile.
func (d *desk) all() iter.Seq2[key, *item] {
	return func(yield func(key, *item) bool) {
		for subject, codes := range d.items {
			for code, i := range codes {
				if !yield(key{subject, code}, i) {
					return
				}
			}
		}
	}
}

// sorted returns the keys of items, the worst and oldest first.
func (d *desk) sorted(want func(key, *item) bool) []key {
	var keys []key
	for k, i := range d.all() {
		if want(k, i) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		x, y := d.item(a), d.item(b)
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), x.Fired.Compare(y.Fired), a.Subject.Compare(b.Subject),
			cmp.Compare(a.Code, b.Code))
	})
	return keys
}
