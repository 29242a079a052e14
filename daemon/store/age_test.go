//go:build unix

package store

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"tacet/daemon/recording"
)

// Days before and after now in these tests, where it is the year 2000, for recordings of units
// whose clock was not set.
const (
	in1970 = 10950
	in2030 = -11000
)

// A copy is removed when it is known to be old enough: by its name, if the clock was set at its
// start; or since its ledger entry, if the clock was set by then. If neither is known it stays.
func TestKeepGoesByWhatIsKnown(t *testing.T) {
	for what, c := range map[string]struct {
		days             int  // before its copy was made, as the name has it
		began, noted     bool // with the clock set
		stays, goes      int  // days after the copy was made at which it is there still, and has gone; 0: never
		unsetFrom, setAt int  // days between which the clock is not set
	}{
		"of 1970, noted by a right clock":              {in1970, false, true, 29, 32, 0, 0},
		"of 1970, noted by no right clock":             {in1970, false, false, 200, 0, 0, 0},
		"of 2030, noted by a right clock":              {in2030, false, true, 29, 32, 0, 0},
		"of 2030, noted by no right clock":             {in2030, false, false, 200, 0, 0, 0},
		"named for yesterday, noted by no right clock": {1, false, false, 200, 0, 0, 0},
		"of the day before yesterday":                  {2, true, true, 27, 30, 0, 0},
		"the same, noted by no right clock":            {2, true, false, 27, 30, 0, 0},
		"old when it was copied":                       {100, true, false, 0, 2, 0, 0},
		"while the clock is not set":                   {2, true, true, 60, 63, 1, 61},
	} {
		t.Run(what, func(t *testing.T) {
			in(t, 2, func(w *world) {
				w.keep = 30 * day
				w.clock = map[bool]string{true: "synced", false: "unsynced"}[c.began]
				w.log.unset = !c.noted
				file := w.record(ago(c.days), 1000)
				w.start()
				w.copied(time.Minute)
				both := func() bool { return w.there(0, file) && w.there(1, file) }
				for d := 1; d <= max(c.stays, c.goes); d++ {
					if w.unset.Store(c.unsetFrom > 0 && c.unsetFrom <= d && d < c.setAt); d == 3 {
						w.end() // what is known has to outlive a start
						w.start()
					}
					<-time.After(day)
					if d <= c.stays && !both() {
						t.Fatalf("it went on day %d", d)
					}
				}
				if c.goes > 0 && both() {
					t.Errorf("it is there after %d days: %v", c.goes, w.log.lines())
				}
				w.end()
				if w.whole(file) == 0 {
					t.Error("the last copy went")
				}
			})
		})
	}
}

// How long recordings have waited never depends on a clock that was not set: it is known for new
// ones; one that was found has waited at least since then.
func TestWaitingGoesByWhatIsKnown(t *testing.T) {
	const soon = time.Minute
	in(t, 1, func(w *world) {
		w.sticks[0].away = errAway
		waited := func(what string, n int, want time.Duration) {
			t.Helper()
			pending, oldest := w.set.Pending()
			s := w.set.Stores()[0]
			age := oldest.Age(time.Now())
			if pending != n || s.Pending != n || s.Oldest != oldest || age < want-soon || age > want+soon {
				t.Errorf("%s: %d wait for %v (the store: %d, %v), want %d for %v", what, pending, age, s.Pending,
					s.Oldest.Age(time.Now()), n, want)
			}
			if got := time.Since(oldest.Shown(time.Now())); got < want-soon || got > want+soon {
				t.Errorf("%s: it is shown as of %v ago, want %v", what, got, want)
			}
		}
		w.start()
		if n, oldest := w.set.Pending(); n != 0 || !oldest.IsZero() {
			t.Errorf("nothing waits: %d, %v", n, oldest)
		}
		w.clock = "unsynced"
		w.set.Ended(w.record(ago(in1970), 1000), true)
		waited("one of 1970 comes", 1, 0)
		<-time.After(25 * time.Hour)
		waited("a day later", 1, 25*time.Hour)
		w.set.Ended(w.record(ago(in2030), 1000), true)
		w.clock = ""
		w.set.Ended(w.record(ago(0), 1000), true)
		waited("another and another", 3, 25*time.Hour)
		w.end()

		w.start()
		waited("found by the next start", 3, 0) // the third was made now
		w.record(ago(3), 1000)
		w.end()
		w.start()
		waited("with one of three days ago", 4, 72*time.Hour)
		w.unset.Store(true)
		waited("the clock is not set", 4, 0)
		<-time.After(time.Hour)
		waited("an hour later", 4, time.Hour)
		w.unset.Store(false)
		waited("it is set", 4, 73*time.Hour)
		w.end()
	})
}

// Waiting recordings are copied from both ends of the order of ages: new ones are younger than
// those that were found, whatever their names say.
func TestOrderGoesByWhatIsKnown(t *testing.T) {
	x := newIndex(1)
	at := func(year int) string {
		return recording.Name(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), "room-3", recording.NewID())
	}
	found := []string{at(2025), at(2026), at(1971), at(2040)}
	for i, d := range []dating{dated, dated, notDated, notDated} {
		x.put(found[i], false, true, nil, d)
	}
	came := []string{at(2026), at(1970), at(2035), at(2026)}
	for _, n := range came {
		x.put(n, true, false, nil, cameNow)
		x.put(n, false, true, nil, cameNow)
	}
	for _, newest := range []bool{false, true} {
		want := slices.Concat(found, came)
		if newest {
			slices.Reverse(want)
		}
		passed := map[string]bool{}
		for i, n := range want {
			if got := x.next(0, newest, func(name string) bool { return passed[name] }); got != n {
				t.Errorf("number %d from the end (newest: %v) is %s, want %s", i+1, newest, got, n)
			}
			passed[n] = true
		}
	}
	for i, n := range slices.Concat(came, found) {
		x.drop(n)
		if left, _ := x.pending(0, true); left != 7-i {
			t.Errorf("%d are left, want %d", left, 7-i)
		}
	}
}

// Nothing is known about a recording whose head can't be read, or is another's.
func TestClockSynced(t *testing.T) {
	in(t, 1, func(w *world) {
		good := w.record(ago(1), 1000, 1000)
		w.clock = "unsynced"
		bad := w.record(ago(1), 1000, 1000)
		live := w.begin(ago(0)) // still written, and without the clock
		is := func(what, name string, want bool) {
			t.Helper()
			if got := (&Set{Settings: Settings{Spool: w.spool}}).clockSynced(name); got != want {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		is("synced", good, true)
		is("unsynced", bad, false)
		is("running", live.name, false)
		is("none", recording.Name(time.Now(), "room-3", recording.NewID()), false)
		other := recording.Name(time.Now(), "room-3", recording.NewID())
		w.must(w.disk.Rename(good, other))
		is("of another name", other, false)
		w.must(w.disk.Rename(other, good))
		f, err := w.disk.Create(other)
		w.must(err)
		forged := slices.Clone(w.wrote[bad])
		copy(forged[indexOf(forged, `"unsynced"`):], `"synced"  `)
		_, err = f.Write(forged)
		w.must(err)
		w.must(f.Sync())
		w.must(f.Close())
		w.must(w.disk.Rename(other, bad))
		is("with a head that was changed", bad, false)
	})
}

func indexOf(data []byte, text string) int {
	for i := range data {
		if string(data[i:min(len(data), i+len(text))]) == text {
			return i
		}
	}
	panic(text)
}

// Setting the unit's clock while a recording waits makes it neither older nor younger; it is shown
// by the present clock. One that started when its name says is as old as the clock says.
func TestSince(t *testing.T) {
	in(t, 0, func(w *world) {
		came, named := Since{time.Now(), false}, Since{time.Now(), true}
		<-time.After(time.Hour)
		for _, set := range []time.Duration{0, 30 * 365 * day, -29 * 365 * day, 500 * time.Millisecond} {
			wall := time.Now().Add(set)
			if got := came.Age(wall); got != time.Hour {
				t.Errorf("the clock set by %v, what came is %v old, want an hour", set, got)
			}
			if got, want := came.Shown(wall), wall.Add(-time.Hour).Round(time.Second); !got.Equal(want) {
				t.Errorf("the clock set by %v, it is shown as of %v, want %v", set, got, want)
			}
			if got, want := named.Age(wall), max(0, time.Hour+set); got != want {
				t.Errorf("the clock set by %v, what was named is %v old, want %v", set, got, want)
			}
			if got := named.Shown(wall); set >= 0 && !got.Equal(named.at) {
				t.Errorf("the clock set by %v, what was named is shown as of %v, want %v", set, got, named.at)
			}
		}
	})
}

// Of several entries with a clock that was set the first counts, whatever order the stores made.
func TestThereSince(t *testing.T) {
	in(t, 2, func(w *world) {
		start := time.Now()
		w.log.unset = true
		w.must(w.log.Copied("a", "store-0"))
		w.log.unset = false
		<-time.After(day)
		w.must(w.log.Copied("a", "store-1"))
		<-time.After(day)
		w.must(w.log.Expired("a", "store-1"))
		w.must(w.log.Copied("a", "store-1"))
		w.log.unset = true
		w.must(w.log.Copied("a", "store-0"))
		w.must(w.log.Copied("b", "formerly"))
		w.start()
		defer w.end()
		all, err := w.set.history()
		w.must(err)
		if got := all["a"].ended.Sub(start); got != day {
			t.Errorf("it is known to be there after %v, want a day", got)
		}
		if all["b"] != nil {
			t.Error("something is known of a store that is not configured")
		}
	})
}

// If a head can't be read when the spool is listed, only the recording's age is unknown.
func TestUnreadableHead(t *testing.T) {
	const most = 16 // there are fewer reads
	unknown := 0
	for n := 1; n <= most; n++ {
		in(t, 1, func(w *world) {
			w.sticks[0].away = errAway
			w.record(ago(3), 1000)
			w.disk.FailOn("read", n, syscall.EIO, false)
			w.between = w.disk.Mend
			w.start()
			defer w.end()
			got, oldest := w.set.Pending()
			if age := oldest.Age(time.Now()); age == 0 {
				unknown++
			} else if got != 1 || age < 71*time.Hour || age > 73*time.Hour {
				t.Errorf("read %d fails: %d wait for %v", n, got, age)
			}
			w.sticks[0].take(nil, nil)
			w.copied(time.Minute)
		})
	}
	if unknown == 0 || unknown == most {
		t.Errorf("%d of %d reads that failed left the age unknown", unknown, most)
	}
}
