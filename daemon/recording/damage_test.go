package recording_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// find returns the index of a member in a list.
func find(t testing.TB, list []member, name string) int {
	t.Helper()
	i := slices.IndexFunc(list, func(m member) bool { return m.name == name })
	if i < 0 {
		t.Fatalf("no member %s", name)
	}
	return i
}

// TestDamageIsLocated: Verify reports which member and which second are damaged and how, and finds
// what follows to be good again as soon as that can be proved.
func TestDamageIsLocated(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	build := func() []member {
		return members(t, recordingtest.Make(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 40,
			Sound: func(n int) []byte { return []byte{byte(n)} }}))
	}
	list, other := build(), build()
	// change returns the file with one byte of a member altered.
	change := func(name string, at int) []byte {
		out := slices.Clone(list)
		i := find(t, out, name)
		out[i].bytes = altered(out[i].bytes, at)
		return join(out)
	}
	without := func(names ...string) []byte {
		return join(slices.DeleteFunc(slices.Clone(list), func(m member) bool { return slices.Contains(names, m.name) }))
	}
	twice := func(name string) []byte {
		i := find(t, list, name)
		return join(slices.Insert(slices.Clone(list), i, list[i]))
	}
	swap := func(a, b string) []byte {
		out := slices.Clone(list)
		i, j := find(t, out, a), find(t, out, b)
		out[i], out[j] = out[j], out[i]
		return join(out)
	}
	whole := join(list)
	i20 := find(t, list, "000020.age")
	before20 := len(join(list[:i20]))
	for name, c := range map[string]struct {
		file []byte
		want []string
	}{
		"a segment": {change("000012.age", 600), []string{
			"second 12: 000012.age: its content was altered", "seconds 13 to 14: not provable, because of the damage before"}},
		"two segments": {func() []byte {
			out := slices.Clone(list)
			for _, n := range []string{"000012.age", "000035.age"} {
				i := find(t, out, n)
				out[i].bytes = altered(out[i].bytes, 600)
			}
			return join(out)
		}(), []string{"second 12: 000012.age: its content was altered", "seconds 13 to 14",
			"second 35: 000035.age: its content was altered", "seconds 36 to 40: not provable"}},
		"a header's mode": {change("000012.age", 103), []string{"second 12: 000012.age: its header differs in the mode"}},
		"a header's name": {change("000012.age", 5), []string{"second 12: 000012.age: its header differs in the name"}},
		"a header's time": {change("000012.age", 146), []string{"second 12: 000012.age: its header differs in the time"}},
		"a header's checksum": {change("000012.age", 150),
			[]string{"second 12: 000012.age: its header differs in the size or the checksum"}},
		"a header's padding": {change("000012.age", 511),
			[]string{"second 12: 000012.age: its header differs in the padding"}},
		"a header's size": {change("000012.age", 133),
			[]string{"second 12: 000012.age: its header differs in the size or the checksum",
				"second 12: 000012.age: the padding", "second 12: 000012.age: its content was altered", "seconds 13 to 14"}},
		"a header's size, by far": {change("000012.age", 131), []string{"second 12: 1024 bytes that belong to no member",
			"second 12: 000012.age: it is missing", "seconds 13 to 14"}},
		"padding": {change("000012.age", 1023),
			[]string{"second 12: 000012.age: the padding after it is not zero"}},
		"a note's text":      {change("000012.note", 512+37), []string{"second 12: 000012.note: its text was altered"}},
		"a note's signature": {change("000012.note", 512+150), []string{"second 12: 000012.note:", "seconds 13 to 14"}},
		"the first header":   {change("READ-ME.txt", 104), []string{"the head: READ-ME.txt: its header differs in the mode"}},
		"READ-ME.txt":        {change("READ-ME.txt", 700), []string{"the head: READ-ME.txt: its content was altered"}},
		"key.age": {change("key.age", 700),
			[]string{"the head: READ-ME.txt or recording.json or key.age or consent.age: its content was altered",
				"seconds 1 to 40: not provable"}},
		"recording.note": {change("recording.note", 512+150), []string{"the head: recording.note:", "seconds 1 to 40"}},
		"end.json":       {change("end.json", 512+12), []string{"the end: end.age or end.json: its content was altered"}},
		"end.note":       {change("end.note", 512+150), []string{"the end: end.note:"}},

		"a segment dropped": {without("000012.age"), []string{"second 12: 000012.age: it is missing", "seconds 13 to 14"}},
		"a note dropped": {without("000012.note"),
			[]string{"second 12: 000012.note: it is missing", "seconds 13 to 14"}},
		"a second dropped": {without("000012.age", "000012.note"),
			[]string{"second 12: it is missing", "seconds 13 to 14"}},
		"seconds dropped": {without("000012.age", "000012.note", "000013.age", "000013.note"),
			[]string{"seconds 12 to 13: it is missing", "second 14: not provable"}},
		"the end dropped":   {join(list[:find(t, list, "end.age")]), nil},
		"a segment doubled": {twice("000012.age"), []string{"second 12: 000012.age: it is there twice"}},
		"segments swapped": {swap("000012.age", "000013.age"),
			[]string{"second 12: it is missing", "000012.note: it is out of order",
				"000012.age: it is out of order"}},
		"another recording's": {join(slices.Replace(slices.Clone(list), i20, i20+1, other[i20])),
			[]string{"second 20: 000020.age: its content was altered", "seconds 21 to 30"}},
		"a block put in": {slices.Concat(whole[:before20], bytes.Repeat([]byte("x"), 512), whole[before20:]),
			[]string{"second 20: 512 bytes that belong to no member"}},
		"bytes put in": {slices.Concat(whole[:before20], []byte("xyz"), whole[before20:]),
			[]string{"second 20: 48131 bytes to the end of the file that belong to no member"}},
		"a byte put in": {slices.Concat(whole[:before20+600], []byte("x"), whole[before20+600:]),
			[]string{"second 20: 000020.age: the padding after it is not zero"}},
		"a block put into READ-ME.txt": {slices.Concat(whole[:1024], bytes.Repeat([]byte("x"), 512), whole[1024:]),
			[]string{"the head: READ-ME.txt: the padding after it is not zero", "the head: 512 bytes that belong to no member",
				"the head: READ-ME.txt: its content was altered"}},
		"a byte taken out": {slices.Concat(whole[:before20+600], whole[before20+601:]), []string{"second 20:"}},
		"zeros over a block": {slices.Concat(whole[:before20], make([]byte, 512), whole[before20+512:]),
			[]string{"second 20: 1024 bytes that belong to no member"}},
		"bytes after the end": {append(slices.Clone(whole), 'x'), []string{"the end: 1 bytes after the end"}},
		"rubbish at the end": {slices.Concat(whole[:len(whole)-1024], bytes.Repeat([]byte("x"), 1024)),
			[]string{"the end: something other than the two zero blocks"}},
	} {
		t.Run(name, func(t *testing.T) {
			rep := verify(t, c.file, u.VKey)
			if c.want == nil {
				if rep.State != recording.Unfinished || rep.Segments != 40 {
					t.Errorf("%v with %d segments", rep.State, rep.Segments)
				}
				return
			}
			if rep.State != recording.Damaged {
				t.Fatalf("%v", rep.State)
			}
			for i, want := range c.want {
				if i >= len(rep.Damages) || !strings.Contains(rep.Damages[i].Error(), want) {
					t.Errorf("no %d is not … %s …", i+1, want)
				}
			}
			if t.Failed() || len(rep.Damages) > len(c.want)+3 {
				for _, d := range rep.Damages {
					t.Logf("%v", &d)
				}
				t.Errorf("%d damages", len(rep.Damages))
			}
		})
	}
}
