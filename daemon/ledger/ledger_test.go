package ledger

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

const origin = "tacet/high-street/room-3/ledger"

// anOrigin matches the origins of this unit's ledgers.
var anOrigin = regexp.MustCompile(`^tacet/high-street/room-3/ledger/[0-9a-hjkmnp-tv-z]{16}$`)

// salts matches the ends of lines: 16 bytes in base64.
var salts = regexp.MustCompile(`,"salt":"([A-Za-z0-9+/]{22}==)"}\n`)

// unsalted removes the salts from lines. Each must have one, and each a different one.
func unsalted(t testing.TB, lines string) string {
	t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(lines) {
		m := salts.FindStringSubmatch(line)
		if m == nil || seen[m[1]] {
			t.Errorf("no salt of its own at the end of %s", line)
			continue
		}
		seen[m[1]] = true
	}
	return salts.ReplaceAllString(lines, "}\n")
}

// unit is a unit's key, and what others know of it.
func unit(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "tacet/high-street/room-3")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

var start = time.Date(2026, 11, 21, 14, 3, 22, 123456789, time.FixedZone("", 3600))

// started returns the i-th of a series of distinct entries.
func started(i int) Entry {
	return Entry{Type: Started, Time: start, ID: fmt.Sprintf("%010d", i), Note: strings.Repeat("ab", 32)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t testing.TB, disk durable.FS, key note.Signer) *Ledger {
	t.Helper()
	l, err := Open(disk, "ledger", origin, key, true)
	must(t, err)
	return l
}

// text returns the content of a file.
func text(t testing.TB, disk durable.FS, name string) string {
	t.Helper()
	data, err := durable.ReadFile(disk, name, 1<<24)
	must(t, err)
	return string(data)
}

// ids returns the recordings in a ledger's file, in order.
func ids(t testing.TB, disk durable.FS, name string) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(text(t, disk, name)) {
		if _, id, ok := strings.Cut(line, `"id":"`); ok {
			all = append(all, id[:10])
		}
	}
	return all
}

// wantHead checks a signed head against the lines with another implementation of the tree.
func wantHead(t testing.TB, signed []byte, key note.Verifier, lines []string) {
	t.Helper()
	n, err := note.Open(signed, note.VerifierList(key))
	must(t, err)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, line := range lines {
		more, err := tlog.StoredHashes(int64(i), []byte(strings.TrimSuffix(line, "\n")), reader)
		must(t, err)
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(int64(len(lines)), reader)
	must(t, err)
	first, _, _ := strings.Cut(n.Text, "\n")
	want := fmt.Sprintf("%s\n%d\n%s\n", first, len(lines), root)
	if !anOrigin.MatchString(first) || n.Text != want || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		t.Errorf("the head says\n%s(%d signatures), want\n%s", n.Text, len(n.Sigs), want)
	}
}

// The lines are as documented, and the head covers them, at every size.
func TestLinesAndHead(t *testing.T) {
	key, known := unit(t)
	disk := durabletest.NewDisk(1)
	l := mustOpen(t, disk, key)
	wantHead(t, l.Head(), known, nil)
	for _, e := range []Entry{
		{Type: Boot, Time: start, Boot: "b00t", Version: "1.2"},
		{Type: Config, Time: start, Config: "c0ffee", Recipients: []string{"a", "b"}},
		started(7),
		{Type: Ended, Time: start, ID: "0000000007", Leaves: 12, Root: "AA=="},
		{Type: Copied, Time: start, ID: "0000000007", Store: "nas"},
		{Type: Copied, Time: start, ID: "0000000007", Store: "drive", Clock: Synced},
		{Type: Released, Time: start, ID: "0000000007"},
		{Type: Erased, Time: start, ID: "0000000007", Store: "nas"},
		{Type: Recipients, Time: start, Recipients: []string{"a"}, By: Confirmed, Confirmation: "c"},
		{Type: Drive, Time: start, Store: "drive", Drive: "ABCD", UUID: "1234-ABCD", By: FirstUse},
	} {
		must(t, l.Append(e))
	}
	want := `{"type":"boot","time":"2026-11-21T13:03:22Z","boot":"b00t","version":"1.2"}
{"type":"config","time":"2026-11-21T13:03:22Z","config":"c0ffee","recipients":["a","b"]}
{"type":"started","time":"2026-11-21T13:03:22Z","id":"0000000007","note":"` + strings.Repeat("ab", 32) + `"}
{"type":"ended","time":"2026-11-21T13:03:22Z","id":"0000000007","leaves":12,"root":"AA=="}
{"type":"copied","time":"2026-11-21T13:03:22Z","id":"0000000007","store":"nas"}
{"type":"copied","time":"2026-11-21T13:03:22Z","id":"0000000007","store":"drive","clock":"synced"}
{"type":"released","time":"2026-11-21T13:03:22Z","id":"0000000007"}
{"type":"erased","time":"2026-11-21T13:03:22Z","id":"0000000007","store":"nas"}
{"type":"recipients","time":"2026-11-21T13:03:22Z","recipients":["a"],"by":"confirmed","confirmation":"c"}
{"type":"drive","time":"2026-11-21T13:03:22Z","store":"drive","drive":"ABCD","uuid":"1234-ABCD","by":"first-use"}
`
	got := text(t, disk, "ledger")
	if plain := unsalted(t, got); plain != want {
		t.Errorf("the ledger holds\n%swant\n%s", plain, want)
	}
	lines := slices.Collect(strings.Lines(got))
	wantHead(t, l.Head(), known, lines)
	for i := range 70 {
		must(t, l.Append(started(i)))
		lines = append(lines, slices.Collect(strings.Lines(text(t, disk, "ledger")))[len(lines)])
		wantHead(t, l.Head(), known, lines)
		if l.Size() != int64(len(lines)) {
			t.Errorf("size %d, want %d", l.Size(), len(lines))
		}
	}
	must(t, l.Close())
	if l.Append(started(1)) == nil {
		t.Error("a closed ledger was appended to")
	}
	l = mustOpen(t, disk, key)
	defer l.Close()
	wantHead(t, l.Head(), known, lines)
	if got := l.Origin(); !strings.HasPrefix(got, origin+"/") || !strings.HasPrefix(string(l.Head()), got+"\n") {
		t.Errorf("the origin is %q", got)
	}
	if l.Broken() != nil {
		t.Error(l.Broken())
	}
}

// An invalid entry is refused and leaves no trace, above all those that nobody has a right to read.
func TestRefused(t *testing.T) {
	key, _ := unit(t)
	disk := durabletest.NewDisk(1)
	l := mustOpen(t, disk, key)
	defer l.Close()
	for what, e := range map[string]Entry{
		"gave":                      {Type: "gave", Time: start, ID: "x"},
		"refused":                   {Type: "refused", Time: start},
		"no type":                   {Time: start},
		"no time":                   {Type: Released, ID: "x"},
		"started without a note":    {Type: Started, Time: start, ID: "x"},
		"ended with a reason":       {Type: Ended, Time: start, ID: "x", Leaves: 1, Root: "r", Why: "withdrawn"},
		"released with a store":     {Type: Released, Time: start, ID: "x", Store: "nas"},
		"a clock of its own":        {Type: Copied, Time: start, ID: "x", Store: "nas", Clock: "unsynced"},
		"started with a clock":      {Type: Started, Time: start, ID: "x", Note: "n", Clock: Synced},
		"recipients on no word":     {Type: Recipients, Time: start, Recipients: []string{"a"}},
		"a drive without an ID":     {Type: Drive, Time: start, Store: "drive", By: ByOffice},
		"a newline":                 {Type: Released, Time: start, ID: "x\n{}"},
		"long":                      {Type: Released, Time: start, ID: strings.Repeat("x", 201)},
		"many":                      {Type: Config, Time: start, Config: "x", Recipients: make([]string, 65)},
		"the ledger's own":          {Type: continued, Time: start, Size: 1, Root: "r", Edge: []string{"e"}},
		"the ledger's own, another": {Type: broken, Time: start, Why: "x"},
		"the ledger's own, a third": {Type: missing, Time: start},
	} {
		if l.Append(e) == nil {
			t.Errorf("%s was appended", what)
		}
	}
	if got := text(t, disk, "ledger"); got != "" || l.Size() != 0 {
		t.Errorf("the ledger holds %q", got)
	}
	most := Entry{Type: Config, Time: start, Config: strings.Repeat("x", maxText)}
	for range maxList {
		most.Recipients = append(most.Recipients, strings.Repeat("x", maxText))
	}
	must(t, l.Append(most)) // all limits together fit into a line
}

// An entry costs one write and one sync.
func TestCheap(t *testing.T) {
	key, _ := unit(t)
	disk := durabletest.NewDisk(1)
	l := mustOpen(t, disk, key)
	defer l.Close()
	before := disk.Ops()
	for i := range 50 {
		must(t, l.Append(started(i)))
	}
	if got := disk.Ops() - before; got != 100 {
		t.Errorf("50 entries took %d operations, want 100", got)
	}
	must(t, l.SaveHead())
	before = disk.Ops()
	must(t, l.SaveHead())
	if disk.Ops() != before {
		t.Error("a head that is saved is saved again")
	}
}

// A long ledger continues in new files, as one tree; a limited number of files is kept.
func TestContinues(t *testing.T) {
	key, known := unit(t)
	disk := durabletest.NewDisk(1)
	l, err := open(disk, "ledger", origin, key, true, 2000)
	must(t, err)
	var lines []string
	for i := range 100 {
		if i%17 == 0 { // opened again in between, tidily or not
			if i%2 == 0 {
				must(t, l.Close())
			}
			l, err = open(disk, "ledger", origin, key, true, 2000)
			must(t, err)
		}
		must(t, l.Append(started(i)))
		now := slices.Collect(strings.Lines(text(t, disk, "ledger")))
		if len(now) == 2 && strings.Contains(now[0], continued) {
			lines = append(lines, now[0])
		}
		lines = append(lines, now[len(now)-1])
		wantHead(t, l.Head(), known, lines)
	}
	must(t, l.Close())
	var stored strings.Builder
	entries, err := disk.ReadDir(".")
	must(t, err)
	parts := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "ledger.0") {
			parts++
			stored.WriteString(text(t, disk, e.Name()))
		}
		if info, _ := e.Info(); info.Size() > 2100 {
			t.Errorf("%s has %d bytes", e.Name(), info.Size())
		}
	}
	stored.WriteString(text(t, disk, "ledger"))
	if stored.String() != strings.Join(lines, "") {
		t.Errorf("the %d files together are not what was written", parts)
	}
	if parts < 5 {
		t.Errorf("only %d files", parts)
	}

	l, err = open(disk, "ledger", origin, key, true, 500)
	must(t, err)
	for i := range 100 {
		must(t, l.Append(started(i)))
	}
	entries, _ = disk.ReadDir(".")
	if len(entries) != maxParts+2 || l.Broken() != nil {
		t.Errorf("%d files in all (%v), want %d", len(entries), l.Broken(), maxParts+2)
	}
	must(t, l.Close())
}

// The torn end of a write was never acknowledged and is cut off.
func TestTornTail(t *testing.T) {
	key, known := unit(t)
	for _, tail := range []string{"{", `{"type":"started"`, "\x00\x00\x00", "rubbish\nrubbish\n\n",
		strings.Repeat("x", 3*maxLine)} {
		disk := durabletest.NewDisk(1)
		l := mustOpen(t, disk, key)
		for i := range 3 {
			must(t, l.Append(started(i)))
		}
		if len(tail)%2 == 0 {
			must(t, l.SaveHead())
		}
		whole := text(t, disk, "ledger")
		must(t, l.Close())
		f, err := disk.Append("ledger")
		must(t, err)
		_, err = f.Write([]byte(tail))
		must(t, err)
		must(t, f.Close())
		l = mustOpen(t, disk, key)
		if l.Broken() != nil {
			t.Errorf("after %.20q: %v", tail, l.Broken())
		}
		if got := text(t, disk, "ledger"); got != whole {
			t.Errorf("after %.20q the ledger holds\n%s", tail, got)
		}
		must(t, l.Append(started(3)))
		wantHead(t, l.Head(), known, slices.Collect(strings.Lines(text(t, disk, "ledger"))))
		must(t, l.Close())
	}
}

func TestTree(t *testing.T) {
	var tr tree
	for i := range 300 {
		was := tr.root()
		next := tr.with([]byte(fmt.Sprint(i)))
		if tr.root() != was {
			t.Fatal("a tree changed when a leaf was added to its successor")
		}
		e := Entry{Size: next.size, Root: next.root().String()}
		for _, h := range next.edge {
			e.Edge = append(e.Edge, h.String())
		}
		again, err := resume(e)
		if err != nil || !again.is(next.head()) {
			t.Fatalf("size %d does not resume: %v", next.size, err)
		}
		e.Edge[0] = tlog.Hash{}.String()
		if _, err := resume(e); err == nil {
			t.Fatal("a wrong edge was resumed from")
		}
		tr = next
	}
	if _, err := resume(Entry{}); err == nil {
		t.Error("nothing was resumed from")
	}
}

// The same entries make the same bytes, so a head is checked by making it again.
func TestOpenHead(t *testing.T) {
	key, _ := unit(t)
	other, _ := unit(t)
	h := tree{}.with([]byte("x")).head()
	signed, err := h.sign(origin, key)
	must(t, err)
	if got, from, err := openHead(signed, origin, key); err != nil || got != h || from != origin {
		t.Errorf("opened %v of %s (%v), want %v", got, from, err, h)
	}
	foreign, err := h.sign(origin, other)
	must(t, err)
	for what, bad := range map[string][]byte{
		"another key": foreign, "twice": append(bytes.Clone(signed), signed...), "empty": nil, "cut": signed[:len(signed)-2],
		"other size":         bytes.Replace(signed, []byte("\n1\n"), []byte("\n2\n"), 1),
		"one more signature": append(bytes.Clone(signed), foreign[bytes.LastIndex(foreign, []byte("—")):]...),
	} {
		if _, _, err := openHead(bad, origin, key); err == nil {
			t.Errorf("%s was opened", what)
		}
	}
	for _, place := range []string{origin + "2", "tacet/high-street/room-4/ledger", origin[:len(origin)-1], ""} {
		if _, _, err := openHead(signed, place, key); err == nil {
			t.Errorf("another ledger's head was opened as one of %q", place)
		}
	}
	for id, ours := range map[string]bool{
		"/0123456789abcdef": true, "": true, "/": false, "/0123456789abcde": false, "/0123456789abcdefg": false,
		"/0123456789abcdel": false, "/0123456789ABCDEF": false, "0123456789abcdef": false, "/0123456789abcdef/": false,
	} {
		signed, err := h.sign(origin+id, key)
		must(t, err)
		if _, from, err := openHead(signed, origin, key); (err == nil) != ours || ours && from != origin+id {
			t.Errorf("a head of %q: %v, want it opened: %v", origin+id, err, ours)
		}
	}
}
