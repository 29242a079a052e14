package durabletest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

func TestDiskConforms(t *testing.T) {
	durabletest.Conformance(t, func(t *testing.T) durabletest.Folder {
		disk := durabletest.NewDisk(1)
		t.Cleanup(func() {
			if v := disk.Violations(); len(v) > 0 {
				t.Errorf("violations: %q", v)
			}
			if n := disk.Handles(); n != 0 {
				t.Errorf("%d files left open", n)
			}
		})
		return durabletest.Folder{
			FS:      disk,
			Mkdir:   disk.Mkdir,
			Symlink: func(name string) { disk.Foreign(name, fs.ModeSymlink) },
			Pipe:    func(name string) { disk.Foreign(name, fs.ModeNamedPipe) },
		}
	})
}

// create makes a file of synced and then unsynced bytes.
func create(t *testing.T, disk *durabletest.Disk, name string, synced, unsynced []byte) durable.File {
	t.Helper()
	f, err := disk.Create(name)
	check(t, err)
	_, err = f.Write(synced)
	check(t, err)
	check(t, f.Sync())
	if unsynced != nil {
		_, err = f.Write(unsynced)
		check(t, err)
	}
	return f
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, fsys durable.FS, name string) []byte {
	t.Helper()
	data, err := durable.ReadFile(fsys, name, 1<<20)
	check(t, err)
	return data
}

// What was synced survives every cut; what was not may survive in part.
func TestCutKeepsWhatWasSynced(t *testing.T) {
	synced, unsynced := bytes.Repeat([]byte("s"), 5000), bytes.Repeat([]byte("u"), 30000)
	lengths, torn, rubbish := map[int]bool{}, 0, 0
	for seed := range uint64(300) {
		for _, tear := range []durabletest.Tear{durabletest.Sector, durabletest.Page} {
			disk := durabletest.NewDisk(seed)
			create(t, disk, "a", synced, unsynced)
			check(t, disk.SyncDir("."))
			got := read(t, disk.PowerCut(50, tear), "a")
			if !bytes.HasPrefix(got, synced) {
				t.Fatalf("seed %d: synced bytes are lost", seed)
			}
			lengths[len(got)] = true
			rest := got[len(synced):]
			switch strings.Trim(string(rest), "u") {
			case "":
			case string(bytes.Trim(bytes.Trim(rest, "u"), "\x00")):
				rubbish++
			default:
				torn++
			}
		}
	}
	if len(lengths) < 10 || torn < 50 || rubbish < 50 {
		t.Errorf("300 cuts gave %d lengths, %d torn files, %d with rubbish: too tame", len(lengths), torn, rubbish)
	}
	for keep, want := range map[int][]byte{0: synced, 100: append(bytes.Clone(synced), unsynced...)} {
		disk := durabletest.NewDisk(1)
		create(t, disk, "a", synced, unsynced)
		check(t, disk.SyncDir("."))
		if got := read(t, disk.PowerCut(keep, durabletest.Sector), "a"); !bytes.Equal(got, want) {
			t.Errorf("a cut that keeps %d %% left %d bytes, want %d", keep, len(got), len(want))
		}
	}
}

// A name is kept only if its folder was synced.
func TestCutForgetsNames(t *testing.T) {
	for keep, want := range map[int]bool{0: false, 100: true} {
		disk := durabletest.NewDisk(1)
		create(t, disk, "a", []byte("a"), nil)
		create(t, disk, "gone", nil, nil)
		check(t, disk.SyncDir("."))
		check(t, disk.Rename("a", "b"))
		check(t, disk.Remove("gone"))
		create(t, disk, "new", nil, nil)
		after := disk.PowerCut(keep, durabletest.Sector)
		for name, want := range map[string]bool{"a": !want, "b": want, "gone": !want, "new": want} {
			if _, err := after.Stat(name); (err == nil) != want {
				t.Errorf("keep %d %%: %s is there: %v", keep, name, err == nil)
			}
		}
	}
	seen := map[bool]int{}
	for seed := range uint64(100) {
		disk := durabletest.NewDisk(seed)
		create(t, disk, "a", nil, nil)
		_, err := disk.PowerCut(50, durabletest.Sector).Stat("a")
		seen[err == nil]++
	}
	if seen[true] < 20 || seen[false] < 20 {
		t.Errorf("at 50 %% a name survived %d times and not %d times", seen[true], seen[false])
	}
}

// After a failed sync the data can be read and a later sync returns nil, but a power cut loses it.
func TestFailedSyncLosesQuietly(t *testing.T) {
	disk := durabletest.NewDisk(1)
	f := create(t, disk, "a", []byte("kept "), []byte("lost"))
	check(t, disk.SyncDir("."))
	disk.FailOn("sync", 1, syscall.EIO, false)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	check(t, f.Sync())
	if got := read(t, disk, "a"); string(got) != "kept lost" {
		t.Errorf("reads back %q", got)
	}
	if v := disk.Violations(); len(v) != 0 {
		t.Errorf("violations before any: %q", v)
	}
	f.Write([]byte("on"))
	if v := disk.Violations(); len(v) != 1 || !strings.Contains(v[0], "write to a after a sync that failed") {
		t.Errorf("writing on gave %q", v)
	}
	if got := read(t, disk.PowerCut(0, durabletest.Sector), "a"); strings.Contains(string(got), "lost") {
		t.Errorf("after the cut %q is left", got)
	}

	disk = durabletest.NewDisk(1)
	check(t, durable.WriteFile(disk, "old", nil))
	check(t, disk.Rename("old", "new"))
	disk.FailOn("syncdir", 1, syscall.EIO, false)
	if disk.SyncDir(".") == nil {
		t.Fatal("the sync of the folder did not fail")
	}
	check(t, disk.SyncDir(".")) // nothing to write: says nil
	if _, err := disk.PowerCut(0, durabletest.Sector).Stat("new"); err == nil {
		t.Error("a name survived that no sync has written")
	}
}

// An operation fails as requested: done, or not.
func TestFaults(t *testing.T) {
	for _, applied := range []bool{false, true} {
		for _, fault := range durabletest.Faults() {
			disk := durabletest.NewDisk(1)
			f := create(t, disk, "a", []byte("1"), nil)
			disk.FailAt(2, fault, applied)
			disk.Stat("a")
			if _, err := f.Write([]byte("2")); !errors.Is(err, fault) {
				t.Errorf("write: %v, want %v", err, fault)
			}
			if got, want := string(read(t, disk, "a")), map[bool]string{false: "1", true: "12"}[applied]; got != want {
				t.Errorf("done %v: holds %q, want %q", applied, got, want)
			}
			f.Write([]byte("3"))
			if len(disk.Violations()) != 1 {
				t.Errorf("writing on after a failed write: %q", disk.Violations())
			}
		}
	}
	disk := durabletest.NewDisk(1)
	disk.FailFrom(2, syscall.ENODEV)
	_, err1 := disk.ReadDir(".")
	_, err2 := disk.ReadDir(".")
	_, err3 := disk.Create("a")
	if err1 != nil || !errors.Is(err2, syscall.ENODEV) || !errors.Is(err3, syscall.ENODEV) {
		t.Errorf("a disk that dies at the second operation: %v, %v, %v", err1, err2, err3)
	}
	if disk.Ops() != 3 {
		t.Errorf("%d operations counted, want 3", disk.Ops())
	}
	disk.Mend()
	create(t, disk, "a", nil, nil)
}

// A full disk takes what fits. A read-only one takes nothing, but can be read.
func TestFullAndReadOnly(t *testing.T) {
	disk := durabletest.NewDisk(1)
	f := create(t, disk, "a", []byte("12"), nil)
	disk.Full(3)
	n, err := f.Write([]byte("34567"))
	if n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d: %v", n, err)
	}
	if free, _, _ := disk.Space(); free != 0 {
		t.Errorf("%d bytes free", free)
	}
	if _, err := disk.Create("b"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("create on a full disk: %v", err)
	}
	disk.Mend()
	disk.ReadOnly(true)
	for what, err := range map[string]error{
		"create": second(disk.Create("b")), "append": second(disk.Append("a")), "remove": disk.Remove("a"),
		"rename": disk.Rename("a", "b"), "sync": f.Sync(), "syncdir": disk.SyncDir("."),
		"freeze": disk.Freeze("a"), "writable": disk.Writable(),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s on a read-only disk: %v", what, err)
		}
	}
	if got := read(t, disk, "a"); string(got) != "12345" {
		t.Errorf("reads %q", got)
	}
}

func second(_ durable.File, err error) error { return err }

// Syncs take time, hang, and end when the power is cut.
func TestSlowSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := durabletest.NewDisk(1)
		f := create(t, disk, "a", nil, []byte("1"))
		disk.SlowSync(7 * time.Second)
		start := time.Now()
		check(t, f.Sync())
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("a slow sync took %v", took)
		}
		disk.SlowSync(0)
		release := disk.Hang()
		done := make(chan error, 1)
		go func() { done <- f.Sync() }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("a hanging sync came back: %v", err)
		default:
		}
		release()
		check(t, <-done)
		disk.Hang()
		go func() { done <- f.Sync() }()
		synctest.Wait()
		disk.PowerCut(0, durabletest.Sector)
		if err := <-done; !errors.Is(err, durabletest.ErrOff) {
			t.Errorf("a sync under way at the cut: %v", err)
		}
	})
}

// The frozen mark may be kept or lost; it is kept if the file was synced afterwards.
func TestCutThaws(t *testing.T) {
	for keep, want := range map[int]bool{0: false, 100: true} {
		for _, synced := range []bool{false, true} {
			disk := durabletest.NewDisk(1)
			f := create(t, disk, "a", []byte("1"), nil)
			check(t, disk.SyncDir("."))
			check(t, disk.Freeze("a"))
			if synced {
				check(t, f.Sync())
			}
			st, err := disk.PowerCut(keep, durabletest.Sector).Stat("a")
			check(t, err)
			if durable.Frozen(st) != (want || synced) {
				t.Errorf("keep %d %%, synced %v: frozen %v", keep, synced, durable.Frozen(st))
			}
		}
	}
}

// A killed process loses nothing and syncs nothing, and its open files can't be used.
func TestKill(t *testing.T) {
	disk := durabletest.NewDisk(1)
	f := create(t, disk, "a", []byte("1"), []byte("2"))
	check(t, disk.SyncDir("."))
	next := disk.Kill()
	if _, err := f.Write([]byte("3")); !errors.Is(err, durabletest.ErrOff) {
		t.Errorf("the dead process writes: %v", err)
	}
	if got := read(t, next, "a"); string(got) != "12" {
		t.Errorf("its successor reads %q", got)
	}
	if got := read(t, next.PowerCut(0, durabletest.Sector), "a"); string(got) != "1" {
		t.Errorf("after a power cut %q is left", got)
	}
}

// Violations lists breaches, also those before a cut.
func TestViolations(t *testing.T) {
	disk := durabletest.NewDisk(1)
	f := create(t, disk, "a", nil, []byte("1"))
	check(t, disk.Rename("a", "b"))
	check(t, f.Close())
	f.Write([]byte("1"))
	disk = disk.PowerCut(100, durabletest.Page)
	got := strings.Join(disk.Violations(), "\n")
	for _, want := range []string{"a renamed to b with 2 blocks not synced", "write of a after it was closed"} {
		if !strings.Contains(got, want) {
			t.Errorf("no word of %q in %q", want, got)
		}
	}
}
