//go:build unix

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// put writes a file to the disk as a start may find it.
func put(t testing.TB, disk *durabletest.Disk, name string, data []byte) {
	t.Helper()
	check(t, durable.WriteFile(disk, name, data))
}

// recoverOne expects one file to be recovered, and returns the result.
func recoverOne(t testing.TB, disk *durabletest.Disk, a actors) Recovered {
	t.Helper()
	found, err := open(t, disk).Recover(a.unit.Signer, "boot-2")
	check(t, err)
	if len(found) != 1 {
		t.Fatalf("recovered %+v", found)
	}
	again, err := open(t, disk).Recover(a.unit.Signer, "boot-3")
	check(t, err)
	if found[0].Err == nil && len(again) != 0 {
		t.Errorf("recovered once more: %+v", again)
	}
	return found[0]
}

// A recording that was cut off is closed, a complete one is left as it is, an empty one is removed.
func TestRecover(t *testing.T) {
	a := cast(t)
	r := a.write(t, 4, 300)
	whole := r.all()
	head, upTo2 := len(r.pieces[0]), len(r.pieces[0])+len(r.pieces[1])+len(r.pieces[2])
	for _, test := range []struct {
		what  string
		data  []byte
		state recording.State
		code  health.Code
	}{
		{"cut after a segment", whole[:upTo2], recording.Interrupted, "recording-interrupted"},
		{"cut within a segment", whole[:upTo2-300], recording.Interrupted, "recording-interrupted"},
		{"with a tail of zeros", append(bytes.Clone(whole[:upTo2]), make([]byte, 5000)...), recording.Interrupted,
			"recording-interrupted"},
		{"cut after the head", whole[:head], recording.Interrupted, "recording-interrupted"},
		{"cut within the end", whole[:len(whole)-1500], recording.Interrupted, "recording-interrupted"},
		{"cut within the zeros", whole[:len(whole)-100], recording.Whole, ""},
		{"whole", whole, recording.Whole, ""},
		{"whole, with its last segment lost",
			slices.Replace(bytes.Clone(whole), upTo2+1024, upTo2+1536, make([]byte, 512)...),
			recording.Interrupted, "recording-damaged"},
	} {
		disk := durabletest.NewDisk(1)
		put(t, disk, r.name, test.data)
		got := recoverOne(t, disk, a)
		if got.Err != nil || got.Removed || got.Name != r.name || got.ID == "" || got.Code() != test.code {
			t.Errorf("%s: %+v (%q)", test.what, got, got.Code())
			continue
		}
		if s := state(t, disk, r.name); s != test.state {
			t.Errorf("%s: %v, want %v", test.what, s, test.state)
		}
		if st, _ := disk.Stat(r.name); !durable.Frozen(st) {
			t.Errorf("%s: not finished", test.what)
		}
		disk = disk.PowerCut(0, durabletest.Sector)
		if s := state(t, disk, r.name); s != test.state {
			t.Errorf("%s: after a power cut it is %v", test.what, s)
		}
		if v := disk.Violations(); len(v) > 0 {
			t.Errorf("%s: %q", test.what, v)
		}
	}
	for what, data := range map[string][]byte{"empty": nil, "half a head": whole[:head/2], "zeros": make([]byte, 9000)} {
		disk := durabletest.NewDisk(1)
		put(t, disk, r.name, data)
		if got := recoverOne(t, disk, a); !got.Removed || got.Err != nil || got.Code() != "" {
			t.Errorf("%s: %+v", what, got)
		}
		if left := names(t, disk.PowerCut(0, durabletest.Sector)); len(left) != 0 {
			t.Errorf("%s: left %v", what, left)
		}
	}
}

// Old bytes with damage that no power cut explains are kept, even if the power fails meanwhile, up to
// the limit.
func TestKeptAside(t *testing.T) {
	a := cast(t)
	r := a.write(t, 4, 300)
	at := len(r.pieces[0]) + 600
	damaged := slices.Replace(bytes.Clone(r.all()), at, at+8, []byte("DAMAGED!")...)
	headless := bytes.Clone(r.all())
	clear(headless[:len(r.pieces[0])])
	for what, old := range map[string][]byte{"damaged": damaged, "headless": headless} {
		for n := range 50 {
			for _, keep := range []int{0, 50, 100} {
				disk := durabletest.NewDisk(uint64(n))
				put(t, disk, r.name, old)
				s := open(t, disk)
				disk.CutAt(n + 1)
				s.Recover(a.unit.Signer, "boot-2")
				disk = disk.PowerCut(keep, durabletest.Sector)
				if got, err := open(t, disk).Recover(a.unit.Signer, "boot-3"); err != nil {
					t.Fatal(err)
				} else if n == 0 && (len(got) != 1 || got[0].Aside != r.name+damagedSuffix ||
					got[0].Code() != "recording-damaged") {
					t.Errorf("%s: %+v", what, got)
				}
				if got := bytesOf(t, disk, r.name+damagedSuffix); !bytes.Equal(got, old) {
					t.Fatalf("%s, cut at %d: the old bytes are not kept", what, n+1)
				}
				want := []string{r.name, r.name + damagedSuffix}
				if what == "headless" {
					want = want[1:]
				} else if s := state(t, disk, r.name); s != recording.Interrupted {
					t.Fatalf("%s, cut at %d: %v", what, n+1, s)
				}
				if got := names(t, disk); !slices.Equal(got, want) {
					t.Fatalf("%s, cut at %d: there is %v, want %v", what, n+1, got, want)
				}
			}
		}
	}

	// A killed process left a name that is not on disk yet; then the power fails.
	for n := range 40 * 20 {
		disk := durabletest.NewDisk(uint64(n))
		put(t, disk, r.name, damaged)
		f, err := disk.Create(r.name + damagedSuffix)
		check(t, err)
		_, err = f.Write(damaged)
		check(t, errors.Join(err, f.Sync(), f.Close()))
		s := open(t, disk)
		disk.CutAt(n/20 + 1)
		s.Recover(a.unit.Signer, "boot-2")
		disk = disk.PowerCut(50, durabletest.Sector)
		if _, err := open(t, disk).Recover(a.unit.Signer, "boot-3"); err != nil {
			t.Fatal(err)
		}
		if got := bytesOf(t, disk, r.name+damagedSuffix); !bytes.Equal(got, damaged) {
			t.Fatalf("killed, and the power cut at %d: the old bytes are not kept", n/20+1)
		}
	}

	disk := durabletest.NewDisk(1)
	for range maxDamaged - 1 {
		put(t, disk, recording.Name(recordingtest.Started, "room-3", recording.NewID())+damagedSuffix, nil)
	}
	put(t, disk, r.name+damagedSuffix, damaged) // kept before an interruption
	put(t, disk, r.name, damaged)
	if got := recoverOne(t, disk, a); got.Err != nil || got.Aside == "" {
		t.Errorf("what was kept before: %+v", got)
	}
	r = a.write(t, 4, 300)
	damaged = slices.Replace(bytes.Clone(r.all()), at, at+8, []byte("DAMAGED!")...)
	put(t, disk, r.name, damaged)
	if got := recoverOne(t, disk, a); got.Err == nil || got.Code() != "recording-unfinished" ||
		!strings.Contains(got.Err.Error(), "remove them") {
		t.Errorf("one too many: %+v", got)
	}
	if !bytes.Equal(bytesOf(t, disk, r.name), damaged) || len(names(t, disk)) != maxDamaged+2 {
		t.Errorf("one too many: it was touched, or something lost: %v", names(t, disk))
	}
}

// A recording that can't be recovered stays as it is, and doesn't stop the others.
func TestRecoverFails(t *testing.T) {
	a := cast(t)
	other := cast(t).write(t, 2, 300) // of another unit
	r := a.write(t, 2, 300)
	disk := durabletest.NewDisk(1)
	put(t, disk, other.name, other.pieces[0])
	put(t, disk, r.name, r.pieces[0])
	found, err := open(t, disk).Recover(a.unit.Signer, "boot-2")
	check(t, err)
	for _, f := range found {
		if failed := f.Err != nil; failed != (f.Name == other.name) {
			t.Errorf("%+v", f)
		}
	}
	if !bytes.Equal(bytesOf(t, disk, other.name), other.pieces[0]) {
		t.Error("another unit's recording was changed")
	}
	if s := state(t, disk, r.name); s != recording.Interrupted {
		t.Errorf("the unit's own is %v", s)
	}

	disk = durabletest.NewDisk(1)
	put(t, disk, r.name, r.all()[:len(r.all())-2000])
	disk.Full(1000)
	got := recoverOne(t, disk, a)
	var e *Error
	if !errors.As(got.Err, &e) || e.Kind != Full {
		t.Errorf("without room: %+v", got)
	}
	if left := names(t, disk); len(left) != 1 {
		t.Errorf("without room: left %v", left)
	}
	disk.Mend()
	if got := recoverOne(t, disk, a); got.Err != nil {
		t.Errorf("with room again: %+v", got)
	}
	disk.FailFrom(1, syscall.EIO)
	if _, err := (&Spool{fs: disk, live: map[string]*File{}, failed: map[string]*failure{}}).Recover(a.unit.Signer,
		"boot-4"); err == nil {
		t.Error("recovered on a dead disk")
	}
}

// liar is a disk that writes something other than it was given.
type liar struct{ durable.FS }

func (l liar) Create(name string) (durable.File, error) {
	f, err := l.FS.Create(name)
	return lie{f}, err
}

type lie struct{ durable.File }

func (l lie) Write(b []byte) (int, error) {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return l.File.Write(b)
}

// The old file is replaced only by a new one that was read back and verified.
func TestRecoverProves(t *testing.T) {
	a := cast(t)
	r := a.write(t, 3, 300)
	old := r.all()[:len(r.all())-3000]
	disk := durabletest.NewDisk(1)
	put(t, disk, r.name, old)
	found, err := open(t, liar{disk}).Recover(a.unit.Signer, "boot-2")
	check(t, err)
	if len(found) != 1 || found[0].Err == nil || found[0].Code() != "recording-unfinished" {
		t.Errorf("recovered %+v", found)
	}
	if !bytes.Equal(bytesOf(t, disk, r.name), old) || len(names(t, disk)) != 1 {
		t.Errorf("the old file was touched, or something left: %v", names(t, disk))
	}
}

// A recording whose file failed is finished in the same process, but not while it is live.
func TestRecoverInLife(t *testing.T) {
	a := cast(t)
	r := a.write(t, 6, 300)
	disk := durabletest.NewDisk(1)
	s := open(t, disk)
	f, err := s.Create(r.name)
	check(t, err)
	check(t, f.Append(r.pieces[0]))
	check(t, f.Append(r.pieces[1]))
	disk.FailOn("sync", 1, syscall.EIO, false)
	if f.Append(r.pieces[2]) == nil {
		t.Fatal("the sync did not fail")
	}
	if found, err := s.Recover(a.unit.Signer, "boot"); err != nil || len(found) != 0 {
		t.Errorf("recovered while it is open: %+v (%v)", found, err)
	}
	check(t, f.Close())
	if got := recoverOne(t, disk, a); got.Err != nil || got.Segments < 2 {
		t.Errorf("%+v", got)
	}
	disk = disk.PowerCut(0, durabletest.Sector)
	if s := state(t, disk, r.name); s != recording.Interrupted {
		t.Errorf("after a power cut it is %v", s)
	}
	if v := disk.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// Whichever operation fails during recovery, and however: nothing is lost, and the next try succeeds.
func TestRecoverWithFaults(t *testing.T) {
	a := cast(t)
	r := a.write(t, 5, 700)
	old := r.all()[:len(r.all())-3000]
	clean := durabletest.NewDisk(1)
	put(t, clean, r.name, old)
	from := clean.Ops()
	recoverOne(t, clean, a)
	for n := range clean.Ops() - from {
		for _, fault := range durabletest.Faults() {
			for _, done := range []bool{false, true} {
				when := fmt.Sprintf("operation %d fails with %v (done: %v)", n+1, fault, done)
				disk := durabletest.NewDisk(uint64(n))
				put(t, disk, r.name, old)
				s := open(t, disk)
				disk.FailAt(n+1, fault, done)
				s.Recover(a.unit.Signer, "boot-2")
				disk.Mend()
				if v := disk.Violations(); len(v) > 0 || disk.Handles() != 0 {
					t.Fatalf("%s: violations %q, %d files open", when, v, disk.Handles())
				}
				if n%2 == 0 {
					disk = disk.PowerCut(50, durabletest.Sector)
				}
				found, err := open(t, disk).Recover(a.unit.Signer, "boot-3")
				if err != nil || len(found) > 1 || len(found) == 1 && found[0].Err != nil {
					t.Fatalf("%s: the next try: %+v (%v)", when, found, err)
				}
				if s := state(t, disk, r.name); s != recording.Interrupted {
					t.Fatalf("%s: it is %v", when, s)
				}
				if left := names(t, disk); len(left) != 1 {
					t.Fatalf("%s: left %v", when, left)
				}
			}
		}
	}
}
