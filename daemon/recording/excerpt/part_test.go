package excerpt

import (
	"slices"
	"testing"
	"time"

	"tacet/daemon/recording"
)

// TestSelect: the start rounds down, the end up, what is withheld outward, and over the codec's
// lookahead.
func TestSelect(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	x := &recording.Index{Proof: recording.Proof{Segments: 100, Head: recording.Head{Audio: recording.Audio{Rate: 1000}},
		End: &recording.End{Samples: 99_400}}}
	for _, c := range []struct {
		from, to int
		without  []Stretch
		want     Span
		withheld []Span
	}{
		{0, 99_400, nil, Span{From: 0, To: 100}, nil},
		{0, 100_000, nil, Span{From: 0, To: 100}, nil},
		{1999, 3001, nil, Span{From: 1, To: 4}, nil},
		{2000, 3000, nil, Span{From: 2, To: 3}, nil},
		{0, 60_000, []Stretch{{ms(30_000), ms(34_000)}}, Span{From: 0, To: 60}, []Span{{From: 30, To: 34}}},
		{0, 60_000, []Stretch{{ms(30_900), ms(33_100)}}, Span{From: 0, To: 60}, []Span{{From: 30, To: 34}}},
		{0, 60_000, []Stretch{{ms(30_900), ms(33_950)}}, Span{From: 0, To: 60}, []Span{{From: 30, To: 34}}},
		{0, 60_000, []Stretch{{ms(30_900), ms(33_951)}}, Span{From: 0, To: 60}, []Span{{From: 30, To: 35}}},
		{0, 60_000, []Stretch{{ms(40_000), ms(41_000)}, {ms(20_000), ms(22_000)}, {ms(21_000), ms(23_000)},
			{ms(23_000), ms(24_000)}}, Span{From: 0, To: 60}, []Span{{From: 20, To: 24}, {From: 40, To: 41}}},
		{10_000, 20_000, []Stretch{{ms(5_000), ms(12_000)}, {ms(30_000), ms(40_000)}}, Span{From: 10, To: 20},
			[]Span{{From: 10, To: 12}}},
	} {
		p, err := Select(x, ms(c.from), ms(c.to), c.without)
		if err != nil || p.Span != c.want || !slices.Equal(p.Withheld, c.withheld) {
			t.Errorf("%d to %d without %v: %+v, %v", c.from, c.to, c.without, p, err)
		}
	}
	for _, c := range []struct {
		from, to int
		without  []Stretch
	}{
		{-1, 5000, nil}, {99_400, 99_500, nil}, {5000, 5000, nil}, {0, 200_000, nil},
		{0, 5000, []Stretch{{ms(0), ms(5000)}}}, {0, 5000, []Stretch{{ms(3000), ms(2000)}}},
	} {
		if p, err := Select(x, ms(c.from), ms(c.to), c.without); err == nil {
			t.Errorf("%d to %d without %v: %+v", c.from, c.to, c.without, p)
		}
	}
}
