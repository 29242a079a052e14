//go:build unix

package spool

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// counted is a disk that counts written bytes and can refuse one kind of call for ever.
type counted struct {
	durable.FS
	written *int64
	refuses func(call, name string) error
}

func (c counted) Create(name string) (durable.File, error) {
	if err := c.refuses("create", name); err != nil {
		return nil, err
	}
	f, err := c.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return countedFile{f, c, name}, nil
}

func (c counted) Rename(from, to string) error {
	if err := c.refuses("rename", from); err != nil {
		return err
	}
	return c.FS.Rename(from, to)
}

type countedFile struct {
	durable.File
	c    counted
	name string
}

func (f countedFile) Write(b []byte) (int, error) {
	*f.c.written += int64(len(b))
	return f.File.Write(b)
}

func (f countedFile) Sync() error {
	if err := f.c.refuses("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

// For a day, whatever the reason, a recording that can't be recovered is tried at growing intervals and
// not written over and over. Once the reason is gone it is recovered within the hour.
func TestFailedRecoveryIsBounded(t *testing.T) {
	a := cast(t)
	r := a.write(t, 6, 4000)
	cut := r.all()[:len(r.all())-2000]
	at := len(r.pieces[0]) + 600
	damaged := slices.Replace(bytes.Clone(r.all()), at, at+8, []byte("DAMAGED!")...)
	headless := bytes.Clone(r.all())
	clear(headless[:len(r.pieces[0])])
	others := func(disk *durabletest.Disk) (all []string) {
		for range maxDamaged {
			all = append(all, recording.Name(recordingtest.Started, "room-3", recording.NewID())+damagedSuffix)
			put(t, disk, all[len(all)-1], nil)
		}
		return all
	}
	for what, c := range map[string]struct {
		old     []byte
		refuses string // this call on the recording's new file or its old bytes
		full    bool
		others  bool
		foreign bool  // it is another unit's
		all     bool  // the calls on other files are refused too
		flaps   bool  // so is every other probe
		stays   bool  // no reason shows, or none goes: only the next start tries again
		most    int64 // how often its bytes may be written
	}{
		"of another unit":                    {old: cut, foreign: true},
		"too many damaged":                   {old: damaged, others: true, most: 1},
		"too many damaged, without its head": {old: headless, others: true, most: 1},
		"a full disk":                        {old: cut, full: true, most: 1},
		"a disk that never makes it":         {old: cut, refuses: "create"},
		"a disk that never syncs it":         {old: cut, refuses: "sync", most: 1, stays: true},
		"a disk that never renames it":       {old: cut, refuses: "rename", most: 1, stays: true},
		"old bytes that are never synced":    {old: damaged, refuses: "sync", most: 1, stays: true},
		"a disk that syncs nothing":          {old: cut, refuses: "sync", all: true, most: 1},
		"a disk that now and then works":     {old: cut, refuses: "sync", flaps: true, most: maxWrites, stays: true},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := durabletest.NewDisk(1)
				put(t, disk, r.name, c.old)
				var kept []string
				if c.others {
					kept = others(disk)
				}
				if c.full {
					disk.Full(1000)
				}
				unit := a.unit.Signer
				if c.foreign {
					unit = cast(t).unit.Signer
				}
				var written int64
				mended, probes := false, 0
				on := counted{disk, &written, func(call, name string) error {
					if mended || call != c.refuses {
						return nil
					}
					ours := strings.HasPrefix(name, r.name)
					if !ours {
						probes++
					}
					if ours || c.all || c.flaps && probes%2 == 0 {
						return syscall.EIO
					}
					return nil
				}}
				s := open(t, on)
				look := func() Recovered {
					found, err := s.Recover(unit, "boot-2")
					if err != nil || len(found) != 1 || found[0].Err == nil || found[0].Code() != "recording-unfinished" {
						t.Fatalf("recovered %+v (%v)", found, err)
					}
					return found[0]
				}
				var tries []time.Duration
				for began := time.Now(); time.Since(began) < 24*time.Hour; time.Sleep(5 * time.Second) {
					due := s.Due() || len(tries) == 0
					if tried := !look().Waits; tried != due {
						t.Fatalf("after %s: tried %v, due %v", time.Since(began), tried, due)
					} else if tried {
						tries = append(tries, time.Since(began))
					}
				}
				if n := len(tries); n < 24 || n > 48 || tries[0] != 0 || tries[1] != 5*time.Second {
					t.Errorf("tried %d times: %v", n, tries)
				}
				if probes := int64(len(tries) * 100); written > c.most*int64(len(c.old)+4096)+probes {
					t.Errorf("%d bytes are written in a day, of a recording of %d", written, len(c.old))
				}
				if !bytes.Equal(bytesOf(t, disk, r.name), c.old) {
					t.Error("the old file was touched")
				}
				if c.foreign {
					return // nothing mends it
				}
				mended = true
				disk.Mend()
				if c.stays {
					time.Sleep(time.Hour)
					look()
					s = open(t, on) // the next start
				}
				for _, name := range kept {
					check(t, disk.Remove(name))
				}
				time.Sleep(time.Hour)
				if found, err := s.Recover(unit, "boot-2"); err != nil || len(found) != 1 || found[0].Err != nil {
					t.Errorf("the reason has gone: %+v (%v)", found, err)
				}
				if found, err := s.Recover(unit, "boot-2"); err != nil || len(found) != 0 {
					t.Errorf("recovered once more: %+v (%v)", found, err)
				}
			})
		})
	}
}

// A waiting recording doesn't delay others, and is forgotten once it is gone.
func TestWaitingKeepsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := cast(t)
		foreign, own := cast(t).write(t, 2, 300), a.write(t, 2, 300)
		disk := durabletest.NewDisk(1)
		put(t, disk, foreign.name, foreign.pieces[0])
		s := open(t, disk)
		if found, err := s.Recover(a.unit.Signer, "boot-2"); err != nil || len(found) != 1 ||
			!errors.Is(found[0].Err, recording.ErrOtherUnit) {
			t.Fatalf("recovered %+v (%v)", found, err)
		}
		put(t, disk, own.name, own.pieces[0])
		found, err := s.Recover(a.unit.Signer, "boot-2")
		check(t, err)
		for _, f := range found {
			if waits := f.Name == foreign.name; f.Waits != waits || (f.Err != nil) != waits {
				t.Errorf("%+v", f)
			}
		}
		check(t, disk.Remove(foreign.name))
		if found, err := s.Recover(a.unit.Signer, "boot-2"); err != nil || len(found) != 0 || len(s.failed) != 0 {
			t.Errorf("recovered %+v (%v); remembered %v", found, err, s.failed)
		}
	})
}

// A reason counts as seen when the write fails, even if it is gone before the next try, and also if
// it shows only later.
func TestSeenReasonIsWorthAnotherWrite(t *testing.T) {
	a := cast(t)
	r := a.write(t, 6, 4000)
	cut := r.all()[:len(r.all())-2000]
	at := len(r.pieces[0]) + 600
	damaged := slices.Replace(bytes.Clone(r.all()), at, at+8, []byte("DAMAGED!")...)
	for what, c := range map[string]struct {
		old   []byte
		fails func(disk *durabletest.Disk, refuse *string) (mend func())
		later string // what is refused only after the first try
	}{
		"a full disk": {old: cut, fails: func(disk *durabletest.Disk, _ *string) func() {
			disk.Full(1000)
			return disk.Mend
		}},
		"too many damaged files": {old: damaged, fails: func(disk *durabletest.Disk, _ *string) func() {
			var names []string
			for range maxDamaged {
				names = append(names, recording.Name(recordingtest.Started, "room-3", recording.NewID())+damagedSuffix)
				put(t, disk, names[len(names)-1], nil)
			}
			return func() {
				for _, name := range names {
					check(t, disk.Remove(name))
				}
			}
		}},
		"a disk that syncs nothing": {old: cut, fails: func(_ *durabletest.Disk, refuse *string) func() {
			*refuse = "" // every name starts so
			return func() { *refuse = "nothing" }
		}},
		"a disk that syncs nothing later": {old: cut, later: "probe", fails: func(_ *durabletest.Disk, refuse *string) func() {
			*refuse = r.name
			return func() { *refuse = "nothing" }
		}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := durabletest.NewDisk(1)
				put(t, disk, r.name, c.old)
				var written int64
				refuse := "nothing"
				mend := c.fails(disk, &refuse)
				s := open(t, counted{disk, &written, func(call, name string) error {
					if call == "sync" && strings.HasPrefix(name, refuse) {
						return syscall.EIO
					}
					return nil
				}})
				fails := func() {
					t.Helper()
					if found, err := s.Recover(a.unit.Signer, "boot-2"); err != nil || len(found) != 1 || found[0].Err == nil {
						t.Fatalf("recovered %+v (%v)", found, err)
					}
				}
				fails()
				if c.later != "" {
					refuse = c.later
					time.Sleep(retryMin)
					fails()
				}
				mend()
				time.Sleep(2 * retryMin)
				if found, err := s.Recover(a.unit.Signer, "boot-2"); err != nil || len(found) != 1 || found[0].Err != nil {
					t.Errorf("the reason has gone: %+v (%v)", found, err)
				}
			})
		})
	}
}
