package daemon_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
)

// A card that does not keep its rate loses nothing and gets no silence. A warning and the file say
// its real rate.
func TestACardsRateIsNoted(t *testing.T) {
	for _, c := range []struct {
		speed float64
		said  string // in the warning and in the file; empty: neither
	}{{1, ""}, {0.95, "7600"}, {1.0125, "8100"}, {1.5, "12000"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, "room")
			r.mic.speed = c.speed
			r.boot()
			r.phase("idle", time.Second)
			r.press("room")
			r.phase("recording", time.Second)
			pause(30 * time.Second)
			if got := slices.Contains(r.warnings(), "mic-pace"); got != (c.said != "") {
				t.Errorf("at %g times the rate mic-pace is up: %v", c.speed, got)
			}
			for _, w := range r.d.Status().Warnings {
				if !strings.Contains(w.Message(), c.said+" samples a second instead of 8000") {
					t.Errorf("at %g times its rate: %s", c.speed, w.Message())
				}
			}
			r.press("room")
			r.phase("idle", 5*time.Second)
			r.finish()
			rep := r.reports()[0]
			if rep.State != recording.Whole || len(rep.End.Gaps) > 0 || slices.Contains(r.kept(0), 0) {
				t.Errorf("%v, gaps %v", rep.State, rep.End.Gaps)
			}
			if want := 30 * rate * c.speed; float64(rep.End.Samples) < want {
				t.Errorf("%d samples, in 30 s at %g times 8000", rep.End.Samples, c.speed)
			}
			if noted := r.spoolHolds(`"rates":[{"sample":`); noted != (c.said != "") || noted &&
				!r.spoolHolds(`"rate":`+c.said+"}]") {
				t.Errorf("at %g times the rate the file says so: %v", c.speed, noted)
			}
		})
	}
}

// A better card clears the warning.
func TestAGoodCardClearsTheWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.mic.speed = 1.1
		r.boot()
		r.phase("idle", time.Second)
		for _, speed := range []float64{1.1, 1} {
			r.mic.set(func(m *mic) { m.speed = speed })
			r.press("room")
			r.phase("recording", time.Second)
			pause(30 * time.Second)
			if got := slices.Contains(r.warnings(), "mic-pace"); got != (speed != 1) {
				t.Errorf("at %g times the rate mic-pace is up: %v", speed, got)
			}
			r.press("room")
			r.phase("idle", 5*time.Second)
			pause(time.Minute)
		}
		r.finish()
	})
}
