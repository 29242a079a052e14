package notice

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Record is a piece of the state for the store, which replaces what it has under the key. A nil
// Value removes it.
type Record struct {
	Key   string
	Value []byte // JSON
}

// Outcome is what has to be stored in one transaction. After that, the messages may be sent.
type Outcome struct {
	Records  []Record
	Messages []Message
}

// Empty reports whether there is nothing to store.
func (o Outcome) Empty() bool { return len(o.Records) == 0 && len(o.Messages) == 0 }

// Take returns what has come up since the last Take. The caller keeps it until it is stored.
func (e *Engine) Take() Outcome {
	o := Outcome{Messages: e.out}
	for _, key := range slices.Sorted(maps.Keys(e.stale)) {
		o.Records = append(o.Records, Record{Key: key})
	}
	for _, key := range slices.Sorted(maps.Keys(e.dirty)) {
		o.Records = append(o.Records, Record{Key: key, Value: e.value(key)})
	}
	e.out = nil
	clear(e.stale)
	clear(e.dirty)
	return o
}

// The keys of records: a kind and its parts, joined by slashes. Rules' names, sites, rooms and codes
// contain none; a broker's name may, and comes last.
func deskKey(rule string) string { return "rule/" + rule }

func incidentKey(rule, id string) string { return "incident/" + rule + "/" + id }

func itemKey(rule string, k key) string { return "item/" + rule + "/" + k.path() }

func snoozeKey(k key) string { return "snooze/" + k.path() }

const weeklyKey = "weekly"

func (k key) path() string {
	return strings.Join([]string{string(k.Code), k.Subject.Site, k.Subject.Room, k.Subject.Broker}, "/")
}

func parsePath(path string) (key, bool) {
	p := strings.SplitN(path, "/", 4)
	if len(p) != 4 {
		return key{}, false
	}
	return key{Subject{Site: p[1], Room: p[2], Broker: p[3]}, Code(p[0])}, true
}

// touch notes that an item has changed.
func (e *Engine) touch(d *desk, k key, i *item, now time.Time) {
	name := itemKey(d.Name, k)
	if i.spent(now) {
		if i.stored {
			e.forgetRecord(name)
		}
		delete(e.dirty, name)
		i.stored = false
		return
	}
	i.stored = true
	e.dirty[name] = true
	delete(e.stale, name)
}

func (e *Engine) forgetRecord(name string) {
	delete(e.dirty, name)
	e.stale[name] = true
}

// value returns what is to be stored under the key of a record that has changed.
func (e *Engine) value(name string) []byte {
	kind, rest, _ := strings.Cut(name, "/")
	var v any
	switch kind {
	case "snooze":
		k, _ := parsePath(rest)
		v = e.snoozes[k]
	case weeklyKey:
		v = e.weekly
	default:
		rule, rest, _ := strings.Cut(rest, "/")
		d := e.desk(rule)
		switch kind {
		case "rule":
			v = d.sent
		case "incident":
			v = d.incidents[rest]
		default:
			k, _ := parsePath(rest)
			v = d.item(k)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("notice: " + err.Error()) // times and texts of our own
	}
	return b
}

func (e *Engine) desk(rule string) *desk {
	i := slices.IndexFunc(e.desks, func(d *desk) bool { return d.Name == rule })
	if i < 0 {
		return nil
	}
	return e.desks[i]
}

// restore takes a record of the store. It reports whether the record is understood.
func (e *Engine) restore(r Record) bool {
	kind, rest, _ := strings.Cut(r.Key, "/")
	switch kind {
	case "snooze":
		k, ok := parsePath(rest)
		var until time.Time
		if !ok || json.Unmarshal(r.Value, &until) != nil {
			return false
		}
		e.snoozes[k] = until
		return true
	case weeklyKey:
		return json.Unmarshal(r.Value, &e.weekly) == nil
	}
	rule, rest, _ := strings.Cut(rest, "/")
	d := e.desk(rule)
	if d == nil {
		return false
	}
	switch kind {
	case "rule":
		return json.Unmarshal(r.Value, &d.sent) == nil
	case "incident":
		in := &incident{}
		d.incidents[rest] = in
		return json.Unmarshal(r.Value, in) == nil
	case "item":
		return d.restoreItem(rest, r.Value)
	}
	return false
}

func (d *desk) restoreItem(path string, value []byte) bool {
	k, known := parsePath(path)
	i := &item{}
	if !known || json.Unmarshal(value, i) != nil {
		return false
	}
	switch i.Phase {
	case ok, pending, firing, clearing, over:
	default:
		return false
	}
	i.Severity, i.stored = declared(k.Code).Severity, true
	*d.item(k) = *i
	return true
}
