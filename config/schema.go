package config

import (
	"fmt"
	"slices"
	"strings"
)

// sectionKeys lists every section and its keys. It is the only list of what may be written.
var sectionKeys = []struct {
	name     string
	repeated bool // [[name]]
	keys     []string
}{
	{"room", false, []string{"site", "id", "name"}},
	{"unit", false, []string{"key"}},
	{"consent", false, []string{"notice", "purpose", "max", "quiet"}},
	{"button", true, []string{"party", "line", "active", "style", "debounce"}},
	{"light", false, []string{"line", "active", "sense", "sense_active"}},
	{"status_light", false, []string{"line", "active"}},
	{"door", false, []string{"line", "active"}},
	{"buzzer", false, []string{"line", "active", "repeat"}},
	{"audio", false, []string{"device", "rate", "channels", "codec", "bitrate"}},
	{"encrypt", false, []string{"recipients"}},
	{"office", false, []string{"key"}},
	{"spool", false, []string{"path", "reserve", "release"}},
	{"store", true, nil}, // storeKeys
	{"card", false, []string{"ask", "kept", "help"}},
	{"mqtt", false, []string{"broker", "username", "password_file", "ca", "cert", "client_key", "homeassistant"}},
}

// storeKeys lists the keys of each kind of store, besides name and kind.
var storeKeys = []struct {
	kind string
	keys []string
}{
	{Drive, []string{"label", "keep"}},
	{Folder, []string{"path", "unmounted_ok"}},
	{SFTP, []string{"url", "key", "known_hosts"}},
	{S3, []string{"endpoint", "bucket", "prefix", "region", "access_key_file", "secret_key_file", "path_style", "ca",
		"lock"}},
}

// keysOf returns the keys of a section. For a store whose kind is not known it returns the keys of
// all kinds.
func keysOf(name, storeKind string) []string {
	for _, s := range sectionKeys {
		if s.name == name && name != "store" {
			return s.keys
		}
	}
	keys := []string{"name", "kind"}
	known := slices.Contains(StoreKinds(), storeKind)
	for _, s := range storeKeys {
		if s.kind == storeKind || !known {
			keys = append(keys, s.keys...)
		}
	}
	return keys
}

// StoreKinds returns the kinds that a [[store]] can have.
func StoreKinds() []string {
	var kinds []string
	for _, s := range storeKeys {
		kinds = append(kinds, s.kind)
	}
	return kinds
}

func sectionNames() []string {
	var names []string
	for _, s := range sectionKeys {
		names = append(names, s.name)
	}
	return names
}

func isSection(name string) bool { return slices.Contains(sectionNames(), name) }

func isRepeated(name string) bool {
	for _, s := range sectionKeys {
		if s.name == name {
			return s.repeated
		}
	}
	return false
}

// unknownKeys reports every section and key that is not in the schema.
func (c *checker) unknownKeys() {
	for _, name := range c.root.order {
		v := c.root.keys[name]
		if !isSection(name) {
			c.unknown(v, name, "", "", sectionNames())
			continue
		}
		for _, t := range c.sections(name) {
			kind := ""
			if v := t.keys["kind"]; v != nil {
				kind = v.text
			}
			for _, key := range t.order {
				if keys := keysOf(name, kind); !slices.Contains(keys, key) {
					c.unknown(t.keys[key], key, name, kind, keys)
				}
			}
		}
	}
}

// unknown reports one key that is not in the schema of its section. in is "" for a key outside of
// all sections, or for a section.
func (c *checker) unknown(v *value, key, in, storeKind string, known []string) {
	full := quoteKey(key)
	if in != "" {
		full = in + "." + full
	}
	what := "there is no such key"
	if in == "" {
		what = "there is no such section, and every key belongs in a section"
	}
	switch other := sectionOf(key, in); {
	case in == "store" && slices.Contains(keysOf(in, ""), key):
		what = fmt.Sprintf("a store of kind %s has no such key", storeKind)
		c.fail(v.line, full, what, "it goes with kind "+kindOf(key))
	case key == "password" || key == "access_key" || key == "secret_key" || key == "passphrase":
		c.fail(v.line, full, what+", and secrets are not written here",
			"write the secret into a file of its own, and name that: "+key+"_file")
	case nearest(key, known) != "":
		c.fail(v.line, full, what, "did you mean "+nearest(key, known)+"?")
	case other != "":
		c.fail(v.line, full, what, "it belongs in ["+other+"]")
	default:
		c.fail(v.line, full, what, "remove it, or write one of "+strings.Join(known, ", "))
	}
}

// sectionOf returns the section that key belongs to, if it is only one, and not this one.
func sectionOf(key, in string) string {
	found := ""
	for _, s := range sectionKeys {
		if s.name != in && slices.Contains(keysOf(s.name, ""), key) {
			if found != "" {
				return ""
			}
			found = s.name
		}
	}
	return found
}

func kindOf(key string) string {
	for _, s := range storeKeys {
		if slices.Contains(s.keys, key) {
			return s.kind
		}
	}
	return ""
}

// nearest returns the known word that somebody may have meant, or "".
func nearest(wrote string, known []string) string {
	if len(wrote) > 64 {
		return ""
	}
	wrote = strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(wrote))
	best, least := "", max(1, len(wrote)/3)+1
	for _, k := range known {
		if d := distance(wrote, strings.ReplaceAll(k, "-", "_")); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or change to get from a to b (Levenshtein). Two
// swapped letters count as one.
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range b {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
