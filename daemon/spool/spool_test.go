//go:build unix

package spool

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// A recording is on disk with each Append, and read-only when it is finished.
func TestWrite(t *testing.T) {
	disk := durabletest.NewDisk(1)
	s, r := open(t, disk), cast(t).write(t, 7, 300)
	f, err := s.Create(r.name)
	check(t, err)
	before, size := disk.Ops(), int64(0)
	for i, p := range r.pieces {
		check(t, f.Append(p))
		size += int64(len(p))
		if f.Synced() != size {
			t.Errorf("%d bytes are synced, want %d", f.Synced(), size)
		}
		if got := disk.Ops() - before; got != 2*(i+1) {
			t.Errorf("%d pieces took %d operations, want two for each", i+1, got)
		}
		list, err := s.List()
		check(t, err)
		if want := (Entry{Name: r.name, ID: r.name[len(r.name)-16 : len(r.name)-6], Size: size,
			Live: true}); len(list) != 1 || list[0] != want {
			t.Errorf("listed %+v, want %+v", list, want)
		}
		before = disk.Ops() - 2*(i+1)
	}
	if s.Remove(r.name) == nil {
		t.Error("a live recording was removed")
	}
	check(t, f.Append(nil))
	check(t, f.Close())
	check(t, f.Close())
	if err := f.Append([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("append to a closed file: %v", err)
	}
	list, err := s.List()
	check(t, err)
	if len(list) != 1 || list[0].Live || !list[0].Finished || list[0].Size != size {
		t.Errorf("listed %+v", list)
	}
	if got, live, err := s.Synced(r.name); got != size || live || err != nil {
		t.Errorf("%d bytes are synced, live %v, %v", got, live, err)
	}
	disk = disk.PowerCut(0, durabletest.Sector)
	if got := bytesOf(t, disk, r.name); !bytes.Equal(got, r.all()) {
		t.Error("after a power cut it is not what was written")
	}
	read, err := open(t, disk).Read(r.name)
	check(t, err)
	if got, err := io.ReadAll(read); err != nil || !bytes.Equal(got, r.all()) {
		t.Errorf("read %d bytes (%v)", len(got), err)
	}
	check(t, read.Close())
	if v := disk.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// After an error nothing more is written, and every Append returns that error.
func TestDeadFile(t *testing.T) {
	r := cast(t).write(t, 3, 300)
	for _, op := range []string{"write", "sync"} {
		for _, done := range []bool{false, true} {
			disk := durabletest.NewDisk(1)
			s := open(t, disk)
			f, err := s.Create(r.name)
			check(t, err)
			check(t, f.Append(r.pieces[0]))
			disk.FailOn(op, 1, syscall.EIO, done)
			first := f.Append(r.pieces[1])
			ops := disk.Ops()
			again := f.Append(r.pieces[2])
			var e *Error
			if !errors.As(first, &e) || e.Kind != Failed || first != again {
				t.Errorf("first %v, then %v", first, again)
			}
			if disk.Ops() != ops {
				t.Error("a dead file was touched")
			}
			if f.Synced() != int64(len(r.pieces[0])) {
				t.Errorf("%d bytes are synced", f.Synced())
			}
			check(t, f.Close())
			if list, _ := s.List(); len(list) != 1 || list[0].Finished || list[0].Live {
				t.Errorf("listed %+v", list)
			}
		}
	}
}

// Disk space is reserved before a recording grows into it. If the disk can't reserve it, or can't free
// it, nothing is lost.
func TestRoomSetAside(t *testing.T) {
	r := cast(t).write(t, 30, 100_000)
	for _, op := range []string{"", "reserve", "truncate"} {
		disk := durabletest.NewDisk(1)
		s := open(t, disk)
		if op != "" {
			disk.FailOn(op, 1, syscall.ENOSPC, false)
		}
		f, err := s.Create(r.name)
		check(t, err)
		before := disk.Ops()
		for _, p := range r.pieces {
			check(t, f.Append(p))
		}
		if more := disk.Ops() - before - 2*len(r.pieces); more != 2 { // beside writes and syncs
			t.Errorf("space was reserved %d times for 3 MB, want twice after the first", more)
		}
		check(t, f.Close())
		if list, err := s.List(); err != nil || len(list) != 1 || !list[0].Finished {
			t.Errorf("%s fails: listed %+v, %v", op, list, err)
		}
	}
}

// Synced returns while the disk hangs, and never more than is on it.
func TestSyncedWhileSlow(t *testing.T) {
	r := cast(t).write(t, 3, 300)
	synctest.Test(t, func(t *testing.T) {
		disk := durabletest.NewDisk(1)
		s := open(t, disk)
		f, err := s.Create(r.name)
		check(t, err)
		disk.SlowSync(6 * time.Second)
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- f.Append(r.pieces[0]) }()
		synctest.Wait()
		list, err := s.List()
		check(t, err)
		if n, _, _ := s.Synced(r.name); f.Synced() != 0 || list[0].Size != 0 || n != 0 {
			t.Errorf("synced before the disk was: %d, %d, %+v", f.Synced(), n, list[0])
		}
		check(t, <-done)
		if time.Since(start) != 6*time.Second || f.Synced() != int64(len(r.pieces[0])) {
			t.Errorf("after %v %d bytes are synced", time.Since(start), f.Synced())
		}
		check(t, f.Close())
	})
}

// After Create there is a name that is on disk, or no file.
func TestCreate(t *testing.T) {
	r := cast(t).write(t, 1, 300)
	disk := durabletest.NewDisk(1)
	s := open(t, disk)
	for _, bad := range []string{"x.tacet", "../" + r.name, r.name + ".tmp", "probe.tmp", ""} {
		if _, err := s.Create(bad); err == nil {
			t.Errorf("%q was created", bad)
		}
	}
	disk.FailOn("syncdir", 1, syscall.EIO, false)
	if _, err := s.Create(r.name); err == nil {
		t.Error("created although the folder was not synced")
	}
	if left := names(t, disk); len(left) != 0 || disk.Handles() != 0 {
		t.Errorf("left: %v, %d open", left, disk.Handles())
	}
	f, err := s.Create(r.name)
	check(t, err)
	if _, err := s.Create(r.name); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	check(t, f.Close())
	if got := names(t, disk.PowerCut(0, durabletest.Sector)); !slices.Equal(got, []string{r.name}) {
		t.Errorf("after a power cut: %v", got)
	}
}

// Remove survives a power cut, and leaves the .damaged file. A missing recording is no fault of the spool.
func TestRemove(t *testing.T) {
	r := cast(t).write(t, 2, 300)
	disk := durabletest.NewDisk(1)
	s := open(t, disk)
	keep(t, s, r)
	check(t, durable.WriteFile(disk, r.name+damagedSuffix, []byte("old")))
	check(t, s.Remove(r.name))
	if got := names(t, disk.PowerCut(0, durabletest.Sector)); !slices.Equal(got, []string{r.name + damagedSuffix}) {
		t.Errorf("left after Remove: %v", got)
	}
	s = open(t, durabletest.NewDisk(1))
	for what, err := range map[string]error{
		"removing": s.Remove(r.name), "reading": second(s.Read(r.name)), "asking": third(s.Synced(r.name)),
	} {
		var e *Error
		if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &e) {
			t.Errorf("%s what is not there: %v", what, err)
		}
	}
	if s.Remove("notes.txt") == nil || second(s.Read("notes.txt")) == nil {
		t.Error("a foreign file was used")
	}
}

func second(_ durable.File, err error) error { return err }

func third(_ int64, _ bool, err error) error { return err }

// Every kind of failure is recognised, and its error says what to do.
func TestErrors(t *testing.T) {
	r := cast(t).write(t, 1, 300)
	for _, test := range []struct {
		what  string
		order func(*durabletest.Disk)
		kind  Kind
		code  health.Code
		say   string
	}{
		{"full", func(d *durabletest.Disk) { d.Full(0) }, Full, "spool-full", "make room"},
		{"says full, and has room", func(d *durabletest.Disk) {
			d.FailOn("create", 1, syscall.ENOSPC, false)
			d.FailOn("create", 2, syscall.ENOSPC, false)
		}, Failed, "spool-error", "kernel's log"},
		{"read-only", func(d *durabletest.Disk) { d.ReadOnly(true) }, ReadOnly, "spool-readonly", "fsck"},
		{"not allowed", func(d *durabletest.Disk) { d.FailFrom(1, syscall.EACCES) }, NotAllowed, "spool-readonly",
			"service's user"},
		{"pulled", func(d *durabletest.Disk) { d.FailFrom(1, syscall.ENODEV) }, Gone, "spool-missing", "plug the disk in"},
		{"removed", func(d *durabletest.Disk) { d.FailFrom(1, syscall.ENOENT) }, Missing, "spool-missing", "never makes it"},
		{"failing", func(d *durabletest.Disk) { d.FailFrom(1, syscall.EIO) }, Failed, "spool-error", "kernel's log"},
	} {
		disk := durabletest.NewDisk(1)
		s := open(t, disk)
		test.order(disk)
		_, err := s.Create(r.name)
		var e *Error
		if !errors.As(err, &e) || e.Kind != test.kind || e.Code() != test.code || !strings.Contains(err.Error(), test.say) {
			t.Errorf("%s: %v (%+v)", test.what, err, e)
		}
		if strings.Count(err.Error(), r.name) != 1 {
			t.Errorf("%s: says it twice: %v", test.what, err)
		}
		if err := s.Probe(); err == nil {
			t.Errorf("%s: the probe sees nothing", test.what)
		}
		if test.kind != Full && test.what != "says full, and has room" && s.Check() == nil {
			t.Errorf("%s: the check sees nothing", test.what)
		}
	}
}

func TestCheckAndProbe(t *testing.T) {
	disk := durabletest.NewDisk(1)
	s := open(t, disk)
	check(t, s.Check())
	check(t, s.Probe())
	if got := names(t, disk); len(got) != 0 {
		t.Errorf("the probe left %v", got)
	}
	for n := range 8 {
		disk.FailAt(n+1, syscall.EIO, false)
		err := s.Probe()
		disk.Mend()
		if err == nil && n > 0 { // the first only removes what may be left
			t.Errorf("the probe did not notice that operation %d fails", n+1)
		}
		disk.Remove("probe.tmp")
	}
	if v := disk.Violations(); len(v) > 0 || disk.Handles() > 0 {
		t.Errorf("violations %q, %d files open", v, disk.Handles())
	}
	disk.Full(4000 * 3600)
	if left, err := s.Left(4000); left != time.Hour || err != nil {
		t.Errorf("%v left (%v), want an hour", left, err)
	}
	if left, err := s.Left(0); left != 0 || err != nil {
		t.Errorf("%v left at 0 bytes a second (%v)", left, err)
	}
	disk.Mend()
	if left, _ := s.Left(1); left < 0 {
		t.Errorf("%v left", left)
	}
	disk.FailFrom(1, syscall.EIO)
	if _, err := Open(disk); err == nil {
		t.Error("a dead disk was opened")
	}
}

// A disk that can't tell its space, or has no limit, is not full until it refuses a write.
func TestRoomUnknown(t *testing.T) {
	for what, say := range map[string]func(*durabletest.Disk){
		"unknown": func(d *durabletest.Disk) { d.SetSpace(0, 0, errors.ErrUnsupported) },
		"endless": func(d *durabletest.Disk) { d.SetSpace(math.MaxInt64, math.MaxInt64, nil) },
	} {
		disk := durabletest.NewDisk(1)
		say(disk)
		s := open(t, disk)
		check(t, s.Check())
		if free, total, err := s.Space(); free != math.MaxInt64 || total != free || err != nil {
			t.Errorf("%s: %d of %d bytes (%v)", what, free, total, err)
		}
		for _, rate := range []int64{1, 4000, 192000} {
			if left, err := s.Left(rate); left < 100*365*24*time.Hour || err != nil {
				t.Errorf("%s: at %d bytes a second %v are left (%v)", what, rate, left, err)
			}
		}
	}
	disk := durabletest.NewDisk(1)
	disk.SetSpace(0, 0, errors.ErrUnsupported)
	disk.Full(0)
	_, err := open(t, disk).Create(cast(t).write(t, 1, 300).name)
	if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != Full {
		t.Errorf("a disk that refuses a write, and can't tell its room: %v", err)
	}
}

// Foreign files in the folder are left alone, whatever their names.
func TestForeign(t *testing.T) {
	a := cast(t)
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	check(t, err)
	defer root.Close()
	other := t.TempDir() + "/target"
	check(t, os.WriteFile(other, []byte("not ours"), 0o600))
	name := func() string { return recording.Name(recordingtest.Started, "room-3", recording.NewID()) }
	check(t, os.Symlink(other, dir+"/"+name()))
	check(t, os.Symlink(other, dir+"/"+name()+".tmp"))
	check(t, os.Mkdir(dir+"/"+name(), 0o700))
	check(t, os.Mkdir(dir+"/lost+found", 0o700))
	check(t, syscall.Mkfifo(dir+"/"+name(), 0o600))
	for _, foreign := range []string{"notes.txt", "x.tacet", "x.tmp", ".hidden", "backup.tacet.tmp", name() + ".old"} {
		check(t, os.WriteFile(dir+"/"+foreign, []byte("keep me"), 0o600))
	}
	s := open(t, durable.OS(root))
	before := names(t, s.fs)
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("listed %+v (%v)", list, err)
	}
	if found, err := s.Recover(a.unit.Signer, "boot"); err != nil || len(found) != 0 {
		t.Errorf("recovered %+v (%v)", found, err)
	}
	if after := names(t, s.fs); !slices.Equal(before, after) {
		t.Errorf("there was %v, there is %v", before, after)
	}
	if got, err := os.ReadFile(other); string(got) != "not ours" || err != nil {
		t.Errorf("the link's target holds %q (%v)", got, err)
	}

	r := a.write(t, 2, 300) // on a real disk, all the same
	keep(t, s, r)
	if list, err := s.List(); err != nil || len(list) != 1 || !list[0].Finished {
		t.Errorf("listed %+v (%v)", list, err)
	}
	check(t, s.Check())
	check(t, s.Probe())
}
