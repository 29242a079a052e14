package audio_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tacet/audio"
	"tacet/audio/flac"
	"tacet/audio/ogg"
	"tacet/audio/wav"
)

// joiner is what a desk puts a file together with.
type joiner interface {
	Add([]byte) ([]byte, error)
	Finish() ([]byte, error)
	Samples() int64
}

func newJoiner(t *testing.T, f audio.Format) joiner {
	switch f.Codec {
	case "opus":
		return ogg.NewJoiner(f.ID, f.Rate, f.Channels)
	case "flac":
		j, err := flac.NewJoiner(f.ID, f.Rate, f.Channels)
		if err != nil {
			t.Fatal(err)
		}
		return j
	default:
		return wav.NewJoiner(f.Rate, f.Channels)
	}
}

// together is the file that some segments make, and how many frames it says it has.
func together(t *testing.T, f audio.Format, list []audio.Segment) (file []byte, frames int64) {
	t.Helper()
	j := newJoiner(t, f)
	for i, s := range list {
		out, err := j.Add(s.Data)
		if err != nil {
			t.Fatalf("%s at %d: segment %d of %d: %v", f.Codec, f.Rate, i+1, len(list), err)
		}
		file = append(file, out...)
	}
	out, err := j.Finish()
	if err != nil {
		t.Fatal(err)
	}
	file = append(file, out...)
	if h, ok := j.(interface{ Header() []byte }); ok {
		copy(file, h.Header())
	}
	return file, j.Samples()
}

// unread is how many frames an encoder may have taken and not yet encoded.
func unread(f audio.Format) int64 {
	switch f.Codec {
	case "opus":
		return int64(f.Rate / 50)
	case "flac":
		return 4608
	default:
		return int64(f.Rate / 100)
	}
}

// At any time what there is of a segment ends a file that is whole, and asking for it changes nothing of what comes after.
func TestPartial(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, codec := range []string{"opus", "flac", "wav"} {
		for _, rate := range []int{8000, 16000, 48000} {
			for channels := 1; channels <= 2; channels++ {
				f := audio.Format{Codec: codec, Rate: rate, Channels: channels, Bitrate: 32000, ID: "7q4k9mz2ha"}
				samples := talk(rate, channels, 3*rate+rate/3)
				want := encode(t, f, samples)
				e, err := audio.NewEncoder(f)
				if err != nil {
					t.Fatal(err)
				}
				var list []audio.Segment
				checked := 0
				for at := 0; at < len(samples); {
					n := min(channels*(1+random.IntN(rate/8)), len(samples)-at)
					done, err := e.Encode(samples[at : at+n])
					if err != nil {
						t.Fatal(err)
					}
					list, at = append(list, done...), at+n
					for range random.IntN(3) {
						p := e.Partial()
						taken := int64(at/channels) - p.First - p.Samples
						if p.First != int64(len(list)*rate) || taken < 0 || taken >= unread(f) || p.Samples >= int64(rate) {
							t.Fatalf("%+v: after %d frames it holds %d from %d on", f, at/channels, p.Samples, p.First)
						}
						if p.Samples == 0 {
							if len(p.Data) > 0 {
								t.Fatalf("%+v: there are bytes without a frame", f)
							}
							continue
						}
						checkPartial(t, f, append(slices.Clone(list), p), samples, checked%16 == 0)
						checked++
					}
				}
				last, err := e.Close()
				if err != nil {
					t.Fatal(err)
				}
				if got := append(list, last...); !bytes.Equal(join(got), join(want)) || len(got) != len(want) {
					t.Errorf("%+v: asking for parts has changed the file", f)
				}
			}
		}
	}
}

// checkPartial holds a file whose last segment is a part of one against what it should hold; with tools, also by others' programs.
func checkPartial(t *testing.T, f audio.Format, list []audio.Segment, samples []int16, tools bool) {
	t.Helper()
	p := list[len(list)-1]
	frames := p.First + p.Samples
	file, said := together(t, f, list)
	late := int64(0) // what libopus keeps for later
	if f.Codec == "opus" {
		late = int64(ogg.PreSkip * f.Rate / ogg.Rate)
	}
	name := fmt.Sprintf("%s, %d Hz, %d channels, %d frames", f.Codec, f.Rate, f.Channels, frames)
	if said != frames-late {
		t.Fatalf("%s: the file says %d", name, said)
	}
	if !tools {
		return
	}
	if f.Codec == "opus" {
		checkOpus(t, name, file)
		if n := int64(len(decoded(t, file, ogg.Rate, f.Channels)) / f.Channels); n != (frames-late)*int64(ogg.Rate/f.Rate) {
			t.Errorf("%s: ffmpeg decoded %d frames at 48 kHz", name, n)
		}
		return
	}
	if f.Codec == "flac" {
		if _, complaint := tool(t, file, "flac", "-t", "-s", "-w", "-"); complaint != "" {
			t.Errorf("%s: flac complained: %s", name, complaint)
		}
	}
	if got := decoded(t, file, f.Rate, f.Channels); !slices.Equal(got, samples[:int(frames)*f.Channels]) {
		t.Errorf("%s: what ffmpeg decoded is something else", name)
	}
}
