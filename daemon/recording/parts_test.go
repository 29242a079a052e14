package recording

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// TestHeadersAreTars: for all kinds of names and sizes our header is the one that archive/tar
// writes.
func TestHeadersAreTars(t *testing.T) {
	for _, mtime := range []int64{0, 1, 1795269802, 1<<33 - 1} {
		h, err := newHeaders(mtime)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range sampleNames() {
			for _, size := range []int64{1, 7, 8, 511, 512, 513, 4096, MaxJSON, MaxSegment} {
				var want bytes.Buffer
				err := tar.NewWriter(&want).WriteHeader(&tar.Header{
					Typeflag: tar.TypeReg, Name: n.String(), Size: size, Mode: 0o444,
					ModTime: time.Unix(mtime, 0), Format: tar.FormatUSTAR,
				})
				if err != nil {
					t.Fatal(err)
				}
				var got [blockSize]byte
				h.put(&got, n, size)
				if !bytes.Equal(got[:], want.Bytes()) {
					t.Fatalf("header of %v, %d bytes, time %d:\n%q\nwant\n%q", n, size, mtime, got, want.Bytes())
				}
				if name, ok := headerName(got[:]); !ok || name != n {
					t.Fatalf("the name of %v reads as %v", n, name)
				}
				if s, ok := octal(got[sizeAt:mtimeAt]); !ok || s != size {
					t.Fatalf("the size %d reads as %d", size, s)
				}
			}
		}
	}
	if _, err := newHeaders(-1); err == nil {
		t.Error("a header for a time before 1970")
	}
}

func sampleNames() []name {
	list := []name{}
	for k := range fixedNames {
		if fixedNames[k] != "" {
			list = append(list, name{kind: kind(k)})
		}
	}
	for _, n := range []int32{1, 9, 10, 123456, MaxSegments} {
		list = append(list, name{kindHappening, n}, name{kindSegment, n}, name{kindNote, n})
	}
	return list
}

// TestNameOrder: rank, precedes and after agree.
func TestNameOrder(t *testing.T) {
	names := append(sampleNames(), name{kindSegment, 2}, name{kindHappening, 2}, name{kindNote, 2})
	for _, a := range names {
		after := map[name]bool{}
		for _, b := range a.after() {
			after[b] = true
			if !a.precedes(b) || a.rank() >= b.rank() {
				t.Errorf("%v should follow %v", b, a)
			}
		}
		for _, b := range names {
			if a.precedes(b) != after[b] {
				t.Errorf("%v after %v: precedes says %v, after %v", b, a, a.precedes(b), after[b])
			}
		}
	}
	for _, bad := range []string{"", "0.age", "000000.age", "1000000.age", "000001.txt", "000001.age ", "+00001.age",
		"READ-ME", "00000１.age", "end.Note"} {
		if n, ok := parseName([]byte(bad)); ok {
			t.Errorf("%q is taken for %v", bad, n)
		}
	}
}

// TestTree: at every size our tree has tlog's root.
func TestTree(t *testing.T) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var list []tlog.Hash
		for _, i := range indexes {
			list = append(list, stored[i])
		}
		return list, nil
	})
	var mine tree
	for n := range int64(300) {
		member := name{kindSegment, int32(n + 1)}
		sum := sha256.Sum256([]byte{byte(n)})
		text := fmt.Appendf(nil, "%v\n%x\n", member, sum)
		hashes, err := tlog.StoredHashes(n, text, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		mine.add(leafHash(member, sum))
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil {
			t.Fatal(err)
		}
		if mine.root() != want || mine.size != n+1 {
			t.Fatalf("with %d leaves the root is not tlog's", n+1)
		}
		var again tree
		if power := (n+1)&n == 0; again.resume(n+1, want) != power {
			t.Fatalf("resume at %d leaves is %v", n+1, !power)
		}
		if again.size > 0 {
			again.add(leafHash(member, sum))
			further := tree{size: mine.size, peak: append([]tlog.Hash(nil), mine.peak...)}
			further.add(leafHash(member, sum))
			if again.root() != further.root() {
				t.Fatalf("resumed at %d leaves the tree goes on otherwise", n+1)
			}
		}
	}
}

// TestNoteIsStrict: notes that note.Open accepts in other encodings are refused.
func TestNoteIsStrict(t *testing.T) {
	const origin = "tacet/high-street/room-3/7q4k9mz2ha"
	own, vkey, err := newSigningKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	other, otherV, _ := newSigningKey(origin)
	c := checkpoint{origin, 12, tlog.Hash{1, 2, 3}}
	msg, err := c.sign(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openNote(msg, own.verifier, origin); err != nil || got != c {
		t.Fatalf("our own note: %v, %v", got, err)
	}
	sigLine := msg[bytes.Index(msg, []byte("\n\n"))+2:]
	two, err := note.Sign(&note.Note{Text: string(c.append(nil))}, other, own)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(text string) []byte {
		b, err := note.Sign(&note.Note{Text: text}, own)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	text := string(c.append(nil))
	twin := append([]byte(nil), msg...) // the same signature bytes, spelt otherwise
	last := bytes.LastIndexByte(twin, '=') - 1
	alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	twin[last] = alphabet[strings.IndexByte(alphabet, twin[last])|1]
	if bytes.Equal(twin, msg) {
		twin[last] = alphabet[strings.IndexByte(alphabet, twin[last])&^1]
	}
	for name, bad := range map[string][]byte{
		"empty":                {},
		"no signature":         []byte(text + "\n"),
		"signed twice":         append(append([]byte(nil), msg...), sigLine...),
		"two keys":             two,
		"another key":          must(c.sign(other)),
		"a line after":         append(append([]byte(nil), msg...), '\n'),
		"no last newline":      msg[:len(msg)-1],
		"another spelling":     twin,
		"a further text line":  signed(text + "more\n"),
		"a plus":               signed(strings.Replace(text, "\n12\n", "\n+12\n", 1)),
		"a zero in front":      signed(strings.Replace(text, "\n12\n", "\n012\n", 1)),
		"no leaves":            signed(strings.Replace(text, "\n12\n", "\n0\n", 1)),
		"less than none":       signed(strings.Replace(text, "\n12\n", "\n-1\n", 1)),
		"too many":             signed(strings.Replace(text, "\n12\n", "\n9223372036854775808\n", 1)),
		"a short root":         signed(origin + "\n12\nAQID\n"),
		"another's checkpoint": signed(strings.Replace(text, "room-3", "room-4", 1)),
		"an empty line":        signed(strings.Replace(text, "\n12\n", "\n\n12\n", 1)),
		"a carriage return":    bytes.Replace(msg, []byte("\n12\n"), []byte("\r\n12\n"), 1),
	} {
		if got, err := openNote(bad, own.verifier, origin); err == nil {
			t.Errorf("%s: taken as %v:\n%s", name, got, bad)
		}
	}
	if _, err := note.Open(twin, note.VerifierList(must(note.NewVerifier(vkey)))); err != nil {
		t.Errorf("note.Open is strict by now (%v): the test of the spelling shows nothing", err)
	}
	_ = otherV

	own.forget()
	if _, err := c.sign(own); err == nil {
		t.Error("a forgotten key signs")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNames(t *testing.T) {
	at := time.Date(2026, 11, 21, 15, 3, 22, 999e6, time.FixedZone("", 3600))
	const want = "20261121T140322Z_room-3_7q4k9mz2ha.tacet"
	if got := Name(at, "room-3", "7q4k9mz2ha"); got != want {
		t.Errorf("Name is %q, want %q", got, want)
	}
	started, room, id, err := ParseName(want)
	if err != nil || !started.Equal(at.Truncate(time.Second)) || room != "room-3" || id != "7q4k9mz2ha" {
		t.Errorf("ParseName: %v, %q, %q, %v", started, room, id, err)
	}
	for _, bad := range []string{
		"", "x.tacet", want + ".part", "a/" + want, strings.ToUpper(want), "20261321T140322Z_room-3_7q4k9mz2ha.tacet",
		"20261121T140322Z_room_3_7q4k9mz2ha.tacet", "20261121T140322Z_room-3_7q4k9mz2h.tacet",
		"20261121T140322Z_room-3_7q4k9mz2hi.tacet", "20261121T140322Z_" + strings.Repeat("r", 33) + "_7q4k9mz2ha.tacet",
		want + "\n",
	} {
		if _, _, _, err := ParseName(bad); err == nil {
			t.Errorf("ParseName takes %q", bad)
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if err := checkID(id); err != nil || seen[id] {
			t.Fatalf("NewID gave %q: %v", id, err)
		}
		seen[id] = true
	}
	for _, bad := range [][2]string{{"", "r"}, {"s", ""}, {"A", "r"}, {"s", "a/b"}, {"s", "a+b"},
		{"s", strings.Repeat("r", 33)}, {"s ", "r"}} {
		if _, _, err := NewUnitKey(bad[0], bad[1]); err == nil {
			t.Errorf("NewUnitKey takes %q", bad)
		}
	}
}

// TestSealedSize: a sealed segment has the size that FORMAT.md gives.
func TestSealedSize(t *testing.T) {
	_, to := testPair(t)
	for _, n := range []int{0, 1, 4000, ageChunk - 1, ageChunk, ageChunk + 1, 3*ageChunk + 17, 4 * ageChunk} {
		sealed, err := seal(make([]byte, n), to)
		if err != nil {
			t.Fatal(err)
		}
		if want := 168 + 16 + n + 16*max(1, (n+ageChunk-1)/ageChunk); len(sealed) != want {
			t.Errorf("%d bytes are sealed in %d, not %d", n, len(sealed), want)
		}
	}
}

// age opens what seal makes, with each recipient's identity, at any length: the chunks, the mark of
// the last one and the empty payload are right.
func TestAgeOpensWhatIsSealed(t *testing.T) {
	hybrid := func() (age.Identity, age.Recipient) {
		identity, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		return identity, identity.Recipient()
	}
	classic := func() (age.Identity, age.Recipient) { return testPair(t) }
	random := rand.NewChaCha8([32]byte{3})
	for name, pair := range map[string]func() (age.Identity, age.Recipient){"hybrid": hybrid, "classic": classic} {
		id1, to1 := pair()
		id2, to2 := pair()
		for _, n := range []int{0, 1, ageChunk - 1, ageChunk, ageChunk + 1, 2 * ageChunk, 3*ageChunk + 17} {
			plain := make([]byte, n)
			random.Read(plain)
			sealed, err := seal(plain, to1, to2)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []age.Identity{id1, id2} {
				r, err := age.Decrypt(bytes.NewReader(sealed), id)
				if err != nil {
					t.Fatalf("%s, %d bytes: %v", name, n, err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("%s, %d bytes: %d come out, and %v", name, n, len(got), err)
				}
			}
		}
	}
	_, old := classic()
	_, pq := hybrid()
	for _, to := range [][]age.Recipient{{old, pq}, {pq, old}} {
		if _, err := seal(nil, to...); err == nil {
			t.Error("recipients of both kinds are mixed")
		}
	}
}

// TestActsAreOfOneLength: the size doesn't tell who withdrew.
func TestActsAreOfOneLength(t *testing.T) {
	id, to := testPair(t)
	size := 0
	for _, acts := range [][]Act{
		nil,
		{{Party: "patient", Act: "withdrew", Line: "GPIO5"}},
		{{Party: "clinician", Act: "lapsed", Cause: "waiting"}},
		{{Party: "interpreter", Act: "gave", Line: "/dev/gpiochip4:23"}, {Party: "room", Act: "gave"},
			{Party: "companion", Act: "gave"}},
	} {
		sealed, err := sealActs(acts, to)
		if err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			size = len(sealed)
		}
		if len(sealed) != size {
			t.Errorf("%d acts make %d bytes, others %d", len(acts), len(sealed), size)
		}
		got, err := openActs(sealed, id)
		if err != nil || len(got) != len(acts) {
			t.Errorf("%v comes back as %v, %v", acts, got, err)
		}
	}
}

// TestWindow: a window returns what the file holds, in any order.
func TestWindow(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	file := make([]byte, 3*windowSize+100)
	for i := range file {
		file[i] = byte(rng.Uint32())
	}
	size := int64(len(file))
	w := newWindow(bytes.NewReader(file), size)
	for range 2000 {
		off := rng.Int64N(size + 1)
		n := rng.Int64N(min(size-off, windowSize) + 1)
		b, err := w.view(off, n)
		if err != nil || !bytes.Equal(b, file[off:off+n]) {
			t.Fatalf("view of %d at %d: %v", n, off, err)
		}
		n = rng.Int64N(size - off + 1)
		if sum, err := w.sum(off, n); err != nil || sum != sha256.Sum256(file[off:off+n]) {
			t.Fatalf("sum of %d at %d: %v", n, off, err)
		}
	}
	w = newWindow(bytes.NewReader(file[:100]), 200)
	if _, err := w.view(50, 100); err == nil {
		t.Error("no error where the file got shorter")
	}
}

// TestSilence: 12 hours are the maximum and the default.
func TestSilence(t *testing.T) {
	for asked, want := range map[time.Duration]int64{0: 43200, -1: 0, time.Second - 1: 0, time.Second: 1,
		12 * time.Hour: 43200, 1000 * time.Hour: 43200} {
		o := Opening{Silence: asked}
		if got := o.silence(); got != want {
			t.Errorf("%v: %d s, want %d", asked, got, want)
		}
	}
}
