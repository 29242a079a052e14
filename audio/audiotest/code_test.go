package audiotest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCodeTellsItsIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Int64Range(0, 1<<32).Draw(t, "first")
		n := rapid.IntRange(MinRun, 64).Draw(t, "n")
		if got, ok := Index(Code(first, n)); !ok || got != first {
			t.Fatalf("index %d, %v; want %d", got, ok, first)
		}
	})
}

func TestDamagesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lead := make([]int16, rapid.IntRange(0, 50).Draw(t, "lead"))
		a := rapid.IntRange(MinRun, 500).Draw(t, "a")
		step := rapid.Int64Range(-int64(a), 500).Draw(t, "step")
		gap := rapid.IntRange(0, 100).Draw(t, "gap")
		b := rapid.IntRange(MinRun, 500).Draw(t, "b")
		rec := slices.Concat(lead, Code(1000, a))
		rec = append(rec, make([]int16, gap)...)
		rec = append(rec, Code(1000+int64(a)+step, b)...)
		got := Damages(rec)
		if step == 0 && gap == 0 {
			if len(got) != 0 {
				t.Fatalf("a whole one is damaged: %v", got)
			}
			return
		}
		want := Damage{At: len(lead) + a + gap, Missing: max(step, 0), Doubled: max(-step, 0), Inserted: int64(gap),
			Silent: int64(gap)}
		if len(got) != 1 || got[0] != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestNoiseIsNoCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		noise := rapid.SliceOfN(rapid.Int16(), MinRun, 100).Draw(t, "noise")
		if runs := Runs(noise); len(runs) != 0 {
			t.Fatalf("%v in noise", runs)
		}
	})
}
