package e2e_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/daemon/recording"
)

// killCosts is the most that a kill may cost, from the kill back to the last sound that is kept:
// the running second, what is held back, one period of the card, and one sync.
const killCosts = time.Second + 200*time.Millisecond + 100*time.Millisecond + 100*time.Millisecond

// lateMost is how late the machine may be for that to hold. On a slower machine the sound itself
// comes late.
const lateMost = 200 * time.Millisecond

// killsAtATime is how many kills one unit suffers.
const killsAtATime = 10

// The process is killed at random moments of a recording. The file opens afterwards, and only its
// end is lost.
func TestKilledWhileRecording(t *testing.T) {
	t.Parallel()
	units := 1
	if os.Getenv("TACET_SOAK") != "" {
		units = 20
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var costs []time.Duration
	for n := range units {
		t.Run(strconv.Itoa(n+1), func(t *testing.T) { costs = append(costs, killAgainAndAgain(t, random)...) })
	}
	slices.Sort(costs)
	if n := len(costs); n > 0 {
		t.Logf("%d kills cost %v at least, %v in the middle, nine of ten at most %v, the worst %v", n, costs[0], costs[n/2],
			costs[n*9/10], costs[n-1])
	}
}

// killAgainAndAgain kills a unit in its recordings, and returns what each has lost.
func killAgainAndAgain(t *testing.T, random *rand.Rand) (costs []time.Duration) {
	room := audiotest.NewPulse(t)
	code := speak(t, room)
	late := watchLateness(t)
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Parties: []string{"room"}})
	demo := unit.Start(t, room.Env()...)
	for n := 1; n <= killsAtATime; n++ {
		demo.Consent()
		recordingSince := time.Now()
		list := demo.Panel().Recordings // ordered by second, which two can share
		now := slices.IndexFunc(list, func(r demotest.Recording) bool { return r.State != "interrupted" })
		if len(list) != n || now < 0 {
			t.Fatalf("in its recording %d it has %+v", n, list)
		}
		file := list[now].File
		after := time.Duration(random.Int64N(int64(3500 * time.Millisecond)))
		<-time.After(after)
		busy, killed := late.lately(), time.Now()
		demo.Kill()
		demo = unit.Start(t, room.Env()...)
		demo.Until("its recovery", demotest.Ended(n, "interrupted"))

		lost := lostBy(t, unit, file, code, recordingSince, killed)
		costs = append(costs, lost)
		if lost > killCosts && (busy < lateMost || lost > killCosts+busy) {
			t.Errorf("killed %v into a recording: the last %v are lost (the machine was late by %v)", after, lost, busy)
		}
	}
	if code := demo.Stop(); code != 0 {
		t.Errorf("it exits with %d", code)
	}
	return costs
}

// lostBy returns how long before the kill the sound of an interrupted recording ends. Without sound
// it counts from when the unit said that it records.
func lostBy(
	t *testing.T, unit *demotest.Unit, file string, code spoken, recordingSince, killed time.Time,
) time.Duration {
	t.Helper()
	data := read(t, unit.Path(file))
	rep, err := recording.Verify(bytes.NewReader(data), int64(len(data)), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.State != recording.Interrupted || rep.End == nil || rep.End.Reason != recording.InterruptedBy {
		t.Fatalf("it is %v, %+v", rep.State, rep.End)
	}
	if rep.End.Samples == 0 {
		return killed.Sub(recordingSince)
	}
	sound, _ := unit.Open(t, file)
	samples := decode(t, sound)
	if int64(len(samples)) != rep.End.Samples {
		t.Errorf("it says that it has %d samples, and has %d", rep.End.Samples, len(samples))
	}
	last := oneRun(t, samples) + int64(len(samples))
	return killed.Sub(code.due(last))
}
