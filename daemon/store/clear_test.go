//go:build unix

package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"syscall"
	"testing"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

// drop discards a recording, as the daemon does.
func (w *world) drop(r *recorder) {
	w.Helper()
	r.finish()
	w.set.Ended(r.name, false)
	w.must(w.spool.Remove(r.name))
	w.must(w.log.add("dropped", id(r.name), ""))
	delete(w.wrote, r.name)
	w.set.Gone(r.name)
}

// What was copied of a discarded recording is removed: at once, or when the store is back, even if
// the unit was restarted meanwhile.
func TestWhatCameToNothingGoesFromTheSticks(t *testing.T) {
	in(t, 3, func(w *world) {
		kept := w.record(0, 1000)
		w.start()
		w.copied(time.Minute)
		r := w.begin(1)
		w.set.Began(r.name)
		w.within(time.Minute, "three heads",
			func() bool { return w.there(0, r.name) && w.there(1, r.name) && w.there(2, r.name) })
		w.sticks[1].take(errAway, nil)
		w.sticks[2].take(errAway, nil)
		w.drop(r)
		w.within(time.Second, "end of it", func() bool { return !w.there(0, r.name) })
		w.sticks[1].take(nil, nil)
		w.within(time.Second, "end of it", func() bool { return !w.there(1, r.name) })
		w.end()
		w.start()
		<-time.After(day)
		w.sticks[2].take(nil, nil)
		w.within(time.Second, "end of it", func() bool { return !w.there(2, r.name) })
		w.end()
		for i, k := range w.sticks {
			if left := files(w, k.disk.PowerCut(0, durabletest.Sector)); len(left) != 1 || left[kept] == "" {
				t.Errorf("stick %d has %d files", i, len(left))
			}
		}
	})
}

// Two sticks are used in turn: the one that was away is cleared when it is back.
func TestWhatCameToNothingGoesFromEachStick(t *testing.T) {
	in(t, 1, func(w *world) {
		k := w.sticks[0]
		first := k.disk
		w.start()
		defer w.end()
		r := w.begin(0)
		w.set.Began(r.name)
		w.within(time.Minute, "head", func() bool { return w.there(0, r.name) })
		k.take(nil, durabletest.NewDisk(77))
		w.within(time.Minute, "head", func() bool { return w.there(0, r.name) })
		w.drop(r)
		w.within(time.Second, "end of it", func() bool { return !w.there(0, r.name) })
		first.Mend()
		k.take(nil, first)
		w.within(time.Second, "end of it", func() bool { return !w.there(0, r.name) })
	})
}

// While the next recording is live, the discarded one before it is removed.
func TestWhatCameToNothingGoesWhileAnotherRuns(t *testing.T) {
	in(t, 1, func(w *world) {
		w.start()
		defer w.end()
		first := w.begin(0)
		w.set.Began(first.name)
		w.within(time.Minute, "head", func() bool { return w.there(0, first.name) })
		first.finish()
		w.set.Ended(first.name, false)
		next := w.begin(1)
		w.set.Began(next.name)
		w.within(time.Minute, "head", func() bool { return w.there(0, next.name) })
		w.must(w.spool.Remove(first.name))
		w.must(w.log.add("dropped", id(first.name), ""))
		w.set.Gone(first.name)
		w.within(time.Second, "end of it", func() bool { return !w.there(0, first.name) })
		if !w.there(0, next.name) {
			t.Error("the one that runs went too")
		}
	})
}

// What lies under the names of a discarded recording, and what remains of it.
func TestOnlyABeginningGoes(t *testing.T) {
	in(t, 1, func(w *world) {
		w.start()
		defer w.end()
		r := w.begin(0)
		head := bytes.Clone(w.wrote[r.name])
		other := w.begin(1)
		foreign := bytes.Clone(w.wrote[other.name])
		r.segment(1000)
		sound := bytes.Clone(w.wrote[r.name])
		w.must(r.file.Close())
		w.must(other.file.Close())
		whole := w.begin(2)
		whole.finish()
		for what, c := range map[string]struct {
			lies []byte
			goes bool
			name string // of the recording; default: r's
		}{
			"a head":                      {lies: head, goes: true},
			"a part of the head":          {lies: head[:3000], goes: true},
			"a part of the first header":  {lies: head[:100], goes: true},
			"nothing in the file":         {goes: true},
			"zeros":                       {lies: make([]byte, 9000), goes: true},
			"torn: zeros after":           {lies: append(bytes.Clone(head[:4096]), make([]byte, 4096)...), goes: true},
			"a head and the end":          {lies: w.wrote[whole.name], goes: true, name: whole.name},
			"a second of sound":           {lies: sound},
			"something else":              {lies: []byte("holiday pictures")},
			"another recording":           {lies: foreign},
			"something else, zeros ahead": {lies: append(make([]byte, 9000), "holiday pictures"...)},
			"zeros, too many":             {lies: make([]byte, maxHead+1)},
		} {
			name := r.name
			if c.name != "" {
				name = c.name
			}
			w.must(w.log.add("dropped", id(name), ""))
			for _, as := range []string{name, Beside(name, 2), Beside(name, maxNames), name + durable.TempSuffix,
				Beside(name, 2) + durable.TempSuffix} {
				before := files(w, w.sticks[0].disk)
				w.sticks[0].put(w, as, c.lies)
				w.set.Gone(name)
				<-time.After(time.Second)
				if w.there(0, as) == c.goes {
					t.Errorf("%s, as %s: it stays: %v", what, as, !c.goes)
				}
				if !c.goes {
					w.must(w.sticks[0].disk.Remove(as))
				}
				if after := files(w, w.sticks[0].disk); !maps.Equal(before, after) {
					t.Errorf("%s: there were %d files, and now %d", what, len(before), len(after))
				}
			}
		}
		// The head of a recording that was not discarded stays, and so does a file with another
		// name.
		for as, lies := range map[string][]byte{other.name: foreign, Beside(r.name, maxNames+1): head, "x" + r.name: head} {
			w.sticks[0].put(w, as, lies)
			w.set.Gone(r.name)
			<-time.After(time.Second)
			if !w.there(0, as) {
				t.Errorf("%s went", as)
			}
		}
	})
}

// Whatever fails while a store is cleared, recordings are still copied, and in the end it is clear.
func TestEveryOperationOfAClearingFails(t *testing.T) {
	ops := 0
	clears := func(t *testing.T, fault func(k *durabletest.Disk)) {
		in(t, 1, func(w *world) {
			k := w.sticks[0]
			w.start()
			r := w.begin(0)
			w.set.Began(r.name)
			w.within(time.Minute, "head", func() bool { return w.there(0, r.name) })
			<-time.After(time.Second)
			before := k.disk.Ops()
			fault(k.disk)
			w.drop(r)
			<-time.After(time.Second)
			ops = k.disk.Ops() - before
			w.record(1, 1000)
			w.set.Ended(w.left()[0], true)
			w.copied(6 * time.Minute)
			<-time.After(2 * lookEvery)
			w.end()
			if left := files(w, k.disk.PowerCut(0, durabletest.Sector)); len(left) != 1 || left[r.name] != "" {
				t.Errorf("%d files are left", len(left))
			}
		})
	}
	clears(t, func(*durabletest.Disk) {})
	t.Logf("%d operations", ops)
	for n := 1; n <= ops; n++ {
		for _, applied := range []bool{false, true} {
			fault := durabletest.Faults()[n%len(durabletest.Faults())]
			t.Run(fmt.Sprintf("%d %v applied=%v", n, fault, applied), func(t *testing.T) {
				clears(t, func(k *durabletest.Disk) { k.FailAt(n, fault, applied) })
			})
		}
	}
}

// A store that refuses removals still gets its copies, and is not asked over and over.
func TestAPlaceThatLetsNothingBeRemoved(t *testing.T) {
	in(t, 1, func(w *world) {
		w.start()
		r := w.begin(0)
		w.set.Began(r.name)
		w.within(time.Minute, "head", func() bool { return w.there(0, r.name) })
		for n := range 1000 {
			w.sticks[0].disk.FailOn("remove", n+1, syscall.EPERM, false)
		}
		w.drop(r)
		name := w.record(1, 1000)
		w.set.Ended(name, true)
		w.copied(time.Minute)
		running := w.begin(2)
		w.set.Began(running.name)
		<-time.After(day)
		if s := w.set.Stores()[0]; s.State != "ok" || !w.there(0, r.name) {
			t.Errorf("%+v", s)
		}
		w.sticks[0].disk.Mend()
		w.set.Ended(running.name, false)
		w.within(2*lookEvery, "end of it", func() bool { return !w.there(0, r.name) })
		w.end()
	})
}

// A ledger that can't be read stops a store from being cleared, not from getting copies.
func TestClearingWithoutTheLedger(t *testing.T) {
	in(t, 1, func(w *world) {
		w.start()
		defer w.end()
		r := w.begin(0)
		w.set.Began(r.name)
		w.within(time.Minute, "head", func() bool { return w.there(0, r.name) })
		w.log.refuse(errors.New("the ledger's disk failed"))
		w.drop(r)
		name := w.record(1, 1000)
		w.set.Ended(name, true)
		w.copied(time.Minute)
		w.log.refuse(nil)
		w.within(2*lookEvery, "end of it", func() bool { return !w.there(0, r.name) })
	})
}
