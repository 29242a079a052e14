package e2e_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

// A killed process costs at most one second: the segment that was being filled. Beside it goes what the daemon had not let
// through yet: a period of the card's, and another until the lines are read again.
const (
	segment  = time.Second
	holdBack = 250 * time.Millisecond
)

// killsAtATime is how many a unit is subjected to, one after the other.
const killsAtATime = 10

// The power goes at random moments of a recording. What was on disk before opens after, and only the last second is lost.
func TestKilledWhileRecording(t *testing.T) {
	t.Parallel()
	units := 1
	if os.Getenv("TACET_SOAK") != "" {
		units = 20
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var worst time.Duration
	for n := range units {
		t.Run(strconv.Itoa(n+1), func(t *testing.T) { worst = max(worst, killAgainAndAgain(t, random)) })
	}
	t.Logf("of %d kills the worst cost %v", units*killsAtATime, worst)
}

// killAgainAndAgain kills a unit in its recordings and returns the most that one of them has lost.
func killAgainAndAgain(t *testing.T, random *rand.Rand) (worst time.Duration) {
	room := audiotest.NewPulse(t)
	code := speak(t, room)
	late := watchLateness(t)
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Parties: []string{"room"}})
	demo := unit.Start(t, room.Env()...)
	for n := 1; n <= killsAtATime; n++ {
		demo.Consent()
		file := demo.Panel().Recordings[n-1].File
		after := segment + holdBack + time.Duration(random.Int64N(int64(2500*time.Millisecond)))
		<-time.After(after)
		busy, killed := late.lately(), time.Now()
		demo.Kill()
		demo = unit.Start(t, room.Env()...)
		demo.Until("its recovery", demotest.Ended(n, "interrupted"))

		lost := lostBy(t, unit, file, code, killed)
		if worst = max(worst, lost); lost > segment+holdBack+busy {
			t.Errorf("killed %v into a recording: the last %v are lost (the machine was late by %v)", after, lost, busy)
		}
	}
	if code := demo.Stop(); code != 0 {
		t.Errorf("it exits with %d", code)
	}
	return worst
}

// lostBy opens a recording that was interrupted and says how long before the kill its sound ends.
func lostBy(t *testing.T, unit *demotest.Unit, file string, code spoken, killed time.Time) time.Duration {
	t.Helper()
	rep := unit.Report(t, file)
	if rep.State.String() != "interrupted" || rep.End == nil || rep.End.Reason != "interrupted" {
		t.Fatalf("it is %v, %+v", rep.State, rep.End)
	}
	sound, _ := unit.Open(t, file)
	samples := decode(t, sound)
	last := oneRun(t, samples) + int64(len(samples))
	return killed.Sub(code.due(last))
}
