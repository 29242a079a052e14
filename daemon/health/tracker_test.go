package health_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tacet/daemon/health"
)

// declared looks up a warning. It fails if the warning does not have the times that the test needs.
func declared(t *testing.T, code health.Code, fits func(health.Warning) bool) health.Warning {
	t.Helper()
	w, ok := health.Lookup(code)
	if !ok || !fits(w) {
		t.Fatalf("%s does not suit this test: %+v", code, w)
	}
	return w
}

func damped(w health.Warning) bool { return w.After > 0 && w.Linger > 0 && w.Blocks }

// codes lists what is up, as the state topic does.
func codes(t *health.Tracker) string {
	var up []string
	for _, a := range t.Up() {
		up = append(up, string(a.Code))
	}
	return strings.Join(up, ",")
}

func pass(tr *health.Tracker, d time.Duration) {
	<-time.After(d) // fake time: all callers run in a bubble
	tr.Tick(time.Now())
}

func wantUp(t *testing.T, tr *health.Tracker, want, when string) {
	t.Helper()
	if got := codes(tr); got != want {
		t.Errorf("%s: %q is up, want %q", when, got, want)
	}
}

// A warning shows after After and clears after Linger. It blocks from the start.
func TestDamping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := declared(t, "mic-missing", damped)
		tr := health.NewTracker()
		start := time.Now()
		if !tr.Set("mic-missing", "a") || tr.Set("mic-missing", "b") {
			t.Error("only the first Set is new")
		}
		wantUp(t, tr, "", "at once")
		if !tr.Blocking() {
			t.Error("it does not block at once")
		}
		if at, ok := tr.Deadline(); !ok || at.Sub(start) != w.After {
			t.Errorf("deadline %v (%v), want %v", at.Sub(start), ok, w.After)
		}
		pass(tr, w.After-1)
		wantUp(t, tr, "", "just before its time")
		pass(tr, 1)
		wantUp(t, tr, "mic-missing", "at its time")
		if up := tr.Up()[0]; up.Since != start || up.Causes[0].Detail != "b" {
			t.Errorf("up since %v with %q", up.Since.Sub(start), up.Causes[0].Detail)
		}
		if _, ok := tr.Deadline(); ok {
			t.Error("a deadline with nothing to come")
		}

		tr.Clear("mic-missing")
		if tr.Blocking() {
			t.Error("it blocks after its cause has gone")
		}
		if at, ok := tr.Deadline(); !ok || time.Until(at) != w.Linger {
			t.Errorf("deadline in %v (%v), want %v", time.Until(at), ok, w.Linger)
		}
		pass(tr, w.Linger-1)
		wantUp(t, tr, "mic-missing", "just before it goes")
		if tr.Set("mic-missing", "c") {
			t.Error("coming back within the time counts as new")
		}
		pass(tr, time.Hour)
		wantUp(t, tr, "mic-missing", "back again")
		tr.Clear("mic-missing")
		pass(tr, w.Linger)
		wantUp(t, tr, "", "gone for good")
		if !tr.Set("mic-missing", "") {
			t.Error("coming back later does not count as new")
		}
		tr.Clear("mic-missing")
		<-time.After(2 * w.Linger)
		if !tr.Set("mic-missing", "") {
			t.Error("coming back later, with no tick between, does not count as new")
		}
	})
}

// A cause that flaps shows once and stays up.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := declared(t, "mic-missing", damped)
		tr := health.NewTracker()
		seen := map[string]int{}
		tr.OnChange(func() { seen[codes(tr)]++ })
		news := 0
		for range 100 {
			if tr.Set("mic-missing", "") {
				news++
			}
			pass(tr, w.Linger/4)
			tr.Clear("mic-missing")
			pass(tr, w.Linger/4)
		}
		wantUp(t, tr, "mic-missing", "after a hundred times")
		if news != 1 {
			t.Errorf("%d of a hundred are new, want 1", news)
		}
		pass(tr, w.Linger)
		wantUp(t, tr, "", "when it is well at last")

		tr.Set("mic-missing", "")
		pass(tr, w.After/2)
		tr.Clear("mic-missing")
		pass(tr, 2*w.Linger)
		wantUp(t, tr, "", "a short one")
	})
}

// An event stays up for its time without being cleared.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := declared(t, "samples-lost", func(w health.Warning) bool { return w.Lasts > 0 })
		tr := health.NewTracker()
		tr.Set("samples-lost", "0.2 s")
		wantUp(t, tr, "samples-lost", "at once")
		pass(tr, w.Lasts/2)
		tr.Set("samples-lost", "0.3 s")
		pass(tr, w.Lasts-1)
		wantUp(t, tr, "samples-lost", "renewed")
		if at, ok := tr.Deadline(); !ok || time.Until(at) != 1 {
			t.Errorf("deadline in %v (%v)", time.Until(at), ok)
		}
		pass(tr, 1)
		wantUp(t, tr, "", "after its time")
		if _, ok := tr.Deadline(); ok {
			t.Error("a deadline with nothing to come")
		}
	})
}

// A note is not a problem, and comes last. It clears when a recording that started after it has
// ended well, or after its time. A problem stays.
func TestNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := declared(t, "recording-interrupted", func(w health.Warning) bool { return w.Severity == health.Note })
		tr := health.NewTracker()
		changes := 0
		tr.OnChange(func() { changes++ })
		before := time.Now()
		pass(tr, time.Second)
		tr.SetFor("recording-interrupted", "7q4k9mz2ha", "")
		if health.Problems(tr.Up()) {
			t.Error("a note counts as a problem")
		}
		tr.Set("samples-lost", "")
		wantUp(t, tr, "samples-lost,recording-interrupted", "notes come last")
		if !health.Problems(tr.Up()) {
			t.Error("a problem beside a note is none")
		}
		tr.EndedWell(before)
		wantUp(t, tr, "samples-lost,recording-interrupted", "a recording that ran at the time has ended")
		pass(tr, time.Second)
		changes = 0
		tr.EndedWell(time.Now())
		wantUp(t, tr, "samples-lost", "the next recording has ended")
		if changes != 1 {
			t.Errorf("that is reported %d times, want once", changes)
		}
		tr.Set("recording-interrupted", "")
		pass(tr, w.Lasts-1)
		wantUp(t, tr, "recording-interrupted", "just before a day is over")
		pass(tr, 1)
		wantUp(t, tr, "", "after a day")
	})
}

// Several stores make one warning with several causes.
func TestInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		declared(t, "store-behind", func(w health.Warning) bool { return w.After == 0 && w.Linger > 0 })
		tr := health.NewTracker()
		tr.SetFor("store-behind", "nas", "2 recordings")
		for i := range 20 {
			<-time.After(time.Second)
			tr.SetFor("store-behind", fmt.Sprint(i), "")
		}
		if up := tr.Up()[0]; time.Since(up.Since) != 20*time.Second || len(up.Causes) != 21 {
			t.Errorf("up since %v for %d causes", time.Since(up.Since), len(up.Causes))
		}
		for i := range 20 {
			tr.ClearFor("store-behind", fmt.Sprint(i))
		}
		pass(tr, time.Minute)
		tr.SetFor("store-behind", "drive", "")
		tr.Set("recipients-bad", "")
		tr.Set("light-sense", "")
		wantUp(t, tr, "recipients-bad,light-sense,store-behind", "what blocks first, then faults")
		up := tr.Up()[2]
		if len(up.Causes) != 2 || up.Causes[0].On != "drive" || up.Causes[1].On != "nas" {
			t.Errorf("up: %+v", up)
		}
		tr.ClearFor("store-behind", "nas")
		pass(tr, time.Hour)
		if up := tr.Up()[2]; len(up.Causes) != 1 || up.Causes[0].On != "drive" {
			t.Errorf("up: %+v", up)
		}
		tr.SetFor("store-behind", "nas", "")
		tr.Clear("store-behind")
		pass(tr, time.Hour)
		wantUp(t, tr, "recipients-bad,light-sense", "all cleared")

		for i := range 1000 {
			tr.SetFor("store-behind", fmt.Sprint("s", i), "")
		}
		if n := len(tr.Up()[2].Causes); n > 100 {
			t.Errorf("%d causes are kept", n)
		}
	})
}

// A detail is one bounded line. An undeclared code raises internal-error.
func TestDetails(t *testing.T) {
	tr := health.NewTracker()
	tr.Set("mic-fault", " two\nlines\x00 "+strings.Repeat("é", 1000))
	detail := tr.Up()[0].Causes[0].Detail
	if !strings.HasPrefix(detail, "two lines é") || len([]rune(detail)) > 301 {
		t.Errorf("detail: %q", detail)
	}
	tr.Set("no-such-code", "x")
	wantUp(t, tr, "mic-fault,internal-error", "undeclared")
	if d := tr.Up()[1].Causes[0].Detail; !strings.Contains(d, "no-such-code") {
		t.Errorf("detail: %q", d)
	}
}

// OnChange is called, without a lock held, for exactly the visible changes.
func TestOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := declared(t, "mic-missing", damped)
		tr := health.NewTracker()
		calls := 0
		tr.OnChange(func() { calls++; tr.Up(); tr.Blocking() })
		step := func(what string, want int, do func()) {
			t.Helper()
			calls = 0
			if do(); calls != want {
				t.Errorf("%s: %d calls, want %d", what, calls, want)
			}
		}
		step("it blocks", 1, func() { tr.Set("mic-missing", "a") })
		step("again", 0, func() { tr.Set("mic-missing", "a") })
		step("it shows", 1, func() { pass(tr, w.After) })
		step("time passes", 0, func() { pass(tr, time.Hour) })
		step("another detail", 1, func() { tr.Set("mic-missing", "b") })
		step("it no longer blocks", 1, func() { tr.Clear("mic-missing") })
		step("cleared again", 0, func() { tr.Clear("mic-missing") })
		step("it goes", 1, func() { pass(tr, w.Linger) })
		step("nothing there", 0, func() { tr.Clear("mic-missing") })
	})
}

// For any sequence of sets and clears: between two ticks nothing changes except at the deadline, a
// warning without delay shows while its cause lasts, and recording is blocked exactly while the
// cause of a blocking warning lasts.
func TestDeadlineTellsAll(t *testing.T) {
	script := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) act {
		return act{
			code: rapid.SampledFrom(acted).Draw(rt, "code"),
			set:  rapid.Bool().Draw(rt, "set"),
			wait: rapid.IntRange(0, 20).Draw(rt, "seconds"),
		}
	}), 1, 60)
	rapid.Check(t, func(rt *rapid.T) {
		acts, wrong := script.Draw(rt, "acts"), ""
		synctest.Test(t, func(*testing.T) { wrong = play(acts, health.NewTracker()) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

var acted = []health.Code{"mic-missing", "spool-low", "samples-lost", "light-fault", "store-full"}

// act is one call of a tracker, and the seconds before the next.
type act struct {
	code health.Code
	set  bool
	wait int
}

// play returns what went wrong.
func play(acts []act, tr *health.Tracker) string {
	stands := map[health.Code]bool{}
	for _, act := range acts {
		w, _ := health.Lookup(act.code)
		if act.set {
			tr.Set(act.code, "")
			stands[act.code] = w.Lasts == 0
		} else if w.Lasts == 0 {
			tr.Clear(act.code)
			delete(stands, act.code)
		}
		if want := stands["mic-missing"] || stands["light-fault"]; tr.Blocking() != want {
			return fmt.Sprintf("blocking: %v, want %v", tr.Blocking(), want)
		}
		for range act.wait {
			before, next := codes(tr), time.Now().Add(time.Second)
			at, ok := tr.Deadline()
			pass(tr, time.Second)
			if due := ok && !at.After(next); codes(tr) != before && !due {
				return fmt.Sprintf("%q became %q, with the deadline at %v (%v)", before, codes(tr), at, ok)
			}
		}
		if w.After == 0 && stands[act.code] && !strings.Contains(codes(tr), string(act.code)) {
			return string(act.code) + " stands and does not show"
		}
	}
	for _, code := range acted {
		tr.Clear(code)
	}
	pass(tr, 48*time.Hour)
	if up := codes(tr); up != "" {
		return "in the end these are up: " + up
	}
	return ""
}

// Any goroutine may use it.
func TestConcurrent(t *testing.T) {
	tr := health.NewTracker()
	tr.OnChange(func() { tr.Deadline() })
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				tr.SetFor("store-full", fmt.Sprint(i), "")
				tr.Up()
				tr.ClearFor("store-full", fmt.Sprint(i))
				tr.Tick(time.Now())
				tr.Blocking()
			}
		})
	}
	all.Wait()
}
