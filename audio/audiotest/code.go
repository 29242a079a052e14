package audiotest

// Any four samples of the code in a row determine its index; MinRun asks for a few more, so that
// nothing passes by chance.
const MinRun = 8

// Code returns n samples of the time code, from the index first on. It is full-scale white noise;
// each pair of samples is the pair's number, scrambled by a bijection of 32 bits, so that the index
// can be computed from the samples alone. It repeats after 2^33 samples, which is two days at 48
// kHz.
func Code(first int64, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = codeAt(first + int64(i))
	}
	return out
}

func codeAt(i int64) int16 {
	pair := scramble(uint32(i >> 1))
	if i&1 == 1 {
		pair >>= 16
	}
	return int16(uint16(pair))
}

// Index tells the index of the first of some samples of the code: all of them have to be of the
// code, and in order.
func Index(samples []int16) (int64, bool) {
	if len(samples) < MinRun {
		return 0, false
	}
	for odd := range 2 {
		pair := uint32(uint16(samples[odd])) | uint32(uint16(samples[odd+1]))<<16
		first := int64(unscramble(pair))*2 - int64(odd)
		if first >= 0 && runLength(samples, first) == len(samples) {
			return first, true
		}
	}
	return 0, false
}

// runLength is how many of the samples are the code from first on.
func runLength(samples []int16, first int64) int {
	for i, s := range samples {
		if s != codeAt(first+int64(i)) {
			return i
		}
	}
	return len(samples)
}

// A Run is a stretch of the code without a fault.
type Run struct {
	At    int   // where it begins in what was recorded
	First int64 // the index in the code that it begins with
	Len   int
}

// Runs finds every stretch of the code in a recording with one channel, in the order in which they
// lie there.
func Runs(recorded []int16) []Run {
	var runs []Run
	for at := 0; at+MinRun <= len(recorded); {
		first, ok := Index(recorded[at : at+MinRun])
		if !ok {
			at++
			continue
		}
		n := runLength(recorded[at:], first)
		runs = append(runs, Run{at, first, n})
		at += n
	}
	return runs
}

// A Damage is what is wrong between two stretches of the code.
type Damage struct {
	At       int   // in the recording: where the later stretch begins
	Missing  int64 // samples of the code that were skipped
	Doubled  int64 // samples that had been there before: played again, or out of order
	Inserted int64 // samples between the two which are none of the code's
	Silent   int64 // how many of those are zero
}

// Damages lists the places where a recording of the code leaves it. A good recording has none.
func Damages(recorded []int16) []Damage {
	var list []Damage
	runs := Runs(recorded)
	for i := 1; i < len(runs); i++ {
		a, b := runs[i-1], runs[i]
		d := Damage{At: b.At, Inserted: int64(b.At - a.At - a.Len)}
		for _, s := range recorded[a.At+a.Len : b.At] {
			if s == 0 {
				d.Silent++
			}
		}
		if step := b.First - a.First - int64(a.Len); step > 0 {
			d.Missing = step
		} else {
			d.Doubled = -step
		}
		list = append(list, d)
	}
	return list
}

// scramble is a bijection: xor-shifts and odd multipliers, each of which can be undone.
func scramble(x uint32) uint32 {
	x ^= 0x5bd1e995 // so that the index zero is no silence
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	x ^= x >> 16
	return x
}

func unscramble(x uint32) uint32 {
	x ^= x >> 16
	x *= inverse(0x846ca68b)
	x ^= x>>15 ^ x>>30
	x *= inverse(0x7feb352d)
	x ^= x >> 16
	return x ^ 0x5bd1e995
}

// inverse finds the multiplicative inverse of an odd number by Newton's iteration: each step
// doubles the right bits.
func inverse(a uint32) uint32 {
	x := a
	for range 5 {
		x *= 2 - a*x
	}
	return x
}
