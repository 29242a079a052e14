package config

import (
	"fmt"
	"slices"
	"strings"
)

// Section is a section of the file, as the example explains it: for the manual page.
type Section struct {
	Name    string
	Kind    string // of a store; "" for any other section
	Several bool   // it may stand there several times, as [[name]]
	About   string
	Keys    []Key
}

// Key is a key of a section with an example of its value, as it is written.
type Key struct {
	Name, Value, About string
}

// Sections lists every section, a store once for each of its kinds, and every key, in the schema's
// order. An error says which of them the example leaves out.
func Sections() ([]Section, error) { return sections(Example) }

func sections(example string) ([]Section, error) {
	shown := readExample(example)
	var all []Section
	for _, s := range sectionKeys {
		kinds := []string{""}
		if s.name == "store" {
			kinds = StoreKinds()
		}
		for _, kind := range kinds {
			section, err := explained(shown, s.name, kind, s.repeated)
			if err != nil {
				return nil, err
			}
			all = append(all, section)
		}
	}
	return all, nil
}

// explained finds the section in the example, and puts its keys in the schema's order.
func explained(shown []Section, name, kind string, several bool) (Section, error) {
	at := slices.IndexFunc(shown, func(s Section) bool { return s.Name == name && s.Kind == kind })
	if at < 0 {
		return Section{}, fmt.Errorf("the example doesn't show [%s] %s", name, kind)
	}
	section := Section{Name: name, Kind: kind, Several: several, About: shown[at].About}
	keys := keysOf(name, kind)
	if name == "store" {
		keys = append([]string{"name", "kind"}, keysOfKind(kind)...)
	}
	for _, key := range keys {
		i := slices.IndexFunc(shown[at].Keys, func(k Key) bool { return k.Name == key })
		if i < 0 {
			return Section{}, fmt.Errorf("the example doesn't show %s of [%s] %s", key, name, kind)
		}
		section.Keys = append(section.Keys, shown[at].Keys[i])
	}
	return section, nil
}

func keysOfKind(kind string) []string {
	for _, s := range storeKeys {
		if s.kind == kind {
			return s.keys
		}
	}
	return nil
}

// readExample takes the example apart: the remarks before a section explain it, the one after a
// value explains the key. Remarks that end with an empty line belong to no section.
func readExample(text string) []Section {
	var found []Section
	var before []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
			before = append(before, strings.TrimSpace(line[1:]))
			continue
		case strings.HasPrefix(line, "["):
			found = append(found, Section{Name: strings.Trim(line, "[]"), About: strings.Join(before, " ")})
		case line != "" && len(found) > 0:
			last := &found[len(found)-1]
			key := readKey(line)
			last.Keys = append(last.Keys, key)
			if last.Name == "store" && key.Name == "kind" {
				last.Kind = strings.Trim(key.Value, `"`)
			}
		}
		before = nil
	}
	return found
}

// readKey parts "key = value # remark". A # in a text is no remark.
func readKey(line string) Key {
	name, rest, _ := strings.Cut(line, "=")
	value, about := rest, ""
	quoted := false
	for i, r := range rest {
		if r == '"' {
			quoted = !quoted
		}
		if r == '#' && !quoted {
			value, about = rest[:i], rest[i+1:]
			break
		}
	}
	return Key{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value), About: strings.TrimSpace(about)}
}
