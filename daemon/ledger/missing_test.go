package ledger

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

// originIn returns the first line of a signed head.
func originIn(head []byte) string {
	first, _, _ := strings.Cut(string(head), "\n")
	return first
}

// oldLedger returns a ledger of a version without salts and IDs, and its unit's key.
func oldLedger(t *testing.T) (*durabletest.Disk, note.Signer) {
	t.Helper()
	disk := durabletest.NewDisk(1)
	for _, name := range []string{"ledger", "ledger.head", "ledger.0000000000"} {
		data, err := os.ReadFile("testdata/old/" + name)
		must(t, err)
		must(t, durable.WriteFile(disk, name, data))
	}
	data, err := os.ReadFile("testdata/old/unit.key")
	must(t, err)
	skey, _, _ := strings.Cut(string(data), "\n")
	key, err := note.NewSigner(skey)
	must(t, err)
	return disk, key
}

// A ledger of an earlier version stays valid, keeps its origin, and continues.
func TestOldLedger(t *testing.T) {
	disk, key := oldLedger(t)
	before := text(t, disk, "ledger")
	for n := range 3 {
		l, err := Open(disk, "ledger", origin, key, false)
		must(t, err)
		if l.Broken() != nil || l.Missing() != nil {
			t.Fatalf("open %d: %v, %v", n+1, l.Broken(), l.Missing())
		}
		must(t, l.Append(started(100+n)))
		if got := originIn(l.Head()); got != origin || l.Size() != int64(18+n) {
			t.Errorf("open %d: %d entries of %s, want %d of %s", n+1, l.Size(), got, 18+n, origin)
		}
		count := 0
		must(t, l.History(func(Entry) { count++ }))
		if count != 18+n {
			t.Errorf("open %d: %d entries are told of, want %d", n+1, count, 18+n)
		}
		must(t, l.Close())
	}
	added, ok := strings.CutPrefix(text(t, disk, "ledger"), before)
	if !ok || strings.Contains(before, "salt") {
		t.Error("its lines were changed")
	}
	unsalted(t, added)
}

// A change in a ledger of an earlier version is found.
func TestOldLedgerBroken(t *testing.T) {
	disk, key := oldLedger(t)
	must(t, durable.WriteFile(disk, "ledger",
		[]byte(strings.Replace(text(t, disk, "ledger"), "0000000003", "0000000004", 1))))
	l, err := Open(disk, "ledger", origin, key, false)
	must(t, err)
	defer l.Close()
	if code(l.Broken()) != "ledger-broken" {
		t.Errorf("it says %v", l.Broken())
	}
	if got := originIn(l.Head()); !anOrigin.MatchString(got) {
		t.Errorf("the new ledger's origin is %s", got)
	}
}

// A ledger keeps its origin. A new one, for whatever reason, has another.
func TestOrigins(t *testing.T) {
	key, _ := unit(t)
	disk := durabletest.NewDisk(1)
	seen := map[string]string{}
	lives := func(what string) {
		t.Helper()
		var was string
		for n := range 3 {
			l, err := open(disk, "ledger", origin, key, n == 0 && what == "the first start", room)
			must(t, err)
			for i := range 7 * n { // the last of them is continued in a new file
				must(t, l.Append(started(i)))
			}
			got := originIn(l.Head())
			if n > 0 && got != was {
				t.Errorf("%s: the origin changes from %s to %s", what, was, got)
			}
			was = got
			must(t, l.Close())
			if saved := originIn([]byte(text(t, disk, "ledger.head"))); saved != got {
				t.Errorf("%s: %s is saved as %s", what, got, saved)
			}
		}
		if other, known := seen[was]; known || !anOrigin.MatchString(was) {
			t.Errorf("%s: the origin is %s, as after %s", what, was, other)
		}
		seen[was] = what
	}
	lives("the first start")
	for what, harm := range map[string]func(){
		"a changed line":   func() { must(t, durable.WriteFile(disk, "ledger", []byte("{}\n"))) },
		"a removed ledger": func() { must(t, disk.Remove("ledger")) },
		"a removed head":   func() { must(t, disk.Remove("ledger.head")) },
		"both removed":     func() { must(t, disk.Remove("ledger")); must(t, disk.Remove("ledger.head")) },
		"another's head": func() {
			must(t, durable.WriteFile(disk, "ledger.head",
				[]byte(strings.Replace(text(t, disk, "ledger.head"), "room-3", "room-4", 2))))
		},
	} {
		harm()
		lives(what)
	}
}

// A restart that was interrupted before its head was saved gets a new origin, because nobody has
// seen a head of it, although the saved head is that of the ledger before. So too if both have one
// entry.
func TestOriginAfterAnInterruptedRestart(t *testing.T) {
	for _, entries := range []int{1, 2, 5} {
		for n := range 40 {
			key, known := unit(t)
			disk := durabletest.NewDisk(uint64(n))
			l := mustOpen(t, disk, key)
			for i := range entries {
				must(t, l.Append(started(i)))
			}
			before := originIn(l.Head())
			must(t, l.Close())
			must(t, durable.WriteFile(disk, "ledger", []byte("{}\n")))
			disk.CutAt(n + 1)
			if l, err := Open(disk, "ledger", origin, key, false); err == nil {
				l.Close()
			}
			disk = disk.PowerCut(100, durabletest.Sector)
			l = mustOpen(t, disk, key)
			after := originIn(l.Head())
			if after == before || originIn([]byte(text(t, disk, "ledger.head"))) != after ||
				code(l.Broken()) != "ledger-broken" {
				t.Errorf("%d entries, cut at %d: origin %s after %s, %v", entries, n+1, after, before, l.Broken())
			}
			wantHead(t, l.Head(), known, strings.SplitAfter(strings.TrimSuffix(text(t, disk, "ledger"), "\n"), "\n"))
			must(t, l.Close())
		}
	}
}

// Lines don't pass for signed if the first line of a restart is put before them.
func TestForgedRestart(t *testing.T) {
	disk, key, signed := aLedger(t, 1)
	forged := fmt.Sprintf(`{"type":"broken","time":"2026-11-21T14:03:22Z","root":"%s","size":%d,"why":"x"}`+"\n",
		signed.root, signed.size)
	forged += `{"type":"released","time":"2026-11-21T14:03:22Z","id":"0000000007"}` + "\n"
	must(t, durable.WriteFile(disk, "ledger", []byte(forged)))
	wantBroken(t, disk, key, forged, signed)
}

// A unit with a key and no ledger reports that, whatever is left, until somebody removes the marker
// file. A first start reports nothing.
func TestMissing(t *testing.T) {
	for what, c := range map[string]struct {
		first bool
		harm  func(disk *durabletest.Disk)
		want  string
	}{
		"the first start": {true, func(d *durabletest.Disk) { empty(t, d) }, ""},
		"all removed":     {false, func(d *durabletest.Disk) { empty(t, d) }, "ledger-new"},
		"both removed": {false, func(d *durabletest.Disk) {
			must(t, d.Remove("ledger"))
			must(t,
				d.Remove("ledger.head"))
		}, "ledger-new"},
		"emptied, and the head removed": {false, func(d *durabletest.Disk) {
			must(t, durable.WriteFile(d, "ledger", nil))
			must(t, d.Remove("ledger.head"))
		}, "ledger-new"},
		"nothing removed": {false, func(*durabletest.Disk) {}, ""},
	} {
		t.Run(what, func(t *testing.T) {
			disk, key, _ := aLedger(t, 1)
			c.harm(disk)
			for n := range 3 {
				l, err := Open(disk, "ledger", origin, key, c.first && n == 0)
				must(t, err)
				if got := string(code(l.Missing())); got != c.want || l.Broken() != nil {
					t.Errorf("open %d says %q (and %v), want %q", n+1, got, l.Broken(), c.want)
				}
				must(t, l.Append(started(n)))
				must(t, l.Close())
			}
			now := text(t, disk, "ledger")
			if n := strings.Count(now, `"type":"missing"`); n != strings.Count(c.want, "ledger-new") || n == 1 &&
				!strings.HasPrefix(now, `{"type":"missing"`) {
				t.Errorf("the ledger says it %d times:\n%s", n, now)
			}
			if c.want == "" {
				return
			}
			must(t, disk.Remove("ledger.new"))
			l, err := Open(disk, "ledger", origin, key, false)
			must(t, err)
			if l.Missing() != nil {
				t.Errorf("with the file taken away it still says %v", l.Missing())
			}
			must(t, l.Close())
		})
	}
}

func empty(t *testing.T, disk *durabletest.Disk) {
	t.Helper()
	entries, err := disk.ReadDir(".")
	must(t, err)
	for _, e := range entries {
		must(t, disk.Remove(e.Name()))
	}
}

// Whatever fails while a missing ledger is replaced, and whenever the power fails: it is reported,
// and recorded once.
func TestMissingAndFaults(t *testing.T) {
	for n := range 30 {
		for _, cut := range []bool{false, true} {
			for _, keep := range []int{0, 50, 100} {
				key, _ := unit(t)
				disk := durabletest.NewDisk(uint64(n))
				if cut {
					disk.CutAt(n + 1)
				} else {
					disk.FailAt(n+1, durabletest.Faults()[n%4], n%2 == 0)
				}
				if l, err := Open(disk, "ledger", origin, key, false); err == nil {
					l.Close()
				}
				disk.Mend()
				disk = disk.PowerCut(keep, durabletest.Sector)
				l, err := Open(disk, "ledger", origin, key, false)
				must(t, err)
				when := fmt.Sprintf("operation %d (cut: %v, kept: %d %%)", n+1, cut, keep)
				if code(l.Missing()) != "ledger-new" || l.Broken() != nil {
					t.Errorf("%s: %v, %v", when, l.Missing(), l.Broken())
				}
				if now := text(t, disk, "ledger"); strings.Count(now, "\n") != 1 || !strings.HasPrefix(now, `{"type":"missing"`) {
					t.Errorf("%s: the ledger is\n%s", when, now)
				}
				must(t, l.Close())
				if v := disk.Violations(); len(v) > 0 {
					t.Errorf("%s: %q", when, v)
				}
			}
		}
	}
}
