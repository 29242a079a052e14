package fleet

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacet/config/office"
	"tacet/config/textfile/textfiletest"
	"tacet/daemon/recording"
)

func newKey(t *testing.T, site, room string) string {
	t.Helper()
	_, public, err := recording.NewUnitKey(site, room)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// A fleet that was written is read back, sorted.
func TestWriteAndRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), File)
	if _, err := Read(name); !Missing(err) {
		t.Errorf("where there is none: %v", err)
	}
	f := &Fleet{}
	for _, p := range []string{"low-street/room-2", "high-street/room-9", "high-street/room-1", "low-street/room-2"} {
		site, room, _ := strings.Cut(p, "/")
		r := f.Add(site, room)
		r.Name = `The "green" room`
		r.Recipients = "61f02b26107090fb956cc342a559400c"
	}
	keys := []string{newKey(t, "high-street", "room-1"), newKey(t, "high-street", "room-1")}
	for i, key := range []string{keys[0], keys[1], keys[1], keys[0]} {
		if changed, err := f.Room("high-street", "room-1").Learn(key); err != nil || changed == (i == 2) {
			t.Errorf("%d: changed %v, %v", i, changed, err)
		}
	}
	if err := f.Write(name); err != nil {
		t.Fatal(err)
	}
	got, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, s := range got.Sites {
		for _, r := range s.Rooms {
			places = append(places, s.ID+"/"+r.ID)
		}
	}
	if want := []string{"high-street/room-1", "high-street/room-9", "low-street/room-2"}; !slices.Equal(places, want) {
		t.Errorf("the rooms are %v, want %v", places, want)
	}
	r := got.Room("high-street", "room-1")
	if r.Key != keys[0] || !slices.Equal(r.Keys(), keys) || r.Name != `The "green" room` {
		t.Errorf("%+v", r)
	}
	first, _ := f.Text()
	second, err := got.Text()
	if err != nil || string(first) != string(second) {
		t.Errorf("%v\n%s\n%s", err, first, second)
	}
}

// An invalid file is an error that names the line.
func TestFleetMistakes(t *testing.T) {
	key := newKey(t, "high-street", "room-1")
	site := "[[site]]\nid = \"high-street\"\n[[site.room]]\nid = \"room-1\"\n"
	for name, c := range map[string]struct{ text, want string }{
		"right":            {site + "key = \"" + key + "\"\n", ""},
		"a key of its own": {site + "colour = \"red\"\n", "line 5: unknown key"},
		"no TOML":          {site + "key = x\n", "line 5, column"},
		"no site's id":     {"[[site]]\nid = \"../x\"\n", `"../x" is not a valid site id`},
		"no room's id":     {"[[site]]\nid = \"a\"\n[[site.room]]\nid = \"B\"\n", `"B" is not a valid room id`},
		"a room twice":     {site + "[[site.room]]\nid = \"room-1\"\n", "high-street/room-1 appears twice"},
		"another room's key": {site + "key = \"" + newKey(t, "high-street", "room-2") + "\"\n",
			"has the key of high-street/room-2"},
		"no key": {site + "key = \"x\"\n", "is not a unit's key"},
	} {
		_, err := Parse([]byte(c.text))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A unit's key is read in each form in which the unit gives it; other keys are refused.
func TestListen(t *testing.T) {
	key := newKey(t, "high-street", "room-1")
	_, offices, err := office.NewKey("high-street")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text, want string
		published  bool
	}{
		"the file":            {key + "\n", "", false},
		"from Windows":        {"\ufeff" + key + "\r\n", "", false},
		"with a remark":       {"# room 1\n" + key, "", false},
		"the state":           {`{"v":1,"boot":"x","unit_key":"` + key + `","phase":"idle"}`, "", true},
		"a state without":     {`{"v":1}`, "has no unit_key", false},
		"half a state":        {`{"v":1,"unit_key":"` + key, "has no unit_key", false},
		"empty":               {"\n", "has 0 lines", false},
		"two":                 {key + "\n" + key + "x\n", "has 2 lines", false},
		"an office's":         {offices, "which is not a unit", false},
		"a private key":       {"PRIVATE+KEY+tacet/high-street/room-1+00000000+AAAA", "is not a unit's key", false},
		"without end":         {strings.Repeat("x", maxKeyFile+1), "is longer than", false},
		"a key that was torn": {key[:len(key)-4], "is not a unit's key", false},
	} {
		said, err := ReadKey(strings.NewReader(c.text))
		switch {
		case c.want == "" && (err != nil || said.Key != key || said.Site != "high-street" || said.Room != "room-1" ||
			said.Published != c.published):
			t.Errorf("%s: %+v, %v", name, said, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "AAAA"):
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
	if _, err := KeyFile(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("a file that isn't there: %v", err)
	}
}

// A unit's key and its state may have been saved on Windows, and so may fleet.toml.
func TestKeysSavedOnWindows(t *testing.T) {
	dir := t.TempDir()
	key := newKey(t, "high-street", "room-3")
	f := &Fleet{}
	f.Add("high-street", "room-3").Name = "Süd"
	list := filepath.Join(dir, File)
	if err := f.Write(list); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"room-3.vkey": key + "\n",
		"state.json": "{\n\"v\":1,\n\"unit_key\":\"" + key + "\"}\n"} {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		textfiletest.SavedOnWindows(t, func(way string) {
			data, err := KeyFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ReadKey(bytes.NewReader(data)); err != nil || got.Key != key {
				t.Errorf("%s, %s: %+v, %v", name, way, got, err)
			}
			if known, err := Read(list); err != nil || known.Room("high-street", "room-3").Name != "Süd" {
				t.Errorf("%s, %s: %v", list, way, err)
			}
		}, name, list)
	}
}
