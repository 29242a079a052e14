package provision

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"tacet/config"
)

// rooms reads a list with this content.
func readRooms(t *testing.T, data string) (rooms []Room, said []string, err error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rooms.csv")
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	rooms, warnings, err := ReadRooms(name)
	for _, w := range warnings {
		said = append(said, w.Text())
	}
	return rooms, said, err
}

// wide encodes text as Excel's "Unicode text".
func wide(text string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

// A list gives the same rooms however a spreadsheet saves it.
func TestListOfRooms(t *testing.T) {
	const list = "Site,Room,Name,Floor\r\nhigh-street,room-3,\"Zimmer 3, Süd\",2\r\nhigh-street,room-4,\"Der \"\"grüne\"\" Raum\",\r\nlow-street,room-3,,1\r\n,,,\r\n"
	ansi, err := charmap.Windows1252.NewEncoder().String(strings.ReplaceAll(list, ",", ";"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"plain":              list,
		"with a mark":        "\ufeff" + list,
		"from an old Mac":    strings.ReplaceAll(list, "\r\n", "\r"),
		"from Unix":          strings.ReplaceAll(list, "\r\n", "\n"),
		"without a last end": strings.TrimSuffix(list, "\r\n,,,\r\n"),
		"tabs, UTF-16": wide(strings.NewReplacer("Zimmer 3, Süd", "Zimmer 3, Süd", ",",
			"\t").Replace(strings.Replace(list, "3, ", "3\x01", 1))),
		"semicolons, Windows' own":   strings.Replace(ansi, "3; S", "3, S", 1),
		"semicolons, and said so":    "sep=;\r\n" + strings.Replace(strings.ReplaceAll(list, ",", ";"), "3; S", "3, S", 1),
		"blanks around":              strings.NewReplacer("high-street,", " high-street\u00a0,", ",2", ", 2 ").Replace(list),
		"another order, other cases": "FLOOR,name,ROOM,site\n2,\"Zimmer 3, Süd\",room-3,high-street\n,\"Der \"\"grüne\"\" Raum\",room-4,high-street\n1,,room-3,low-street\n",
	} {
		rooms, said, err := readRooms(t, strings.ReplaceAll(data, "\x01", ", "))
		if name == "tabs, UTF-16" {
			rooms, said, err = readRooms(t, strings.Replace(data, "\x01\x00", ",\x00 \x00", 1))
		}
		if err != nil || len(rooms) != 3 {
			t.Errorf("%s: %d rooms, %v", name, len(rooms), err)
			continue
		}
		var got []string
		for _, r := range rooms {
			got = append(got, strings.Join([]string{r.Site, r.ID, r.Name, r.Values["floor"]}, "|"))
		}
		if want := []string{"high-street|room-3|Zimmer 3, Süd|2", `high-street|room-4|Der "grüne" Raum|`,
			"low-street|room-3|room-3|1"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if (name == "semicolons, Windows' own") != (len(said) == 1) {
			t.Errorf("%s: it says %q", name, said)
		}
	}
}

// All mistakes are reported at once, each with its line, its column and what to write instead.
func TestListOfRoomsMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want []string
	}{
		"empty":   {"", []string{`rooms.csv:1: is empty; start with a line site,room,name`}},
		"no room": {"site,room\n", []string{`rooms.csv:1: names no room`}},
		"no column room": {"site,name\na,b\n",
			[]string{`rooms.csv:1: there is no column room; the columns are site, name; name the columns in the first line`}},
		"a column twice": {"room,Room\na,b\n", []string{`rooms.csv:1: column 2 room: has the name of column 1`}},
		"no name for one": {"room,!\na,b\n",
			[]string{`rooms.csv:1: column 2: "!" can't name a column`,
				`rooms.csv:2: column 2: "b" is in a column without a name`}},
		"doubled": {"site,room\na,r\nb,r\na,r\n",
			[]string{`rooms.csv:4: column 2 room: a/r is also on line 2; give each room its own id`}},
		"no room's name": {"room,site\nZimmer Süd 3,x\n",
			[]string{`rooms.csv:2: column 1 room: "Zimmer Süd 3" is not a valid room id; write 1 to 32 of the letters a-z, the digits and "-", as in "zimmer-sued-3"; the name for people goes in the column name`}},
		"an empty name":   {"room,site\n,x\n", []string{`rooms.csv:2: column 1 room: is empty`}},
		"a climbing name": {"room\n../../etc\n", []string{`rooms.csv:2: column 1 room: "../../etc" is not a valid room id`}},
		"two mistakes": {"site,room\nA,r\nb,R 1\n",
			[]string{`rooms.csv:2: column 1 site: "A" is not a valid site id`,
				`rooms.csv:3: column 2 room: "R 1" is not a valid room id`}},
		"too many cells": {"room,name\nr,a,b\n",
			[]string{`rooms.csv:2: column 3: "b" is in a column without a name`}},
		"a line in a cell": {"room,name\nr,\"a\nb\"\n", []string{`rooms.csv:2: column 2 name: holds a line's end`}},
		"a stray quote": {"room,name\nr,a\"b\n",
			[]string{`rooms.csv:2: character 4: a quotation mark is misplaced`}},
		"a quote left open": {"room,name\nr,\"ab\ns,c\n", []string{`a quotation mark is misplaced`}},
		"a control": {"room,name\nr,a\x1b[31m\n",
			[]string{`rooms.csv:2: column 2 name: holds a line's end or another character`}},
		"a long cell": {"room,name\nr," + strings.Repeat("a", 501) + "\n",
			[]string{`rooms.csv:2: column 2 name: is longer than 500 characters`}},
		"no UUID": {"room,drives\nr,1234-ABCD stick\n",
			[]string{`rooms.csv:2: column 2 drives: "stick" is not the UUID of a file system`}},
		"too many rooms":     {"room\n" + many(maxRooms+1), []string{`the list has more than 1000 rooms`}},
		"after the sep line": {"sep=;\nroom;name\nR;x\n", []string{`rooms.csv:3: column 1 room: "R"`}},
	} {
		_, _, err := readRooms(t, c.data)
		errs, ok := err.(config.Errors)
		if !ok || len(errs) != len(c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(errs[i].String(), want) {
				t.Errorf("%s: %q, want %q", name, errs[i], want)
			}
		}
	}
	if _, _, err := readRooms(t, "room\n\x00\x01\x02\n"); err == nil {
		t.Error("a file that is no text is taken")
	}
	if _, _, err := readRooms(t, strings.Repeat("x", maxList+1)); err == nil {
		t.Error("a list without end is taken")
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("r-" + strings.Repeat("0", 4) + string(rune('a'+i%26)) + strings.Repeat("x", i/26%20) + "-" +
			strings.Repeat("y", i/520) + "\n")
	}
	return b.String()
}

func FuzzListOfRooms(f *testing.F) {
	f.Add("site;room\na;b\n")
	f.Add("sep=,\n\"\"\",\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := &list{file: "x"}
		l.read(text)
		if len(l.errors) > 0 {
			return
		}
		for _, r := range l.rooms {
			if !roomForm.MatchString(r.ID) || strings.ContainsAny(r.Name, "\n\r") {
				t.Errorf("took %+v", r)
			}
		}
	})
}
