package take

import (
	"math/rand/v2"
	"testing"
	"time"

	"tacet/daemon/recording"
)

const (
	stepRate  = 8000
	stepBlock = stepRate / 10
)

// stepped runs a recording of so many blocks of 100 ms past a wall clock that is told by block, and
// returns the notes.
func stepped(blocks int, ahead func(block int) time.Duration) (notes []recording.ClockStep) {
	c := newClockSteps(stepRate, ahead(0))
	for b := range blocks {
		if n, due := c.look(int64(b)*stepBlock, ahead(b), 0); due {
			notes = append(notes, n)
		}
	}
	return notes
}

func sum(notes []recording.ClockStep) (all time.Duration) {
	for _, n := range notes {
		all += time.Duration(n.Seconds * float64(time.Second)).Round(time.Millisecond)
	}
	return all
}

// Each step of a quarter of a second or more is noted where it was, and smaller ones when they add
// up to that.
func TestClockSteps(t *testing.T) {
	ms := time.Millisecond
	for what, c := range map[string]struct {
		step        time.Duration
		every, n    int // blocks between two steps, and how many there are
		notes       int
		first, last float64 // seconds of the first and the last note
		all         time.Duration
	}{
		"none":       {0, 1, 1, 0, 0, 0, 0},
		"0.249 s":    {249 * ms, 50, 1, 0, 0, 0, 0},
		"0.25 s":     {250 * ms, 50, 1, 1, 0.25, 0.25, 250 * ms},
		"0.4 s":      {400 * ms, 50, 1, 1, 0.4, 0.4, 400 * ms},
		"0.9 s":      {900 * ms, 50, 1, 1, 0.9, 0.9, 900 * ms},
		"1.1 s back": {-1100 * ms, 50, 1, 1, -1.1, -1.1, -1100 * ms},
		"years": {56 * 365 * 24 * time.Hour, 50, 1, 1, 1766016000, 1766016000,
			56 * 365 * 24 * time.Hour},
		"twenty of 0.5 s, at once":    {500 * ms, 1, 20, 20, 0.5, 0.5, 10 * time.Second},
		"twenty of 0.5 s, in a min":   {500 * ms, 30, 20, 20, 0.5, 0.5, 10 * time.Second},
		"twenty of 0.5 s, in an hour": {500 * ms, 1800, 20, 20, 0.5, 0.5, 10 * time.Second},
		"twenty of 0.1 s back":        {-100 * ms, 50, 20, 6, -0.3, -0.3, -1800 * ms},
		"a hundred of 0.05 s":         {50 * ms, 50, 100, 20, 0.25, 0.25, 5 * time.Second},
		"slewed by 500 ppm":           {50 * time.Microsecond, 1, 36000, 7, 0.25, 0.25, 1750 * ms},
		"slewed by 8.3 %":             {8300 * time.Microsecond, 1, 36000, 1161, 0.257, 0.257, 298725 * ms},
	} {
		notes := stepped(c.every*(c.n+1)+100, func(b int) time.Duration {
			return time.Hour + c.step*time.Duration(min(b/c.every, c.n))
		})
		if len(notes) != c.notes || sum(notes) != c.all {
			t.Errorf("%s: %d notes of %v, want %d of %v", what, len(notes), sum(notes), c.notes, c.all)
			continue
		}
		if len(notes) > 0 && (notes[0].Seconds != c.first || notes[len(notes)-1].Seconds != c.last) {
			t.Errorf("%s: from %v to %v, want from %v to %v", what, notes[0], notes[len(notes)-1], c.first, c.last)
		}
		for i, n := range notes {
			if want := int64(c.every) * stepBlock * int64(i+1); c.notes == c.n && n.Sample != want {
				t.Errorf("%s: step %d is noted at %d, want %d", what, i+1, n.Sample, want)
			}
		}
	}
}

// However the clock is set about, the file isn't flooded: in no minute are there more notes than a
// burst and what the budget gives. And none is lost: when it rests, the notes add up to where it
// is.
func TestClockStepsAreBounded(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const blocks = 36000 // an hour
	at := make([]time.Duration, blocks+100)
	for b := 1; b < len(at); b++ {
		at[b] = at[b-1]
		if b < blocks {
			at[b] += time.Duration(rng.Int64N(int64(4*time.Second))) - 2*time.Second
		}
	}
	notes := stepped(len(at), func(b int) time.Duration { return at[b] })
	if off := (at[len(at)-1] - sum(notes)).Abs(); off > minStep+time.Millisecond {
		t.Errorf("the notes end %v off", off)
	}
	const minute = 60 * stepRate
	if most := stepBurst + int(time.Hour/stepEvery) + 10; len(notes) > most || len(notes) < most/2 {
		t.Errorf("%d notes in an hour, want at most %d, and not many fewer", len(notes), most)
	}
	for i := range notes {
		j := i
		for j < len(notes) && notes[j].Sample < notes[i].Sample+minute {
			j++
		}
		if most := stepBurst + int(time.Minute/stepEvery); j-i > most {
			t.Fatalf("%d notes in a minute, want at most %d", j-i, most)
		}
	}
}

// What may be no more than two clocks read at different times is no step; it is one when it can be
// told.
func TestClockStepsInDoubt(t *testing.T) {
	c := newClockSteps(stepRate, 0)
	for i, look := range []struct {
		ahead, doubt time.Duration
		want         float64
	}{
		{300 * time.Millisecond, 300 * time.Millisecond, 0},
		{0, 0, 0},
		{-700 * time.Millisecond, 460 * time.Millisecond, 0},
		{400 * time.Millisecond, 200 * time.Millisecond, 0},
		{400 * time.Millisecond, 100 * time.Millisecond, 0.4},
		{400 * time.Millisecond, time.Second, 0},
		{0, 0, -0.4},
	} {
		if n, _ := c.look(int64(i)*stepBlock, look.ahead, look.doubt); n.Seconds != look.want {
			t.Errorf("look %d: %v, want %v", i, n.Seconds, look.want)
		}
	}
}

// The wall clock is held against the monotonic one, and a reading that took long says so.
func TestWallAhead(t *testing.T) {
	since := time.Now()
	for _, set := range []time.Duration{0, 400 * time.Millisecond, -3 * time.Hour} {
		ahead, doubt := wallAhead(func() time.Time { return time.Now().Add(set) }, since)
		if (ahead - set).Abs() > doubt+time.Millisecond {
			t.Errorf("set by %v it is %v ahead, give or take %v", set, ahead, doubt)
		}
	}
}
