//go:build unix

package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
)

// in runs a test in fake time.
func in(t *testing.T, stores int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newWorld(t, stores)) })
}

func id(name string) string {
	_, _, id, _ := recording.ParseName(name)
	return id
}

// left returns what is still in the spool.
func (w *world) left() (names []string) {
	list, err := w.spool.List()
	w.must(err)
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

func TestRelease(t *testing.T) {
	for r, want := range map[Release]int{ReleaseAll: 0, ReleaseAny: 0, ReleaseNever: 3} {
		t.Run(string(r), func(t *testing.T) {
			in(t, 2, func(w *world) {
				w.release = r
				for i := range 3 {
					w.record(i, 500, 300_000*(i+1), 900_000)
				}
				w.start()
				defer w.end()
				w.copied(time.Minute)
				if left := w.left(); len(left) != want {
					t.Errorf("the spool has %v", left)
				}
				for n := range w.wrote {
					if got := w.log.count("released", id(n), ""); got != (3-want)/3 {
						t.Errorf("%s was released %d times", n, got)
					}
				}
			})
		})
	}
}

// A recording that one store lacks stays in the spool, however long that takes.
func TestOneStoreAway(t *testing.T) {
	in(t, 2, func(w *world) {
		w.sticks[1].away = errAway
		name := w.record(0, 1000)
		w.start()
		defer w.end()
		w.within(time.Minute, "copy", func() bool { return w.log.has(id(name), "store-0") })
		<-time.After(30 * 24 * time.Hour)
		if left := w.left(); len(left) != 1 {
			t.Fatalf("the spool has %v", left)
		}
		s := w.set.Stores()
		if s[0].State != "ok" || s[1].State != "missing" || s[1].Pending != 1 || s[0].Pending != 0 {
			t.Errorf("%+v", s)
		}
		w.sticks[1].take(nil, nil)
		w.copied(time.Minute)
		if left := w.left(); len(left) != 0 {
			t.Errorf("the spool has %v", left)
		}
	})
}

// The copy of a live recording follows it, never ahead of what the spool has synced, and is synced
// every 15 s.
func TestARunningRecordingIsFollowed(t *testing.T) {
	in(t, 1, func(w *world) {
		w.start()
		defer w.end()
		<-time.After(time.Second)
		r := w.begin(0)
		w.set.Began(r.name)
		var appended, synced time.Duration
		began := time.Now()
		for range 40 {
			<-time.After(time.Second)
			r.segment(4000)
			synctest.Wait()
			spooled, _, err := w.spool.Synced(r.name)
			w.must(err)
			copied := int64(0)
			if info, err := w.sticks[0].disk.Stat(r.name); err == nil {
				copied = info.Size()
			}
			if copied > spooled {
				t.Fatalf("the copy has %d bytes, the spool has synced %d", copied, spooled)
			}
			if copied > 0 && appended == 0 {
				appended = time.Since(began)
			}
			safe, _ := w.sticks[0].disk.Safe(r.name)
			if len(safe) > 0 && synced == 0 {
				synced = time.Since(began)
			}
			if spooled-copied > 6*8000 {
				t.Fatalf("after %s the copy is %d bytes behind", time.Since(began), spooled-copied)
			}
		}
		if appended == 0 || appended > 6*time.Second || synced == 0 || synced > 21*time.Second {
			t.Errorf("first appended after %s, synced after %s", appended, synced)
		}
		r.finish()
		w.set.Ended(r.name, true)
		w.copied(10 * time.Second)
	})
}

// What a follower may find in the copy's place, and what it does.
func TestResume(t *testing.T) {
	for what, c := range map[string]struct {
		lies   func(whole []byte) []byte
		beside bool // it is left alone
	}{
		"nothing in the file": {lies: func(b []byte) []byte { return nil }},
		"the begin of it":     {lies: func(b []byte) []byte { return b[:len(b)/2+77] }},
		"a part of the head":  {lies: func(b []byte) []byte { return b[:700] }},
		"all of it":           {lies: func(b []byte) []byte { return b }},
		"torn: zeros after": {lies: func(b []byte) []byte {
			return append(bytes.Clone(b[:len(b)/2/512*512]), make([]byte, 4096)...)
		}},
		"torn: the first sectors lost": {lies: func(b []byte) []byte {
			return append(make([]byte, 1024), b[1024:8192]...)
		}},
		"torn: other bytes after the head": {lies: func(b []byte) []byte {
			return append(bytes.Clone(b[:len(b)-3000]), bytes.Repeat([]byte("x"), 2000)...)
		}},
		"more after the end": {lies: func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, 1<<20)...) }},
		"something else":     {beside: true, lies: func(b []byte) []byte { return []byte("holiday pictures") }},
		"something else, as long": {beside: true, lies: func(b []byte) []byte {
			return bytes.Repeat([]byte("x"), len(b))
		}},
	} {
		t.Run(what, func(t *testing.T) {
			in(t, 1, func(w *world) {
				name := w.record(0, 100_000, 1_200_000, 4000)
				old := c.lies(w.wrote[name])
				w.sticks[0].put(w, name, old)
				w.start()
				defer w.end()
				w.copied(time.Minute)
				want := name
				if c.beside {
					want = Beside(name, 2)
					got, err := durable.ReadFile(w.sticks[0].disk, name, 8<<20)
					if err != nil || !bytes.Equal(got, old) {
						t.Errorf("what was there has changed: %v", err)
					}
				}
				if got, err := durable.ReadFile(w.sticks[0].disk, want, 8<<20); err != nil || !bytes.Equal(got, w.wrote[name]) {
					t.Errorf("%s is not the recording: %v", want, err)
				}
				if (len(w.conflicts) > 0) != c.beside {
					t.Errorf("conflicts: %q", w.conflicts)
				}
				if v := w.sticks[0].disk.Violations(); len(v) > 0 {
					t.Error(v)
				}
			})
		})
	}
}

func (k *stick) put(w *world, name string, data []byte) {
	w.Helper()
	f, err := k.disk.Create(name)
	w.must(err)
	_, err = f.Write(data)
	w.must(err)
	w.must(f.Sync())
	w.must(f.Close())
	w.must(k.disk.SyncDir("."))
}

// If a spool lost synced data and closes a recording as shorter than its copy, both are kept.
func TestTheLongerCopyIsKept(t *testing.T) {
	in(t, 1, func(w *world) {
		name, long := w.shortened(0, false)
		w.sticks[0].put(w, name, long)
		w.start()
		defer w.end()
		w.copied(time.Minute)
		if got, err := durable.ReadFile(w.sticks[0].disk, name, 1<<20); err != nil || !bytes.Equal(got, long) {
			t.Errorf("the longer copy was touched: %v", err)
		}
		if len(w.conflicts) == 0 {
			t.Error("nothing was said")
		}
	})
}

// shortened puts a recording into the spool of which the disk has lost all but the first second. It
// returns the original, with or without its end.
func (w *world) shortened(minute int, ended bool) (name string, long []byte) {
	w.Helper()
	r := w.begin(minute)
	r.segment(5000)
	short, _, err := w.spool.Synced(r.name)
	w.must(err)
	r.segment(5000)
	r.segment(5000)
	if ended {
		r.finish()
	} else {
		w.must(r.file.Close())
	}
	long = bytes.Clone(w.wrote[r.name])

	lied := durabletest.NewDisk(9)
	f, err := lied.Create(r.name)
	w.must(err)
	_, err = f.Write(long[:short])
	w.must(err)
	w.must(f.Sync())
	w.must(f.Close())
	w.disk = lied
	w.reopen()
	found, err := w.spool.Recover(w.unit.Signer, "boot2")
	if err != nil || len(found) != 1 || found[0].Segments != 1 {
		w.Fatalf("%+v, %v", found, err)
	}
	closed, err := durable.ReadFile(lied, r.name, 1<<20)
	w.must(err)
	w.wrote[r.name] = closed
	return r.name, long
}

// Every operation at the store fails, once and in each way: the file is not written again, one
// trouble is reported, and once it works again all is copied, without a restart.
func TestEveryOperationFails(t *testing.T) {
	ops := 0
	in(t, 1, func(w *world) {
		w.session()
		ops = w.sticks[0].disk.Ops()
	})
	t.Logf("%d operations", ops)
	for n := 1; n <= ops; n++ {
		for i, fault := range durabletest.Faults() {
			if (n+i)%len(durabletest.Faults()) != 0 && os.Getenv("TACET_SOAK") == "" {
				continue // each operation with one of the errors, each error at many operations
			}
			for _, applied := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d %v applied=%v", n, fault, applied), func(t *testing.T) {
					in(t, 1, func(w *world) {
						w.sticks[0].disk.FailAt(n, fault, applied)
						w.session()
						if v := w.sticks[0].disk.Violations(); len(v) > 0 {
							t.Error(v)
						}
						if n := w.sticks[0].disk.Handles(); n != 0 {
							t.Errorf("%d files are open", n)
						}
					})
				})
			}
		}
	}
}

// session is what faults are tried on: one recording that exists, and two that are made.
func (w *world) session() {
	w.Helper()
	w.record(0, 3000, 1_100_000)
	w.start()
	for minute := 1; minute <= 2; minute++ {
		r := w.begin(minute)
		w.set.Began(r.name)
		for range 18 {
			<-time.After(time.Second)
			r.segment(4000)
		}
		r.finish()
		w.set.Ended(r.name, true)
		<-time.After(3 * time.Second)
	}
	w.copied(10 * time.Minute)
	<-time.After(time.Minute)
	if s := w.set.Stores()[0]; s.State != "ok" {
		w.Errorf("all is well, and it says %+v", s)
	}
	if left := w.left(); len(left) != 0 {
		w.Errorf("the spool has %v", left)
	}
	w.end()
}

// The stick is out, in, another one, full, read-only: each is reported as what it is, and ends by
// itself.
func TestTheStickIsOutOrAnotherOrFullOrReadOnly(t *testing.T) {
	in(t, 1, func(w *world) {
		k := w.sticks[0]
		w.start()
		defer w.end()
		state := func(want string) {
			t.Helper()
			w.within(20*time.Second, want, func() bool { return string(w.set.Stores()[0].State) == want })
		}
		step := func(minute int) *recorder {
			r := w.begin(minute)
			w.set.Began(r.name)
			for range 7 {
				<-time.After(time.Second)
				r.segment(4000)
			}
			return r
		}
		end := func(r *recorder) {
			r.segment(4000)
			r.finish()
			w.set.Ended(r.name, true)
		}
		r := step(0)
		k.take(errAway, nil)
		state("missing")
		end(r)
		k.take(nil, nil)
		w.copied(time.Minute)
		state("ok")

		clear(w.wrote) // it lies on the stick that goes now
		r = step(1)
		other := durabletest.NewDisk(77)
		k.take(nil, other)
		end(r)
		w.copied(time.Minute)
		state("ok")

		k.disk.Full(1000)
		r = step(2)
		state("full")
		end(r)
		k.disk.Mend()
		w.copied(6 * time.Minute)
		state("ok")

		k.disk.ReadOnly(true)
		r = step(3)
		state("readonly")
		end(r)
		k.disk.Mend()
		w.copied(6 * time.Minute)
		state("ok")
	})
}

// A stick that loses data holds nothing, whatever it reports.
func TestAStickThatLies(t *testing.T) {
	in(t, 1, func(w *world) {
		w.sticks[0].disk.Lie(true)
		name := w.record(0, 4000, 4000)
		w.start()
		defer w.end()
		w.within(time.Minute, "mismatch", func() bool {
			s := w.set.Stores()[0]
			return s.Trouble != nil && s.Trouble.Code == "store-mismatch"
		})
		<-time.After(time.Hour)
		if w.log.has(id(name), "store-0") || len(w.left()) != 1 {
			t.Error("it counts as held")
		}
		w.sticks[0].disk.Lie(false)
		w.copied(10 * time.Minute)
	})
}

// A store that hangs blocks only its goroutine: the other store, the status and the stop go on.
func TestAStoreThatHangs(t *testing.T) {
	in(t, 2, func(w *world) {
		release := w.sticks[0].disk.Hang()
		name := w.record(0, 4000)
		w.start()
		w.within(time.Minute, "copy", func() bool { return w.log.has(id(name), "store-1") })
		w.within(time.Minute, "warning", func() bool {
			s := w.set.Stores()[0]
			return s.Trouble != nil && s.Trouble.Code == "store-hung" && s.State == "error"
		})
		began := time.Now()
		w.end()
		if d := time.Since(began); d > stopWait {
			t.Errorf("the end took %s", d)
		}
		release()
		synctest.Wait()
		if w.log.has(id(name), "store-0") {
			t.Error("it went on after the end")
		}
	})
}

// The newest come first, and the oldest don't starve.
func TestBothEndsInTurn(t *testing.T) {
	in(t, 1, func(w *world) {
		var names []string
		for i := range 6 {
			names = append(names, w.record(i, 1000))
		}
		w.start()
		defer w.end()
		w.copied(time.Minute)
		for i, want := range []int{5, 0, 4, 1, 3, 2} {
			if got := w.log.lines()[2*i].id; got != id(names[want]) {
				t.Errorf("number %d was not recording %d", i, want)
			}
		}
	})
}

// The next start finishes what a stop interrupted: a release, and the ledger entry of one.
func TestReleaseAfterAnInterruption(t *testing.T) {
	in(t, 1, func(w *world) {
		there, gone := w.record(0, 1000), w.record(1, 1000)
		w.must(w.log.Copied(id(there), "store-0"))
		w.must(w.log.Copied(id(gone), "store-0"))
		w.must(w.spool.Remove(gone))
		for range 2 {
			w.start()
			<-time.After(time.Second)
			w.end()
		}
		for _, n := range []string{there, gone} {
			if w.log.count("released", id(n), "") != 1 {
				t.Errorf("%s: %v", n, w.log.lines())
			}
		}
		if len(w.left()) != 0 {
			t.Error("it is still there")
		}
	})
}

// A recording that the spool can't read doesn't block the others, is no fault of the store, and is
// tried again.
func TestARecordingThatCannotBeRead(t *testing.T) {
	in(t, 1, func(w *world) {
		bad, good := w.record(1, 2000), w.record(0, 2000)
		w.between = func() { w.disk.FailOn("read", 1, syscall.EIO, false) }
		w.start()
		defer w.end()
		w.within(time.Minute, "copy of the other", func() bool { return w.log.has(id(good), "store-0") })
		if s := w.set.Stores()[0]; s.State != "ok" || w.log.has(id(bad), "store-0") {
			t.Errorf("%+v", s)
		}
		w.copied(skipFor + time.Second)
	})
}

// Pauses grow, vary, and have a maximum.
func TestPauses(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		d := time.Duration(rng.Int64N(int64(maxPause))) + 1
		if j := jitter(d); j < d*3/4 || j > d*5/4+1 {
			t.Fatalf("%s became %s", d, j)
		}
	}
	in(t, 1, func(w *world) {
		w.sticks[0].away = errAway
		w.record(0, 1000)
		w.start()
		<-time.After(24 * time.Hour)
		opened := w.sticks[0].opens()
		if opened < 24*60/7 || opened > 24*60/3 {
			t.Errorf("in a day it was tried %d times", opened)
		}
		w.end()
	})
}

// Ten recordings wait while the store hangs for an hour: memory doesn't grow, and in the end all
// are copied.
func TestAnHourOfStalling(t *testing.T) {
	in(t, 1, func(w *world) {
		release := w.sticks[0].disk.Hang()
		for i := range 10 {
			w.record(i, 1_000_000, 1_000_000, 1_000_000)
		}
		w.start()
		defer w.end()
		<-time.After(time.Minute)
		before := heap()
		<-time.After(time.Hour)
		if grown := heap() - before; grown > chunk/2 {
			t.Errorf("in an hour %d bytes have gathered", grown)
		}
		if s := w.set.Stores()[0]; s.Trouble == nil || s.Trouble.Code != "store-hung" || s.Pending != 10 {
			t.Errorf("%+v", s)
		}
		release()
		w.copied(time.Minute)
	})
}

// heap returns the bytes of heap in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
