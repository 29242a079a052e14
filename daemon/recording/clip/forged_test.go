package clip_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/clip"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/recordingtest"
)

// TestEveryByte: verify finds a change of any byte, header and padding included, without a key.
func TestEveryByte(t *testing.T) {
	s := record(t, audios[0], func(s *recordingtest.Spec) { s.Segments = 2; s.Happened = nil })
	file := s.clip(t, recordingtest.NewOffice(t, recordingtest.Classic), 1, 2)
	if _, err := verify(file); err != nil {
		t.Fatal(err)
	}
	for i := range file {
		change := byte(1) << (i % 8)
		file[i] ^= change
		if _, err := verify(file); !isFault(err) {
			t.Fatalf("byte %d of %d changed by %#x: %v", i, len(file), change, err)
		}
		file[i] ^= change
	}
	for n := 0; n < len(file); n += 37 {
		if _, err := verify(file[:n]); !isFault(err) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := verify(append(file, 0)); !isFault(err) {
		t.Fatalf("a byte more: %v", err)
	}
}

// member is a member of a clip.
type member struct {
	name    string
	content []byte
}

func members(t testing.TB, file []byte) []member {
	t.Helper()
	var list []member
	for r := tar.NewReader(bytes.NewReader(file)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, member{h.Name, content})
	}
}

// pack makes a clip of members, with right headers.
func pack(t testing.TB, list []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := bundle.NewWriter(&b, recordingtest.Started.Unix())
	for _, m := range list {
		if err := w.Add(m.name, m.content); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.Bytes()
}

// mustRefuse checks that a forged clip is refused, and that why names one of the members.
func mustRefuse(t *testing.T, what string, file []byte, names ...string) {
	t.Helper()
	_, err := verify(file, "any")
	if !isFault(err) {
		t.Errorf("%s: %v", what, err)
		return
	}
	if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(err.Error(), n) }) {
		t.Errorf("%s: %v, which names none of %q", what, err, names)
	}
}

// TestEveryMember: a member may not be dropped, doubled, swapped with another, or be another
// recording's or another clip's.
func TestEveryMember(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s, other := record(t, audios[0], nil), record(t, audios[0], nil)
	list, foreign := members(t, s.clip(t, to, 2, 6)), members(t, other.clip(t, to, 2, 6))
	again := members(t, s.clip(t, to, 2, 6))
	if _, err := verify(pack(t, list)); err != nil {
		t.Fatal(err)
	}
	for i, m := range list {
		mustRefuse(t, m.name+" dropped", pack(t, slices.Delete(slices.Clone(list), i, i+1)), m.name)
		mustRefuse(t, m.name+" doubled", pack(t, slices.Insert(slices.Clone(list), i, m)), m.name, "two blocks of zeros")
		mustRefuse(t, m.name+" at the end", pack(t, append(slices.Clone(list), m)))
		if !bytes.Equal(m.content, foreign[i].content) {
			mustRefuse(t, m.name+" of another recording", pack(t, slices.Replace(slices.Clone(list), i, i+1, foreign[i])))
		}
		if !bytes.Equal(m.content, again[i].content) {
			mustRefuse(t, m.name+" of another clip", pack(t, slices.Replace(slices.Clone(list), i, i+1, again[i])))
		}
		for j := range list[:i] {
			swapped := slices.Clone(list)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			mustRefuse(t, m.name+" and "+list[j].name+" swapped", pack(t, swapped))
			swapped[i].name, swapped[j].name = swapped[j].name, swapped[i].name
			if !bytes.Equal(m.content, list[j].content) {
				mustRefuse(t, m.name+" and "+list[j].name+" swapped, but for their names", pack(t, swapped))
			}
		}
	}
}

// find returns the index of a member.
func find(t testing.TB, list []member, name string) int {
	t.Helper()
	i := slices.IndexFunc(list, func(m member) bool { return m.name == name })
	if i < 0 {
		t.Fatalf("no %s", name)
	}
	return i
}

// claiming returns a clip whose clip.json is changed, with the READ-ME.txt of a genuine clip of
// that part.
func claiming(t testing.TB, list []member, like []byte, change func(claim map[string]any)) []member {
	t.Helper()
	list = slices.Clone(list)
	at := find(t, list, "clip.json")
	var claim struct {
		Format   string `json:"format"`
		ID       string `json:"id"`
		From     int64  `json:"from"`
		To       int64  `json:"to"`
		Withheld []any  `json:"withheld"`
		Keys     string `json:"keys"`
	}
	values := map[string]any{}
	if err := json.Unmarshal(list[at].content, &values); err != nil {
		t.Fatal(err)
	}
	change(values)
	text, _ := json.Marshal(values)
	if err := json.Unmarshal(text, &claim); err != nil {
		t.Fatal(err)
	}
	if like != nil {
		list[0] = members(t, like)[0]
	}
	text, _ = json.Marshal(claim)
	list[at].content = []byte(string(text) + "\n")
	return list
}

// TestWrongClaims: other times, a withheld span that is hidden, one that is claimed and not there,
// what happened left out.
func TestWrongClaims(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s := record(t, audios[0], nil)
	genuine := s.clip(t, to, 2, 6, excerpt.Span{From: 4, To: 5})
	list := members(t, genuine)
	span := func(from, to int64) map[string]any { return map[string]any{"from": from, "to": to} }
	if _, err := verify(pack(t, claiming(t, list, nil, func(map[string]any) {}))); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		like   []byte
		change func(map[string]any)
		names  []string
	}{
		"an earlier start":    {s.clip(t, to, 1, 6, excerpt.Span{From: 4, To: 5}), func(c map[string]any) { c["from"] = 1 }, []string{"000002.age"}},
		"a later start":       {s.clip(t, to, 3, 6, excerpt.Span{From: 4, To: 5}), func(c map[string]any) { c["from"] = 3 }, []string{"000004.json"}},
		"a later end":         {s.clip(t, to, 2, 7, excerpt.Span{From: 4, To: 5}), func(c map[string]any) { c["to"] = 7 }, []string{"000007.age"}},
		"an earlier end":      {s.clip(t, to, 2, 5), func(c map[string]any) { c["to"] = 5; c["withheld"] = []any{} }, []string{"000005.age"}},
		"beyond the end":      {nil, func(c map[string]any) { c["to"] = 9 }, []string{"clip.json"}},
		"nothing withheld":    {s.clip(t, to, 2, 6), func(c map[string]any) { c["withheld"] = []any{} }, []string{"000005.age"}},
		"more withheld":       {nil, func(c map[string]any) { c["withheld"] = []any{span(4, 6)} }, []string{"000006.age"}},
		"others withheld":     {nil, func(c map[string]any) { c["withheld"] = []any{span(3, 4)} }, []string{"000004.age"}},
		"all withheld":        {nil, func(c map[string]any) { c["withheld"] = []any{span(2, 6)} }, []string{"clip.json"}},
		"withheld outside":    {nil, func(c map[string]any) { c["withheld"] = []any{span(4, 5), span(6, 7)} }, []string{"clip.json"}},
		"withheld twice":      {nil, func(c map[string]any) { c["withheld"] = []any{span(4, 5), span(4, 5)} }, []string{"clip.json"}},
		"two for one":         {nil, func(c map[string]any) { c["withheld"] = []any{span(3, 4), span(4, 5)} }, []string{"clip.json"}},
		"another recording":   {nil, func(c map[string]any) { c["id"] = "0000000000" }, []string{"clip.json"}},
		"another format":      {nil, func(c map[string]any) { c["format"] = "tacet-clip/2" }, []string{"clip.json"}},
		"no keys":             {nil, func(c map[string]any) { c["keys"] = "" }, []string{"key.age"}},
		"times below nothing": {nil, func(c map[string]any) { c["from"] = -1 }, []string{"clip.json"}},
		"far too long":        {nil, func(c map[string]any) { c["to"] = int64(1) << 62 }, []string{"clip.json"}},
	} {
		mustRefuse(t, what, pack(t, claiming(t, list, c.like, c.change)), c.names...)
	}
	spelt := slices.Clone(list)
	spelt[1].content = bytes.Replace(list[1].content, []byte(":"), []byte(": "), 1)
	mustRefuse(t, "clip.json in another spelling", pack(t, spelt), "clip.json")
	told := slices.Clone(list)
	told[0].content = append(bytes.Clone(list[0].content), "Run this: rm -r /\n"...)
	mustRefuse(t, "another READ-ME.txt", pack(t, told), "READ-ME.txt")
}

// TestOmitted: a forger also leaves the omitted member out of the list of leaves, or changes the
// list otherwise. Then the signed roots don't fit.
func TestOmitted(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s := record(t, audios[0], nil)
	list := members(t, s.clip(t, to, 2, 6))
	leaves := find(t, list, "leaves")
	lines := strings.SplitAfter(string(list[leaves].content), "\n")
	lines = lines[:len(lines)-1]
	forged := func(change func([]string) []string) []member {
		out := slices.Clone(list)
		out[leaves].content = []byte(strings.Join(change(slices.Clone(lines)), ""))
		return out
	}
	without := forged(func(l []string) []string {
		return slices.DeleteFunc(l, func(line string) bool { return strings.HasSuffix(line, "  000004.json\n") })
	})
	at := find(t, without, "000004.json")
	mustRefuse(t, "what happened left out", pack(t, slices.Delete(without, at, at+1)), "end.note")
	swap := func(a, b string) func([]string) []string {
		return func(l []string) []string {
			i := slices.IndexFunc(l, func(s string) bool { return strings.HasSuffix(s, a+"\n") })
			j := slices.IndexFunc(l, func(s string) bool { return strings.HasSuffix(s, b+"\n") })
			l[i], l[j] = l[j][:64]+l[i][64:], l[i][:64]+l[j][64:]
			return l
		}
	}
	moved := forged(swap("000003.age", "000006.age"))
	i, j := find(t, moved, "000003.age"), find(t, moved, "000006.age")
	moved[i].content, moved[j].content = moved[j].content, moved[i].content
	k := find(t, moved, "000006.key")
	moved[i+1].content, moved[k].content = moved[k].content, moved[i+1].content
	moved = claiming(t, moved, nil, func(c map[string]any) { c["keys"] = keysOf(moved) })
	mustRefuse(t, "two seconds moved, and their hashes", pack(t, moved), "end.note")
	mustRefuse(t, "two hashes outside swapped", pack(t, forged(swap("000001.age", "000008.age"))), "end.note")
	mustRefuse(t, "the head's hashes", pack(t, forged(swap("key.age", "consent.age"))), "recording.note")
	mustRefuse(t, "a hash in capitals", pack(t, forged(func(l []string) []string {
		l[0] = strings.ToUpper(l[0][:64]) + l[0][64:]
		return l
	})), "leaves")
	mustRefuse(t, "a line twice", pack(t, forged(func(l []string) []string { return slices.Insert(l, 9, l[9]) })), "leaves")
	mustRefuse(t, "the end left out", pack(t, forged(func(l []string) []string { return l[:len(l)-2] })), "leaves")
	mustRefuse(t, "no lines", pack(t, forged(func([]string) []string { return []string{"\n"} })), "leaves")
}

// keysOf computes clip.json's keys of a forged clip.
func keysOf(list []member) string {
	var all []byte
	for _, m := range list {
		if strings.HasSuffix(m.name, ".key") || m.name == "key.age" {
			all = append(all, m.content...)
		}
	}
	return hexSum(all)
}

// A forger with keys of his own makes a clip that is genuine, but of a unit that nobody knows.
func TestAnotherUnit(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s, other := record(t, audios[0], nil), record(t, audios[0], nil)
	rep, err := verify(other.clip(t, to, 1, 3), s.spec.Unit.VKey)
	if err != nil || rep.Vouched {
		t.Errorf("another unit of the same name: %+v, %v", rep, err)
	}
}

// once fails if a byte is read twice.
type once struct {
	t    *testing.T
	file []byte
	read []bool
}

func (o *once) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		if o.read[off+int64(i)] {
			o.t.Fatalf("byte %d is read twice", off+int64(i))
		}
		o.read[off+int64(i)] = true
	}
	return copy(p, o.file[off:]), nil
}

// rewritten is a file that somebody replaces after so many bytes were read.
type rewritten struct {
	before, after []byte
	left          int
	seen          bool // something of after that is not in before
}

func (r *rewritten) ReadAt(p []byte, off int64) (int, error) {
	from := r.before
	if r.left -= len(p); r.left < 0 {
		from = r.after
	}
	n := copy(p, from[off:])
	r.seen = r.seen || !bytes.Equal(p[:n], r.before[off:][:n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestRewritten: each byte is checked as it is read, and what is read again must be the same.
func TestRewritten(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	a, b := record(t, audios[2], nil), record(t, audios[2], nil)
	mine, his := a.clip(t, to, 2, 5), b.clip(t, to, 2, 5)
	if len(mine) != len(his) {
		t.Fatalf("%d and %d bytes", len(mine), len(his))
	}
	if _, err := clip.Verify(&once{t, mine, make([]bool, len(mine))}, int64(len(mine)), clip.Options{}); err != nil {
		t.Fatal(err)
	}
	want, _, err := open(mine, to.Identity)
	if err != nil {
		t.Fatal(err)
	}
	for left := 0; left < 3*len(mine); left += 3001 {
		r := &rewritten{before: mine, after: his, left: left}
		rep, err := clip.Verify(r, int64(len(mine)), clip.Options{Units: []string{a.spec.Unit.VKey}})
		if err == nil && rep.Vouched && r.seen {
			t.Errorf("replaced after %d bytes: it verifies", left)
		}
		r = &rewritten{before: mine, after: his, left: left}
		var got bytes.Buffer
		rep, err = clip.Open(r, int64(len(mine)), &got, clip.Opening{Identities: toIdentities(to),
			Options: clip.Options{Units: []string{a.spec.Unit.VKey}}})
		if err == nil && rep.Vouched && !bytes.Equal(got.Bytes(), want) {
			t.Errorf("replaced after %d bytes: it opens to other sound", left)
		}
	}
}

// TestMakeReadsWhatWasProved: a recording that is replaced while a clip is made of it.
func TestMakeReadsWhatWasProved(t *testing.T) {
	s, other := record(t, audios[2], nil), record(t, audios[2], nil)
	r := &rewritten{before: s.file, after: other.file, left: 1 << 40}
	x, _, err := recording.NewIndex(r, int64(len(s.file)), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Unlock(toIdentities(s.office)); err != nil {
		t.Fatal(err)
	}
	r.left = 100
	err = clip.Make(io.Discard, x, excerpt.Part{Span: excerpt.Span{From: 1, To: 4}}, nil)
	if err == nil {
		t.Fatal("a clip without a receiver")
	}
	recipients, err := recording.ParseRecipients([]string{s.office.Recipient})
	if err != nil {
		t.Fatal(err)
	}
	err = clip.Make(io.Discard, x, excerpt.Part{Span: excerpt.Span{From: 1, To: 4}}, recipients)
	if !errors.Is(err, recording.ErrChanged) {
		t.Errorf("%v", err)
	}
}

// A receiver finds a key that is another one's, and sound that another header claims.
func TestKeysOfOthers(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s := record(t, audios[0], nil)
	list := members(t, s.clip(t, to, 4, 7))
	other := members(t, s.clip(t, to, 4, 7))
	for _, name := range []string{"000005.key", "key.age"} {
		forged := slices.Clone(list)
		forged[find(t, list, name)] = other[find(t, other, name)]
		forged = claiming(t, forged, nil, func(c map[string]any) { c["keys"] = keysOf(forged) })
		file := pack(t, forged)
		if _, err := verify(file); err != nil {
			t.Fatalf("%s: only the receiver can tell, but %v", name, err)
		}
		if _, _, err := open(file, to.Identity); !isFault(err) {
			t.Errorf("%s of another clip opens: %v", name, err)
		}
	}
	swapped := slices.Clone(list)
	i, j := find(t, list, "000005.key"), find(t, list, "000006.key")
	swapped[i].content, swapped[j].content = swapped[j].content, swapped[i].content
	swapped = claiming(t, swapped, nil, func(c map[string]any) { c["keys"] = keysOf(swapped) })
	_, _, err := open(pack(t, swapped), to.Identity)
	if !isFault(err) || !strings.Contains(fmt.Sprint(err), "000005.age") {
		t.Errorf("two keys swapped: %v", err)
	}
}
