package config

import (
	"strings"
	"testing"
)

// The manual page has what the example says of each key that the schema knows.
func TestTheExampleExplainsTheSchema(t *testing.T) {
	all, err := Sections()
	if err != nil {
		t.Fatal(err)
	}
	want := len(sectionKeys) - 1 + len(storeKeys)
	if len(all) != want {
		t.Errorf("%d sections, not %d", len(all), want)
	}
	for _, s := range all {
		if s.About == "" && s.Name != "button" { // the second button of the example has no remark
			t.Errorf("[%s] %s isn't explained", s.Name, s.Kind)
		}
		for _, k := range s.Keys {
			if k.Value == "" || strings.ContainsAny(k.About, "#\n") {
				t.Errorf("%s of [%s] %s: %+v", k.Name, s.Name, s.Kind, k)
			}
		}
	}
	if k := all[0].Keys[2]; k != (Key{"name", `"Consulting room 3"`, "for people; default: the id"}) {
		t.Errorf("room.name is %+v", k)
	}
}

func TestWhatTheExampleLeavesOutIsFound(t *testing.T) {
	for remove, says := range map[string]string{
		"[door]":                 "[door]",
		`quiet   = "5m"`:         "quiet of [consent]",
		`known_hosts = "`:        "known_hosts of [store] sftp",
		"kind = \"folder\"":      "[store] folder",
		"password_file = \"/etc": "password_file of [mqtt]",
	} {
		if !strings.Contains(Example, remove) {
			t.Fatalf("the example has no %q", remove)
		}
		_, err := sections(strings.ReplaceAll(Example, remove, "# "+remove))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("without %q: %v", remove, err)
		}
	}
}

func TestARemarkInAText(t *testing.T) {
	if k := readKey(`name = "a # b" # c`); k != (Key{"name", `"a # b"`, "c"}) {
		t.Errorf("%+v", k)
	}
}
