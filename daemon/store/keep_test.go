//go:build unix

package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"sync"
	"syscall"
	"testing"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

const day = 24 * time.Hour

// ago returns the minute for a recording that started so many days before now.
func ago(days int) int {
	return int(time.Since(recordingtest.Started).Minutes()) - days*24*60
}

func (w *world) there(store int, file string) bool {
	_, err := w.sticks[store].disk.Stat(file)
	return err == nil
}

// whole counts the sticks that hold a recording after a power cut.
func (w *world) whole(file string) (n int) {
	for _, k := range w.sticks {
		got, err := k.disk.Safe(file)
		if err == nil && bytes.Equal(got, w.wrote[file]) {
			n++
		}
	}
	return n
}

// holders counts the stores that hold a recording by the ledger.
func (w *world) holders(file string) (n int) {
	for i := range w.sticks {
		if w.log.count("copied", id(file), name(i)) > w.log.count("expired", id(file), name(i)) {
			n++
		}
	}
	return n
}

func TestKeep(t *testing.T) {
	in(t, 2, func(w *world) {
		w.keep, w.release = 30*day, ReleaseNever
		old, young := w.record(ago(31), 1000), w.record(ago(27), 1000)
		w.sticks[1].away = errAway
		w.start()
		w.within(time.Minute, "copies",
			func() bool { return w.log.has(id(old), "store-0") && w.log.has(id(young), "store-0") })
		w.set.Began(w.begin(ago(0)).name) // somebody comes
		<-time.After(25 * time.Hour)
		w.end()
		if !w.there(0, old) || !w.there(0, young) {
			t.Fatal("a copy went that no other store holds")
		}
		w.must(w.log.Copied(id(old), "store-1"))
		w.must(w.log.Copied(id(young), "store-1"))
		w.start()
		w.within(time.Hour, "room", func() bool { return !w.there(0, old) })
		w.end()
		if !w.there(0, young) {
			t.Error("a copy went that is not old enough")
		}
		w.start()
		<-time.After(time.Hour)
		w.end()
		if w.there(0, old) {
			t.Error("what had expired was brought again")
		}
		if w.log.count("expired", id(old), "store-0") != 1 {
			t.Errorf("the ledger: %v", w.log.lines())
		}
	})
}

// If every store removes old copies, the last one doesn't.
func TestTheLastCopyStays(t *testing.T) {
	for _, r := range []Release{ReleaseAll, ReleaseAny, ReleaseNever} {
		t.Run(string(r), func(t *testing.T) {
			in(t, 3, func(w *world) {
				w.keep, w.release = 30*day, r
				name := w.record(ago(1), 1000)
				w.start()
				w.within(time.Minute, "a copy", func() bool { return w.holders(name) > 0 })
				for range 2 {
					<-time.After(35 * day)
					n := w.whole(name)
					if n < 1 || n > 1 && r != ReleaseAny { // with any, others may have made copies that nobody speaks of
						t.Errorf("%d copies are left: %v", n, w.log.lines())
					}
					w.end()
					w.start()
				}
				w.end()
				if w.holders(name) != 1 {
					t.Errorf("the ledger: %v", w.log.lines())
				}
			})
		})
	}
}

// A file that has a copy's name but is not the copy stays, and so do files beside it.
func TestKeepTakesOnlyTheCopy(t *testing.T) {
	for what, c := range map[string]struct {
		before []byte                    // lies there when the copy is made
		after  func(whole []byte) []byte // takes the copy's place
	}{
		"somebody's file":                 {before: []byte("somebody's own file")},
		"somebody's file that came later": {after: func([]byte) []byte { return []byte("somebody's own file") }},
		"an empty file":                   {after: func([]byte) []byte { return nil }},
		"the begin of it":                 {after: func(b []byte) []byte { return b[:len(b)-2048] }},
		"more than it":                    {after: func(b []byte) []byte { return append(bytes.Clone(b), 'x') }},
		"a changed byte": {after: func(b []byte) []byte {
			return append(append(bytes.Clone(b[:9000]),
				b[9000]+1), b[9001:]...)
		}},
	} {
		t.Run(what, func(t *testing.T) {
			in(t, 2, func(w *world) {
				w.keep = 30 * day
				name := w.record(ago(1), 1000)
				k := w.sticks[0]
				if c.before != nil {
					k.put(w, name, c.before)
				}
				w.start()
				w.copied(time.Minute)
				w.end()
				if c.after != nil {
					w.must(k.disk.Remove(name))
					k.put(w, name, c.after(w.wrote[name]))
				}
				before := files(w, k.disk)
				<-time.After(31 * day)
				w.sticks[1].away = errAway
				w.start()
				<-time.After(2 * day)
				w.end()
				if after := files(w, k.disk); !maps.Equal(before, after) {
					t.Errorf("there were %d files, and now %d", len(before), len(after))
				}
				if w.log.count("expired", id(name), "store-0") != 0 {
					t.Error("the ledger says that it went")
				}
			})
		})
	}
}

// files returns the contents of a disk.
func files(w *world, d *durabletest.Disk) map[string]string {
	w.Helper()
	all := map[string]string{}
	names, err := d.ReadDir(".")
	w.must(err)
	for _, n := range names {
		data, err := durable.ReadFile(d, n.Name(), 8<<20)
		w.must(err)
		all[n.Name()] = string(data)
	}
	return all
}

// If a unit closed a recording as shorter, its copy lies beside a longer one: both stay.
func TestKeepLeavesTheLongerCopy(t *testing.T) {
	in(t, 2, func(w *world) {
		w.keep = 30 * day
		name, long := w.shortened(ago(1), true)
		w.sticks[0].put(w, name, long)
		w.start()
		w.copied(time.Minute)
		before := files(w, w.sticks[0].disk)
		if len(before) != 2 {
			t.Fatalf("%d files are there", len(before))
		}
		<-time.After(35 * day)
		w.end()
		if !maps.Equal(before, files(w, w.sticks[0].disk)) {
			t.Error("one of them went")
		}
	})
}

// A copy that can't be read stops neither the removal of others nor new copies.
func TestKeepPassesOverWhatCannotBeRead(t *testing.T) {
	in(t, 2, func(w *world) {
		w.keep = 30 * day
		bad, old := w.record(ago(2), 1000), w.record(ago(1), 1000)
		w.start()
		w.copied(time.Minute)
		w.end()
		<-time.After(31 * day)
		w.sticks[0].disk.FailOn("read", 1, syscall.EIO, false)
		w.sticks[1].away = errAway
		w.start()
		defer w.end()
		young := w.record(ago(0), 1000)
		w.set.Ended(young, true)
		w.within(time.Minute, "copy", func() bool { return w.log.has(id(young), "store-0") })
		if !w.there(0, bad) || w.there(0, old) {
			t.Error("not what could be read is gone")
		}
		<-time.After(2 * day)
		if w.there(0, bad) {
			t.Error("it was not tried again")
		}
	})
}

// However many copies are old, no visit removes more than its share, and in the end all are
// removed, whatever lies between them.
func TestKeepOfManyCopies(t *testing.T) {
	in(t, 2, func(w *world) {
		w.keep = 30 * day
		for i := range 2*maxExpired + 5 {
			n := w.record(ago(1)+i, 100)
			if i%2 == 0 {
				w.sticks[0].put(w, n, []byte("somebody's own file"))
			}
		}
		w.start()
		w.copied(time.Minute)
		w.end()
		<-time.After(32 * day)
		w.sticks[1].away = errAway
		w.start()
		defer w.end()
		count := func() int {
			names, err := w.sticks[0].disk.ReadDir(".")
			w.must(err)
			return len(names)
		}
		there, gone := count(), 0
		for range 60 {
			<-time.After(time.Minute)
			now := count()
			if there-now > maxExpired {
				t.Fatalf("%d copies went at once", there-now)
			}
			gone, there = gone+there-now, now
		}
		if gone != maxExpired+2 {
			t.Errorf("%d copies went", gone)
		}
	})
}

// Two stores that sweep at the same time don't rely on each other's copies.
func TestTwoSweepsAtOnce(t *testing.T) {
	in(t, 2, func(w *world) {
		var names []string
		for range 2000 {
			n := recording.Name(recordingtest.Started, "room-3", recording.NewID())
			names = append(names, n)
			w.must(w.log.Copied(id(n), "store-0"))
			w.must(w.log.Copied(id(n), "store-1"))
		}
		w.start()
		defer w.end()
		var all sync.WaitGroup
		gone := make([][]string, 2)
		for i, f := range w.set.followers {
			all.Go(func() {
				var err error
				if gone[i], err = w.set.expire(f, names); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(gone[0])+len(gone[1]) != len(names) {
			t.Errorf("of %d recordings %d and %d copies may go", len(names), len(gone[0]), len(gone[1]))
		}
		gave := map[string]int{} // how many stores gave it up
		for _, l := range w.log.lines() {
			if l.what == "expired" {
				gave[l.id]++
			}
		}
		for _, n := range names {
			if gave[id(n)] != 1 {
				t.Fatalf("of two stores %d gave up %s", gave[id(n)], n)
			}
		}
	})
}

// A recording whose copies expired at all remaining stores is copied to them again from the spool.
func TestNoStoreHoldsIt(t *testing.T) {
	in(t, 1, func(w *world) {
		name := w.record(ago(31), 1000)
		w.must(w.log.Copied(id(name), "store-0"))
		w.must(w.log.Copied(id(name), "formerly"))
		w.must(w.log.Expired(id(name), "store-0"))
		w.start()
		defer w.end()
		w.within(time.Minute, "copy", func() bool { return w.log.count("copied", id(name), "store-0") == 2 })
		if w.whole(name) != 1 {
			t.Error("it is not there")
		}
	})
}

// Whatever fails while old copies are removed, and whenever the power fails: one copy is left, the
// ledger lists none that doesn't exist, and in the end there is no other.
func TestEveryOperationOfASweepFails(t *testing.T) {
	ops := 0
	sweeps := func(t *testing.T, fault func(k *durabletest.Disk), log error) {
		in(t, 2, func(w *world) {
			w.keep = 30 * day
			file := w.record(ago(1), 1000)
			w.start()
			w.copied(time.Minute)
			w.end()
			<-time.After(31 * day)

			w.sticks[1].away = errAway // the other comes to sweep afterwards
			before := w.sticks[0].disk.Ops()
			fault(w.sticks[0].disk)
			w.log.fail = log
			w.start()
			<-time.After(time.Minute)
			ops = w.sticks[0].disk.Ops() - before
			w.end()
			w.sticks[1].away = nil
			for _, k := range w.sticks {
				k.disk = k.disk.PowerCut(0, durabletest.Sector)
			}
			if w.whole(file) == 0 || w.holders(file) == 0 {
				t.Errorf("%d copies are left: %v", w.whole(file), w.log.lines())
			}
			for i := range w.sticks {
				if w.log.count("expired", id(file), name(i)) == 0 && !w.there(i, file) {
					t.Errorf("the ledger says that %s holds it, and it does not", name(i))
				}
			}
			w.start()
			<-time.After(2 * day)
			w.end()
			if w.whole(file) != 1 || w.holders(file) != 1 {
				t.Errorf("%d copies are left in the end: %v", w.whole(file), w.log.lines())
			}
			for i := range w.sticks {
				if w.log.count("expired", id(file), name(i)) > 1 {
					t.Errorf("written down twice: %v", w.log.lines())
				}
			}
		})
	}
	sweeps(t, func(*durabletest.Disk) {}, nil)
	sweeps(t, func(*durabletest.Disk) {}, errors.New("the ledger's disk failed"))
	t.Logf("%d operations", ops)
	for n := 1; n <= ops; n++ {
		for _, applied := range []bool{false, true} {
			fault := durabletest.Faults()[n%len(durabletest.Faults())]
			t.Run(fmt.Sprintf("%d %v applied=%v", n, fault, applied), func(t *testing.T) {
				sweeps(t, func(k *durabletest.Disk) { k.FailAt(n, fault, applied) }, nil)
			})
		}
		t.Run(fmt.Sprintf("%d cut", n), func(t *testing.T) {
			sweeps(t, func(k *durabletest.Disk) { k.CutAt(n) }, nil)
		})
	}
}
