package flac

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"testing"

	mewkiz "github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"pgregory.net/rapid"
)

const id = "7q4k9mz2ha"

// decode decodes a file with a decoder that checks all checksums.
func decode(t interface{ Fatalf(string, ...any) }, file []byte) []int16 {
	s, err := mewkiz.New(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("%v", err)
	}
	var out []int16
	for {
		f, err := s.ParseNext()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		for i := range f.Subframes[0].Samples {
			for _, c := range f.Subframes {
				out = append(out, int16(c.Samples[i]))
			}
		}
	}
}

// signals are inputs for the predictors.
var signals = map[string]func(i int, r uint16) int16{
	"silence":  func(int, uint16) int16 { return 0 },
	"constant": func(int, uint16) int16 { return -32768 },
	"noise":    func(_ int, r uint16) int16 { return int16(r) },
	"soft":     func(_ int, r uint16) int16 { return int16(r) >> 12 },
	"tone":     func(i int, _ uint16) int16 { return int16(20000 * math.Sin(float64(i)/20)) },
	"extremes": func(i int, _ uint16) int16 { return int16(32767 - 65535*(i&1)) },
	"steps":    func(i int, r uint16) int16 { return int16(i / 1000 * 3000) },
	"clicks": func(_ int, r uint16) int16 {
		if r < 50 {
			return 32767
		}
		return 0
	},
	"ramp": func(i int, _ uint16) int16 { return int16(i) },
}

func TestEncoderLosesNothing(t *testing.T) {
	names := []string{}
	for name := range signals {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]int{8000, 11025, 16000, 44100, 48000}).Draw(t, "rate")
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		frames := rapid.IntRange(0, 2*rate).Draw(t, "frames")
		left, right := rapid.SampledFrom(names).Draw(t, "left"), rapid.SampledFrom(names).Draw(t, "right")
		seed := rapid.Uint32().Draw(t, "seed")
		samples := make([]int16, frames*channels)
		for i := range samples {
			seed = seed*1664525 + 1013904223
			how := left
			if i%channels == 1 {
				how = right
			}
			samples[i] = signals[how](i/channels, uint16(seed>>16))
		}
		e, err := NewEncoder(id, rate, channels)
		if err != nil {
			t.Fatal(err)
		}
		file, err := e.Frames(e.Header(), samples)
		if err != nil {
			t.Fatal(err)
		}
		if got := decode(t, file); !slices.Equal(got, samples) {
			t.Fatalf("%d samples came back as %d others", len(samples), len(got))
		}
	})
}

// A click in silence, or the loudest noise, must not make a segment longer than its 16-bit samples.
func TestEncoderIsBounded(t *testing.T) {
	for name, f := range signals {
		for channels := 1; channels <= 2; channels++ {
			samples := make([]int16, 48000*channels)
			r := uint32(1)
			for i := range samples {
				r = r*1664525 + 1013904223
				samples[i] = f(i/channels, uint16(r>>16))
			}
			e, err := NewEncoder(id, 48000, channels)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := e.Frames(nil, samples); err != nil || len(out) > 2*len(samples)+12*20 {
				t.Errorf("%s takes %d bytes for %d samples, %v", name, len(out), len(samples), err)
			}
		}
	}
}

// A dead channel costs almost nothing, and so does one that equals the other.
func TestChannelsAreChosen(t *testing.T) {
	size := func(right func(left int16) int16) int {
		e, err := NewEncoder(id, 48000, 2)
		if err != nil {
			t.Fatal(err)
		}
		samples := make([]int16, 96000)
		for i := 0; i < len(samples); i += 2 {
			samples[i] = int16(5000*math.Sin(float64(i)/50)) + int16(i*i%97)
			samples[i+1] = right(samples[i])
		}
		out, err := e.Frames(nil, samples)
		if err != nil {
			t.Fatal(err)
		}
		return len(out)
	}
	other := size(func(left int16) int16 { return left>>1 ^ left<<5 })
	if dead := size(func(int16) int16 { return 0 }); dead > other*2/3 {
		t.Errorf("a dead channel: %d bytes, others take %d", dead, other)
	}
	if same := size(func(left int16) int16 { return left }); same > other*2/3 {
		t.Errorf("the same on both: %d bytes, others take %d", same, other)
	}
}

// segments makes a recording of some seconds and a third.
func segments(t testing.TB, id string, rate, seconds int) (list [][]byte, samples []int16) {
	t.Helper()
	e, err := NewEncoder(id, rate, 1)
	if err != nil {
		t.Fatal(err)
	}
	samples = make([]int16, seconds*rate+rate/3)
	for i := range samples {
		samples[i] = int16(3000*math.Sin(float64(i)/7)) + int16(i*i%17)
	}
	out := e.Header()
	for i := range seconds + 1 {
		if out, err = e.Frames(out, samples[i*rate:min((i+1)*rate, len(samples))]); err != nil {
			t.Fatal(err)
		}
		list, out = append(list, out), nil
	}
	return list, samples
}

func TestJoinerReplacesLostSegments(t *testing.T) {
	const rate = 8000
	all, samples := segments(t, id, rate, 6)
	rapid.Check(t, func(t *rapid.T) {
		lost := rapid.SliceOfN(rapid.Bool(), 6, 6).Draw(t, "lost")
		want := slices.Clone(samples)
		j, err := NewJoiner(id, rate, 1)
		if err != nil {
			t.Fatal(err)
		}
		var file []byte
		for i, s := range all {
			add := func() ([]byte, error) { return j.Add(s) }
			if i < len(lost) && lost[i] {
				wrong := bytes.Clone(s)
				wrong[rapid.IntRange(0, len(s)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
				if _, err := j.Add(wrong); err == nil {
					t.Fatalf("a damaged segment was accepted")
				}
				clear(want[i*rate : (i+1)*rate])
				add = j.Skip
			}
			out, err := add()
			if err != nil {
				t.Fatal(err)
			}
			file = append(file, out...)
		}
		if _, err := j.Finish(); err != nil || j.Samples() != int64(len(want)) {
			t.Fatalf("%d samples, %v", j.Samples(), err)
		}
		head := j.Header()
		file = append(bytes.Clone(head), file[len(head):]...)
		if got := decode(t, file); !slices.Equal(got, want) {
			t.Fatalf("the file holds other samples")
		}
		plain, err := binary.Append(nil, binary.LittleEndian, want)
		if err != nil {
			t.Fatal(err)
		}
		s, err := mewkiz.New(bytes.NewReader(file))
		if err != nil || s.Info.NSamples != uint64(len(want)) || s.Info.MD5sum != md5.Sum(plain) {
			t.Fatalf("the header says %+v, %v", s.Info, err)
		}
	})
}

func TestJoinerRejectsWhatIsOutOfPlace(t *testing.T) {
	all, _ := segments(t, id, 8000, 4)
	other, _ := segments(t, "other", 8000, 4)
	half := bytes.Index(all[1][8:], all[1][:4]) + 8
	for name, list := range map[string][][]byte{
		"another one's headers": {other[0]},
		"one left out":          {all[0], all[2]},
		"one twice":             {all[0], all[1], all[1]},
		"headers in the middle": {all[0], all[0]},
		"no headers":            {all[1]},
		"two in one":            {all[0], append(bytes.Clone(all[1]), all[2]...)},
		"something after it":    {all[0], append(bytes.Clone(all[1]), 1)},
		"a frame cut":           {all[0], all[1][:len(all[1])-1]},
		"one after the end":     {all[0], all[1], all[2], all[3], all[4], all[4]},
		"one after a half":      {all[0], all[1][:half], all[1][half:]},
	} {
		j, err := NewJoiner(id, 8000, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range list {
			before := *j
			if _, err := j.Add(s); (err == nil) != (i < len(list)-1) {
				t.Errorf("%s: segment %d: %v", name, i, err)
			} else if err != nil && *j != before {
				t.Errorf("%s: a rejected segment changed something", name)
			}
		}
	}
}

// Decoders read an inserted silence as such, whatever the number of its frame.
func TestSilence(t *testing.T) {
	for _, rate := range []int{8000, 11025, 44100, 48000, 192000} {
		for channels := 1; channels <= 2; channels++ {
			f, err := newFormat(id, rate, channels)
			if err != nil {
				t.Fatal(err)
			}
			for _, number := range []int64{0, 127, 128, 300, 43200, 1 << 20} {
				b := f.silence(nil, number, f.block)
				got, err := frame.Parse(bytes.NewReader(b))
				if err != nil || got.Num != uint64(number) || int(got.BlockSize) != f.block || len(got.Subframes) != channels {
					t.Fatalf("%d Hz, frame %d: %+v, %v", rate, number, got, err)
				}
				for _, c := range got.Subframes {
					if slices.ContainsFunc(c.Samples, func(s int32) bool { return s != 0 }) || len(c.Samples) != f.block {
						t.Errorf("%d Hz, frame %d: it is not silent", rate, number)
					}
				}
			}
		}
	}
}

func TestNumbersAreCodedAsUTF8(t *testing.T) {
	for n, want := range map[uint32]string{0: "\x00", 0x7f: "\x7f", 0x80: "\u0080", 0x7ff: "\u07ff", 0x800: "\u0800",
		0xffff: "\uffff", 0x10000: "\U00010000", 0x1fffff: "\xf7\xbf\xbf\xbf", 0x200000: "\xf8\x88\x80\x80\x80",
		0x4000000: "\xfc\x84\x80\x80\x80\x80", 0x7fffffff: "\xfd\xbf\xbf\xbf\xbf\xbf"} {
		if got := appendNumber(nil, n); string(got) != want {
			t.Errorf("%#x: %x instead of %x", n, got, want)
		}
	}
}

func FuzzJoiner(f *testing.F) {
	all, _ := segments(f, id, 8000, 2)
	for _, s := range all {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, second bool) {
		j, err := NewJoiner(id, 8000, 1)
		if err != nil {
			t.Fatal(err)
		}
		if second {
			if _, err := j.Add(all[0]); err != nil {
				t.Fatal(err)
			}
		}
		_, err = j.Add(data)
		if _, err2 := j.Skip(); err == nil && err2 != nil && !j.ended {
			t.Fatal(err2)
		}
		if j.Samples() > 3*8000 {
			t.Fatalf("%d samples in three segments", j.Samples())
		}
	})
}
