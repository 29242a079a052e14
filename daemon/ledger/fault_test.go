package ledger

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
)

// room is a limit at which a ledger of these tests is continued two or three times.
const room = 1200

// keeper uses a ledger as the daemon does, and remembers what was acknowledged.
type keeper struct {
	disk  *durabletest.Disk
	key   note.Signer
	acked []string // entries that Append returned nil for, in order
	tried map[string]bool
	next  int
	frail bool // its process dies of the first error
	born  bool // its unit's key was made in an earlier start
}

// life is a start, entries, and an end. Each entry is tried up to three times, with a new number
// each time. life returns when the disk dies.
func (k *keeper) life(entries int, saves bool) {
	l, err := open(k.disk, "ledger", origin, k.key, !k.born, room)
	defer func() { k.born = true }()
	for try := 0; err != nil && try < 3; try++ {
		l, err = open(k.disk, "ledger", origin, k.key, !k.born, room)
	}
	if err != nil {
		return
	}
	for i := range entries {
		for range 3 {
			e := started(k.next)
			k.next++
			k.tried[e.ID] = true
			if err := l.Append(e); err == nil {
				k.acked = append(k.acked, e.ID)
				break
			} else if k.frail {
				return
			}
		}
		if saves && i%3 == 0 {
			l.SaveHead()
		}
	}
	l.Close()
}

// check opens the ledger on a healthy disk and compares it with what was acknowledged.
func (k *keeper) check(t *testing.T, when string) {
	t.Helper()
	if v := k.disk.Violations(); len(v) > 0 {
		t.Fatalf("%s: %q", when, v)
	}
	l, err := open(k.disk, "ledger", origin, k.key, !k.born, room)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	defer l.Close()
	if err := l.Broken(); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	var have []string
	entries, err := k.disk.ReadDir(".")
	must(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "ledger.0") {
			have = append(have, ids(t, k.disk, e.Name())...)
		}
	}
	// A file that was being continued may exist under both names.
	last := ids(t, k.disk, "ledger")
	if len(last) > 0 {
		if at := slices.Index(have, last[0]); at >= 0 {
			have = have[:at]
		}
	}
	have = append(have, last...)
	at := 0
	for _, id := range have {
		if !k.tried[id] {
			t.Fatalf("%s: entry %s was never written", when, id)
		}
		if at < len(k.acked) && k.acked[at] == id {
			at++
		}
	}
	if at < len(k.acked) {
		t.Fatalf("%s: %d of %d entries that were promised are lost or out of order: want %v, have %v",
			when, len(k.acked)-at, len(k.acked), k.acked, have)
	}
}

func newKeeper(t *testing.T, seed uint64) *keeper {
	key, _ := unit(t)
	return &keeper{disk: durabletest.NewDisk(seed), key: key, tried: map[string]bool{}}
}

// operations returns the number of disk operations of a second life.
func operations(t *testing.T, entries int) int {
	k := newKeeper(t, 0)
	k.life(entries, true)
	before := k.disk.Ops()
	k.life(entries, true)
	return k.disk.Ops() - before
}

// Whichever operation fails, and however: nothing acknowledged is lost, no failed file is written,
// and the ledger goes on.
func TestEveryOperationFails(t *testing.T) {
	for n := range operations(t, 12) {
		for i, fault := range durabletest.Faults() {
			if i%2 != n%2 && os.Getenv("TACET_SOAK") == "" {
				continue // half of the kinds at each operation: the ledger makes no difference between them
			}
			for _, done := range []bool{false, true} {
				when := fmt.Sprintf("operation %d fails with %v (done: %v)", n+1, fault, done)
				k := newKeeper(t, uint64(n))
				k.life(12, true)
				k.disk.FailAt(n+1, fault, done)
				k.life(12, true)
				if want := 24; len(k.acked) < want {
					t.Errorf("%s: only %d of %d entries got through", when, len(k.acked), want)
				}
				k.disk.Mend()
				// At once, after the process was killed, and after a power cut.
				disk := k.disk
				k.check(t, when)
				k.disk = disk.Kill()
				k.check(t, when+", then a kill")
				k.disk = k.disk.PowerCut(0, durabletest.Sector)
				k.check(t, when+", then a power cut")
				if n := disk.Handles(); n != 0 {
					t.Errorf("%s: %d files left open", when, n)
				}
			}
		}
	}
}

// A sync fails, the process dies of it before a repair, and its successor goes on. What that
// acknowledges is kept, although the line before it can be read and never reached the disk.
func TestFailedSyncThenDeath(t *testing.T) {
	for n := 1; n <= 12; n++ {
		for _, frail := range []bool{false, true} {
			for _, keep := range []int{0, 50} {
				k := newKeeper(t, uint64(n))
				k.life(5, false)
				k.disk.FailOn("sync", n, errors.New("failed"), false)
				k.frail = frail
				k.life(6, false)
				k.disk = k.disk.Kill()
				k.life(3, false)
				k.disk = k.disk.PowerCut(keep, durabletest.Sector)
				k.check(t, fmt.Sprintf("sync %d fails, keep %d %%, frail %v", n, keep, frail))
			}
		}
	}
}

// Whenever the power fails: what was acknowledged is there, and at most one entry more.
func TestEveryOperationIsCut(t *testing.T) {
	rounds := uint64(2)
	if os.Getenv("TACET_SOAK") != "" {
		rounds = 100
	}
	for n := range operations(t, 12) {
		for seed := range rounds {
			for _, keep := range []int{0, 50, 100} {
				when := fmt.Sprintf("cut at operation %d, keep %d %%, seed %d", n+1, keep, seed)
				k := newKeeper(t, seed)
				k.life(12, true)
				k.disk.CutAt(n + 1)
				k.life(12, seed%2 == 0)
				tear := durabletest.Sector
				if seed%2 == 0 {
					tear = durabletest.Page
				}
				k.disk = k.disk.PowerCut(keep, tear)
				k.check(t, when)
				k.life(3, true)
				k.check(t, when+", and after the next life")
			}
		}
	}
}

// A disk that dies causes errors and no panic; once it is back it is used again.
func TestDiskDies(t *testing.T) {
	for n := range operations(t, 6) {
		k := newKeeper(t, 1)
		k.life(6, true)
		k.disk.FailFrom(n+1, errors.New("dead"))
		l, err := open(k.disk, "ledger", origin, k.key, !k.born, room)
		if err != nil {
			if code(err) != "ledger-error" {
				t.Errorf("open on a dead disk: %v", err)
			}
			continue
		}
		var failed error
		for i := 0; i < 20 && failed == nil; i++ {
			e := started(k.next)
			k.next++
			k.tried[e.ID] = true
			if failed = l.Append(e); failed == nil {
				k.acked = append(k.acked, e.ID)
			}
		}
		if code(failed) != "ledger-error" {
			t.Errorf("dead from operation %d on: %v", n+1, failed)
		}
		k.disk.Mend()
		e := started(k.next)
		k.tried[e.ID] = true
		must(t, l.Append(e))
		k.acked = append(k.acked, e.ID)
		must(t, l.Close())
		k.check(t, "after it came back")
	}
}

func code(err error) health.Code {
	var c interface{ Code() health.Code }
	if errors.As(err, &c) {
		return c.Code()
	}
	return ""
}

// A broken ledger is found at open and put aside unchanged, and the unit goes on; Broken keeps
// reporting it.
func TestBroken(t *testing.T) {
	lines := func(change func([]string) []string) func(string) string {
		return func(s string) string { return strings.Join(change(slices.Collect(strings.Lines(s))), "") }
	}
	for what, change := range map[string]func(string) string{
		"a changed byte":     func(s string) string { return strings.Replace(s, "0000000003", "0000000004", 1) },
		"a line removed":     lines(func(l []string) []string { return slices.Delete(l, 2, 3) }),
		"a line added":       lines(func(l []string) []string { return slices.Insert(l, 2, l[0]) }),
		"lines swapped":      lines(func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }),
		"the end cut off":    lines(func(l []string) []string { return l[:len(l)-1] }),
		"a damaged line":     func(s string) string { return strings.Replace(s, "0000000003", "00000\n0003", 1) },
		"zeros at the start": func(s string) string { return strings.Repeat("\x00", 100) + s[100:] },
		"emptied":            func(string) string { return "" },
		"much too long":      func(s string) string { return strings.Repeat(s, 30000) },
	} {
		t.Run(what, func(t *testing.T) {
			disk, key, signed := aLedger(t, 1)
			was := change(text(t, disk, "ledger"))
			must(t, durable.WriteFile(disk, "ledger", []byte(was)))
			wantBroken(t, disk, key, was, signed)
		})
	}
	t.Run("a damaged line after the saved head", func(t *testing.T) {
		disk, key, signed := aLedger(t, 1)
		l := mustOpen(t, disk, key)
		for i := range 3 {
			must(t, l.Append(started(10+i)))
		}
		was := strings.Replace(text(t, disk, "ledger"), "0000000011", "00000\n0011", 1)
		must(t, durable.WriteFile(disk, "ledger", []byte(was)))
		wantBroken(t, disk, key, was, signed)
	})
	t.Run("removed", func(t *testing.T) {
		disk, key, signed := aLedger(t, 1)
		must(t, disk.Remove("ledger"))
		wantBroken(t, disk, key, "", signed)
	})
	t.Run("its head removed", func(t *testing.T) {
		disk, key, _ := aLedger(t, 1)
		must(t, disk.Remove("ledger.head"))
		wantBroken(t, disk, key, text(t, disk, "ledger"), head{})
	})
	t.Run("its head changed", func(t *testing.T) {
		disk, key, _ := aLedger(t, 1)
		h := text(t, disk, "ledger.head")
		must(t, durable.WriteFile(disk, "ledger.head", []byte(strings.Replace(h, "\n5\n", "\n4\n", 1))))
		wantBroken(t, disk, key, text(t, disk, "ledger"), head{})
	})
	t.Run("another key", func(t *testing.T) {
		disk, _, _ := aLedger(t, 1)
		key, _ := unit(t)
		wantBroken(t, disk, key, text(t, disk, "ledger"), head{})
	})
}

// aLedger makes one of five entries, closed, and returns what its head says.
func aLedger(t *testing.T, seed uint64) (*durabletest.Disk, note.Signer, head) {
	t.Helper()
	key, _ := unit(t)
	disk := durabletest.NewDisk(seed)
	l := mustOpen(t, disk, key)
	for i := range 5 {
		must(t, l.Append(started(i)))
	}
	h := l.tree.head()
	must(t, l.Close())
	return disk, key, h
}

func wantBroken(t *testing.T, disk *durabletest.Disk, key note.Signer, was string, signed head) {
	t.Helper()
	for try := range 2 {
		l := mustOpen(t, disk, key)
		if code(l.Broken()) != "ledger-broken" {
			t.Fatalf("open %d says %v", try+1, l.Broken())
		}
		must(t, l.Append(started(100+try)))
		must(t, l.Close())
	}
	now := text(t, disk, "ledger")
	for _, want := range []string{
		`{"type":"broken","time":"`, `"why":"`, "0000000100", "0000000101",
		fmt.Sprintf(`"size":%d`, signed.size), signed.root.String(),
	} {
		if signed == (head{}) && (strings.Contains(want, "size") || want == signed.root.String()) {
			continue
		}
		if !strings.Contains(now, want) {
			t.Errorf("the new ledger says nothing of %s:\n%s", want, now)
		}
	}
	if n := strings.Count(now, "\n"); n != 3 {
		t.Errorf("the new ledger has %d lines, want 3", n)
	}
	if len(was) > 4*maxFile {
		was = was[:4*maxFile]
	}
	if got := text(t, disk, "ledger.broken.1"); got != was {
		t.Errorf("what was put aside is not what was there: %d bytes, want %d", len(got), len(was))
	}
	if _, err := disk.Stat("ledger.broken.2"); err == nil {
		t.Error("it was put aside twice")
	}
	must(t, disk.Remove("ledger.broken.1"))
	l := mustOpen(t, disk, key)
	if l.Broken() != nil {
		t.Errorf("with the files taken away it still says %v", l.Broken())
	}
	must(t, l.Close())
}

// Whenever the power fails while a broken ledger is put aside: the evidence is kept, and Broken
// reports it.
func TestBrokenAndCut(t *testing.T) {
	for n := range 40 {
		for seed := range uint64(5) {
			disk, key, signed := aLedger(t, seed)
			was := strings.Replace(text(t, disk, "ledger"), "0000000003", "0000000004", 1)
			must(t, durable.WriteFile(disk, "ledger", []byte(was)))
			disk.CutAt(n + 1)
			if l, err := Open(disk, "ledger", origin, key, false); err == nil {
				l.Close()
			}
			disk = disk.PowerCut(50, durabletest.Sector)
			l := mustOpen(t, disk, key)
			if code(l.Broken()) != "ledger-broken" {
				t.Errorf("cut at %d: %v", n+1, l.Broken())
			}
			must(t, l.Close())
			for _, name := range l.Broken().(*BrokenError).Kept {
				if got := text(t, disk, name); got != was {
					t.Errorf("cut at %d: what was put aside in %s is not what was there", n+1, name)
				}
			}
			if now := text(t, disk, "ledger"); !strings.Contains(now, signed.root.String()) || strings.Count(now, "\n") != 1 {
				t.Errorf("cut at %d: the new ledger is\n%s", n+1, now)
			}
		}
	}
}

// The number of ledgers put aside is limited, and the first ones are kept.
func TestAsideIsBounded(t *testing.T) {
	disk, key, _ := aLedger(t, 1)
	for i := range 20 {
		must(t, durable.WriteFile(disk, "ledger", []byte(fmt.Sprintf("bad %d\n", i))))
		must(t, mustOpen(t, disk, key).Close())
	}
	entries, err := disk.ReadDir(".")
	must(t, err)
	if len(entries) != maxAside+2 {
		t.Errorf("%d files, want %d", len(entries), maxAside+2)
	}
	if got := text(t, disk, "ledger.broken.1"); got != "bad 0\n" {
		t.Errorf("the first that was put aside now holds %q", got)
	}
}

// stuck is a disk on which no new ledger ever gets its name. It counts what is written.
type stuck struct {
	durable.FS
	written *int
}

func (s stuck) Create(name string) (durable.File, error) {
	f, err := s.FS.Create(name)
	return stuckFile{f, s.written}, err
}

func (s stuck) Rename(from, to string) error {
	if to == "ledger" {
		return errors.New("refused")
	}
	return s.FS.Rename(from, to)
}

type stuckFile struct {
	durable.File
	written *int
}

func (f stuckFile) Write(b []byte) (int, error) {
	*f.written += len(b)
	return f.File.Write(b)
}

// A broken ledger is put aside once, however often the next step fails; if it changes meanwhile it
// is put aside again.
func TestPutAsideOnce(t *testing.T) {
	disk, key, _ := aLedger(t, 1)
	broken := strings.Replace(text(t, disk, "ledger"), "started", "altered", 1)
	must(t, durable.WriteFile(disk, "ledger", []byte(broken)))
	written := 0
	for range 100 {
		if _, err := Open(stuck{disk, &written}, "ledger", origin, key, false); err == nil {
			t.Fatal("it was opened")
		}
	}
	const entry = 500
	if written > len(broken)+100*entry {
		t.Errorf("%d bytes were written, of a ledger of %d", written, len(broken))
	}
	if _, err := disk.Stat("ledger.broken.2"); err == nil || text(t, disk, "ledger.broken.1") != broken {
		t.Error("it was put aside twice, or not as it was")
	}
	for i, other := range []string{broken + "x", strings.Replace(broken, "started", "changed", 1), broken[1:]} {
		must(t, durable.WriteFile(disk, "ledger", []byte(other)))
		if _, err := Open(stuck{disk, &written}, "ledger", origin, key, false); err == nil {
			t.Fatal("it was opened")
		}
		if text(t, disk, fmt.Sprintf("ledger.broken.%d", i+2)) != other {
			t.Errorf("what has changed since was not put aside: %q", other)
		}
	}
}
