package daemon_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
	"tacet/hw/simpanel"
)

// span returns when the first and the last kept sample were captured, in milliseconds modulo what a
// sample holds. It fails the test if one is missing, doubled or out of order.
func (r *room) span(kept []int16) (first, last int64) {
	r.Helper()
	if len(kept) == 0 {
		r.Fatal("nothing was kept")
	}
	for i := range kept {
		want := (int64(kept[0])-1+int64(i/perMS))%32767 + 1
		if int64(kept[i]) != want {
			r.Fatalf("sample %d of %d was captured at %d ms, not %d: a sample before it is missing or doubled", i, len(kept),
				kept[i], want)
		}
	}
	return int64(kept[0]) - 1, int64(kept[len(kept)-1]) - 1
}

// since returns how long after t a sample with the time ms was captured.
func since(t time.Time, ms int64) time.Duration {
	d := (ms - t.UnixMilli()%32767) % 32767
	switch {
	case d < -16384:
		d += 32767
	case d > 16384:
		d -= 32767
	}
	return time.Duration(d) * time.Millisecond
}

func TestPressRecordPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		gave := time.Now()
		r.press("room")
		r.phase("recording", time.Second)
		pause(10*time.Second + 37*time.Millisecond)
		withdrew := time.Now()
		r.press("room")
		r.phase("idle", 5*time.Second)
		if err := r.halt(); err != nil {
			t.Error(err)
		}

		first, last := r.span(r.kept(0))
		if d := since(gave, first); d < 100*time.Millisecond {
			t.Errorf("the first sample was captured %s after the press started, before it ended", d)
		}
		if d := since(withdrew, last); d >= 0 || d < -250*time.Millisecond {
			t.Errorf("the last sample was captured %s after the withdrawal", d)
		}
		reports := r.reports()
		if len(reports) != 1 || reports[0].State != recording.Whole {
			t.Fatalf("on the spool: %+v", reports)
		}
		if got := reports[0].End.Samples; got != int64(len(r.kept(0))) {
			t.Errorf("end.json counts %d samples, %d were kept", got, len(r.kept(0)))
		}
		if v := r.spool.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}

func TestEveryPartyMustAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "patient", "clinician")
		r.boot()
		r.phase("idle", time.Second)
		r.press("patient")
		r.phase("waiting", time.Second)
		if g := r.shows(); g != simpanel.Pulse {
			t.Errorf("while it waits the light is %s", g)
		}
		r.press("clinician")
		r.phase("recording", time.Second)
		pause(time.Second)
		if err := r.halt(); err != nil {
			t.Error(err)
		}
		if got := r.reports()[0]; got.State != recording.Whole || got.End.Reason != "stopped" {
			t.Errorf("after a stop: %v, %v", got.State, got.End)
		}
		if g := r.shows(); g != simpanel.Off {
			t.Errorf("after a stop the light is %s", g)
		}
	})
}
