package audiotest

// MinRun is the shortest run of the code that is recognised. Four samples determine the index; a
// few more exclude chance.
const MinRun = 8

// Code returns n samples of the time code, from the index first on. It is full-scale white noise:
// each pair of samples is the number of the pair, scrambled by a bijection of 32 bits, so that the
// samples give the index. It repeats after 2^33 samples, which is two days at 48 kHz.
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

// Index is the index of the first sample. ok is false unless all samples are consecutive samples of
// the code.
func Index(samples []int16) (first int64, ok bool) {
	if len(samples) < MinRun {
		return 0, false
	}
	for odd := range 2 {
		pair := uint32(uint16(samples[odd])) | uint32(uint16(samples[odd+1]))<<16
		first = int64(unscramble(pair))*2 - int64(odd)
		if first >= 0 && runLength(samples, first) == len(samples) {
			return first, true
		}
	}
	return 0, false
}

// runLength is the number of samples that equal the code from first on.
func runLength(samples []int16, first int64) int {
	for i, s := range samples {
		if s != codeAt(first+int64(i)) {
			return i
		}
	}
	return len(samples)
}

// A Run is an undamaged stretch of the code.
type Run struct {
	At    int   // its start in the recording
	First int64 // its first index in the code
	Len   int
}

// Runs finds every stretch of the code in a mono recording, in order.
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

// A Damage is the damage between two runs.
type Damage struct {
	At       int   // the start of the later run in the recording
	Missing  int64 // samples of the code that are missing
	Doubled  int64 // samples that repeat earlier ones, or are out of order
	Inserted int64 // samples between the runs that are not of the code
	Silent   int64 // how many of the inserted ones are zero
}

// Damages lists the damage in a recording of the code. A good recording has none.
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

// scramble is a bijection of reversible steps: xor-shifts and multiplications by odd numbers.
func scramble(x uint32) uint32 {
	x ^= 0x5bd1e995 // so that index 0 is not silence
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

// inverse is the multiplicative inverse of an odd number, by Newton's iteration: each step doubles
// the number of correct bits.
func inverse(a uint32) uint32 {
	x := a
	for range 5 {
		x *= 2 - a*x
	}
	return x
}
