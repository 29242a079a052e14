package audiotest

import (
	"slices"
	"testing"
)

func TestHissIsFoundAgain(t *testing.T) {
	whole := Hiss(0, 4*Rate)
	if !slices.Equal(Hiss(12345, 1000), whole[12345:13345]) {
		t.Fatal("a part of the hiss differs from the whole")
	}
	for _, at := range []int64{0, 4711, 3 * Rate} {
		noisy := Samples(Mix(Floats(whole[at:at+markLength]), RMS(Floats(whole)), White(1, markLength)))
		if index, like := Locate(noisy, 0, 4*Rate); index != at || like < 0.5 {
			t.Errorf("%d was found at %d (%.2f)", at, index, like)
		}
	}
	if index, like := Locate(Samples(scale(White(2, markLength), 0.1)), 0, 4*Rate); like > 0.1 {
		t.Errorf("white noise was found at %d (%.2f)", index, like)
	}
}

func TestFollowSeesALoss(t *testing.T) {
	whole := Hiss(0, 4*Rate)
	recorded := slices.Concat(make([]int16, Rate), whole[:2*Rate], whole[2*Rate+14400:])
	marks := Follow(recorded, 4*Rate)
	for _, m := range marks {
		want := m.At - Rate
		if m.At >= 3*Rate {
			want += 14400
		}
		// A mark that spans the loss or the start may belong to either side.
		if m.Index != int64(want) && m.At < 3*Rate-markLength && m.At >= Rate {
			t.Errorf("%+v, expected %d", m, want)
		}
		if m.Index != int64(want) && m.At >= 3*Rate {
			t.Errorf("%+v, expected %d", m, want)
		}
	}
	if len(marks) < 12 {
		t.Errorf("only %d marks", len(marks))
	}
}
