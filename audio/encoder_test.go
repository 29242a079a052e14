package audio_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/audio"
	"tacet/audio/audiotest"
	"tacet/audio/encoded"
	"tacet/audio/flac"
	"tacet/audio/wav"
	"tacet/systemd/needs"
)

// talk is a soft, band-limited noise, which suits any codec.
func talk(rate, channels, frames int) []int16 {
	one := audiotest.Samples(audiotest.Mix(make([]float64, frames), 0.1, audiotest.Pink(1, frames)))
	if channels == 1 {
		return one
	}
	out := make([]int16, 0, 2*frames)
	for i, s := range one {
		out = append(out, s, int16(int(one[max(0, i-rate/1000)])*2/3))
	}
	return out
}

// encode encodes samples in blocks of odd sizes, and checks what every codec promises of its
// segments.
func encode(t *testing.T, f audio.Format, samples []int16) []encoded.Segment {
	t.Helper()
	e, err := audio.NewEncoder(f)
	if err != nil {
		t.Fatal(err)
	}
	var list []encoded.Segment
	for at, n := 0, 1; at < len(samples); at, n = at+n, n*3%5000 {
		n = min(n, len(samples)-at)
		s, err := e.Encode(samples[at : at+n])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s...)
	}
	last, err := e.Close()
	if err != nil || len(last) != 1 {
		t.Fatalf("%d segments at the end, %v", len(last), err)
	}
	list = append(list, last...)
	if more, err := e.Close(); more != nil || err != nil {
		t.Errorf("a second end: %v, %v", more, err)
	}
	if _, err := e.Encode(make([]int16, 100)); err == nil {
		t.Error("samples were taken after the end")
	}
	at := int64(0)
	for i, s := range list {
		whole := s.Samples == int64(f.Rate)
		if s.First != at || whole == (i == len(list)-1) || s.Samples > int64(f.Rate) {
			t.Errorf("segment %d of %d: frames %d+%d, expected at %d", i, len(list), s.First, s.Samples, at)
		}
		if i > 1 && i < len(list)-1 && len(s.Data) != len(list[1].Data) && f.Codec != "flac" {
			t.Errorf("segment %d has %d bytes, others %d", i, len(s.Data), len(list[1].Data))
		}
		at += s.Samples
	}
	if at != int64(len(samples)/f.Channels) {
		t.Errorf("%d frames in segments, %d were given", at, len(samples)/f.Channels)
	}
	return list
}

func join(list []encoded.Segment) []byte {
	var file []byte
	for _, s := range list {
		file = append(file, s.Data...)
	}
	return file
}

// joinFLAC joins a FLAC file as a desk does, with a header that has its length and MD5.
func joinFLAC(t *testing.T, rate, channels int, list []encoded.Segment) []byte {
	t.Helper()
	j, err := flac.NewJoiner("7q4k9mz2ha", rate, channels)
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	for _, s := range list {
		out, err := j.Add(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, out...)
	}
	copy(file, j.Header())
	return file
}

// tool runs a decoder or checker, and returns its standard output and standard error.
func tool(t *testing.T, stdin []byte, name string, args ...string) (out, complaint string) {
	t.Helper()
	needs.Program(t, name, "flac, opus-tools or ffmpeg")
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// decoded is a file decoded by ffmpeg.
func decoded(t *testing.T, file []byte, rate, channels int) []int16 {
	t.Helper()
	out, complaint := tool(t, file, "ffmpeg", "-hide_banner", "-v", "warning", "-i", "-", "-f", "s16le",
		"-ar", fmt.Sprint(rate), "-ac", fmt.Sprint(channels), "-")
	for line := range strings.Lines(complaint) {
		// ffmpeg has three warnings for any WAV file that is piped, or has one channel.
		if !strings.Contains(line, "Guessed Channel Layout") && !strings.Contains(line, "maximum wav data size") &&
			!strings.Contains(line, "orrupt") {
			t.Errorf("ffmpeg complained: %s", line)
		}
	}
	samples := make([]int16, len(out)/2)
	if _, err := binary.Decode([]byte(out), binary.LittleEndian, samples); err != nil {
		t.Fatal(err)
	}
	return samples
}

// lengths are where a recording can end: at once, after one frame, just before or after a second,
// and anywhere. Most rates are tested with a few of them.
func lengths(rate, channels int) []int {
	if rate == 16000 && channels == 1 || rate == 48000 && channels == 2 {
		return []int{0, 1, rate/50 - 1, rate - rate/100, rate - 1, rate, rate + 1, 3 * rate, 3*rate + rate/3}
	}
	return []int{2*rate + rate/7}
}

func TestLosslessCodecsLoseNothing(t *testing.T) {
	for _, codec := range []string{"flac", "wav"} {
		for _, rate := range []int{8000, 16000, 44100, 48000} {
			for _, channels := range []int{1, 2} {
				for _, frames := range lengths(rate, channels) {
					name := fmt.Sprintf("%s %d Hz %d channels %d frames", codec, rate, channels, frames)
					samples := talk(rate, channels, frames)
					list := encode(t, audio.Format{Codec: codec, Rate: rate, Channels: channels, ID: "7q4k9mz2ha"}, samples)
					file := join(list)
					if codec == "wav" {
						if want, _ := binary.Append(wav.Header(rate, channels, wav.Unknown), binary.LittleEndian,
							samples); !bytes.Equal(file, want) {
							t.Errorf("%s: the file is not as it should be", name)
						}
					} else if frames > 0 {
						file = joinFLAC(t, rate, channels, list)
						if _, complaint := tool(t, file, "flac", "-t", "-s", "-w", "-"); complaint != "" {
							t.Errorf("%s: flac complained: %s", name, complaint)
						}
					}
					if frames > 0 && !slices.Equal(decoded(t, file, rate, channels), samples) {
						t.Errorf("%s: what ffmpeg decoded is something else", name)
					}
				}
			}
		}
	}
}

func TestOpusIsAsLongAsWhatItWasGiven(t *testing.T) {
	for _, rate := range []int{8000, 12000, 16000, 24000, 48000} {
		for _, channels := range []int{1, 2} {
			for _, frames := range lengths(rate, channels) {
				name := fmt.Sprintf("%d Hz %d channels %d frames", rate, channels, frames)
				file := join(encode(t, audio.Format{Codec: "opus", Rate: rate, Channels: channels, Bitrate: 32000,
					ID: "7q4k9mz2ha"}, talk(rate, channels, frames)))
				checkOpus(t, name, file)
				if frames == 0 {
					continue
				}
				if n := len(decoded(t, file, 48000, channels)) / channels; n != frames*(48000/rate) {
					t.Errorf("%s: ffmpeg decoded %d frames at 48 kHz", name, n)
				}
				if out, complaint := tool(t, file, "opusdec", "--quiet", "--rate", "48000", "-", "-"); complaint != "" ||
					len(out)/2/channels != frames*(48000/rate) {
					t.Errorf("%s: opusdec decoded %d bytes and complained: %s", name, len(out), complaint)
				}
			}
		}
	}
}

// checkOpus checks a file with opusinfo.
func checkOpus(t *testing.T, name string, file []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.opus")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, complaint := tool(t, nil, "opusinfo", path)
	if complaint != "" || strings.Contains(strings.ToLower(out), "warning") ||
		strings.Contains(strings.ToLower(out), "error") {
		t.Errorf("%s: opusinfo complained: %s%s", name, complaint, out)
	}
	if !strings.Contains(out, "TACET_ID=7q4k9mz2ha") || !strings.Contains(out, "Pre-skip: 312") {
		t.Errorf("%s: opusinfo says\n%s", name, out)
	}
}

func TestOpusIsInStep(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		samples := talk(rate, 1, 2*rate)
		file := join(encode(t, audio.Format{Codec: "opus", Rate: rate, Channels: 1, Bitrate: 64000, ID: "x"}, samples))
		heard := audiotest.Floats(decoded(t, file, 48000, 1))
		said := audiotest.Resample(audiotest.Floats(samples), rate, 48000)
		best, most := 0, 0.0
		for lag := -400; lag <= 400; lag++ {
			sum := 0.0
			for i := 10000; i < 50000; i += 3 {
				sum += said[i] * heard[i+lag]
			}
			if sum > most {
				best, most = lag, sum
			}
		}
		if math.Abs(float64(best)) > 48000/float64(rate)+1 {
			t.Errorf("at %d Hz the sound comes %d samples late", rate, best)
		}
	}
}

// Fricatives reach up to 12 kHz. The documentation and the example configuration say which bit
// rates keep which bands.
func TestOpusKeepsTheSpectrum(t *testing.T) {
	const rate, loss = 48000, -15
	bands := []audiotest.Band{{From: 100, To: 5000}, {From: 5000, To: 8000}, {From: 8000, To: 12000},
		{From: 12000, To: 18000}}
	// A sound with the rhythm of speech, some of it like an s, in a room that is not quiet.
	sound := audiotest.Mix(make([]float64, 2*rate), 0.02, audiotest.Pink(1, 2*rate))
	for i, v := range audiotest.White(2, len(sound)) {
		if i/(rate/8)%3 == 0 {
			sound[i] += 0.05 * v
		}
	}
	one := audiotest.Samples(sound)
	var both []int16
	for _, s := range one {
		both = append(both, s, s/2)
	}
	before := audiotest.Levels(sound, rate, bands)
	for _, c := range []struct {
		bitrate, channels int
		kept              int // bands
	}{
		{24000, 1, 2}, {31000, 1, 2}, {32000, 1, 3}, {40000, 1, 3}, {48000, 1, 3}, {64000, 1, 4}, {256000, 1, 4},
		{32000, 2, 2}, {48000, 2, 3}, {64000, 2, 3}, {96000, 2, 4},
	} {
		samples := one
		if c.channels == 2 {
			samples = both
		}
		file := join(encode(t, audio.Format{Codec: "opus", Rate: rate, Channels: c.channels, Bitrate: c.bitrate, ID: "x"},
			samples))
		heard := decoded(t, file, rate, c.channels)
		var left []int16
		for i := 0; i < len(heard); i += c.channels {
			left = append(left, heard[i])
		}
		for b, level := range audiotest.Levels(audiotest.Floats(left), rate, bands) {
			if change := level - before[b]; b < c.kept && math.Abs(change) > 2 || b >= c.kept && change > loss {
				t.Errorf("%d bit/s, %d channels: %.0f to %.0f Hz change by %.1f dB", c.bitrate, c.channels, bands[b].From,
					bands[b].To, change)
			}
		}
	}
}

// Tests locate parts of an Opus recording by the hiss of audiotest, which must survive the codec.
func TestHissSurvivesOpus(t *testing.T) {
	const hole = audiotest.Rate * 3 / 10
	said := slices.Concat(audiotest.Hiss(0, 3*audiotest.Rate/2),
		audiotest.Hiss(3*audiotest.Rate/2+hole, 3*audiotest.Rate/2))
	for _, bitrate := range []int{16000, 32000} {
		file := join(encode(t, audio.Format{Codec: "opus", Rate: audiotest.Rate, Channels: 1, Bitrate: bitrate, ID: "x"},
			said))
		marks := audiotest.Follow(decoded(t, file, audiotest.Rate, 1), 4*audiotest.Rate)
		for _, m := range marks {
			off := int(m.Index) - m.At
			if late := off - hole; max(off, -off) > audiotest.Rate/50 && max(late, -late) > audiotest.Rate/50 {
				t.Errorf("%d bit/s: index %d is heard at %d", bitrate, m.Index, m.At)
			}
		}
		if len(marks) < 10 || int(marks[0].Index) > audiotest.Rate/50 ||
			int(marks[len(marks)-1].Index)-marks[len(marks)-1].At < hole-audiotest.Rate/50 {
			t.Errorf("%d bit/s: %v", bitrate, marks)
		}
	}
}

func TestNewEncoderRefuses(t *testing.T) {
	for _, f := range []audio.Format{
		{Codec: "mp3", Rate: 48000, Channels: 1},
		{Codec: "opus", Rate: 44100, Channels: 1, Bitrate: 32000},
		{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 1000},
		{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 1000000},
		{Codec: "opus", Rate: 48000, Channels: 3, Bitrate: 32000},
		{Codec: "flac", Rate: 48017, Channels: 1},
		{Codec: "flac", Rate: 0, Channels: 1},
		{Codec: "wav", Rate: 48000, Channels: 0},
		{Codec: "wav", Rate: -1, Channels: 1},
	} {
		if _, err := audio.NewEncoder(f); err == nil {
			t.Errorf("%+v was taken", f)
		} else {
			t.Log(err)
		}
	}
}

// Sizes must not reveal whether somebody speaks.
func TestOpusSizesTellNothing(t *testing.T) {
	const rate = 48000
	loud := talk(rate, 1, 3*rate)
	mixed := append(append(make([]int16, 3*rate), loud...), audiotest.Code(0, 3*rate)...)
	for _, bitrate := range []int{6000, 16000, 24000, 32000, 33333, 64000, 128000, 256000} {
		list := encode(t, audio.Format{Codec: "opus", Rate: rate, Channels: 1, Bitrate: bitrate, ID: "x"}, mixed)
		for i, s := range list[1 : len(list)-1] {
			if len(s.Data) != len(list[1].Data) {
				t.Errorf("%d bit/s: segment %d has %d bytes, segment 1 has %d", bitrate, i+1, len(s.Data), len(list[1].Data))
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, codec := range []string{"opus", "flac", "wav"} {
		b.Run(codec, func(b *testing.B) {
			samples := talk(48000, 1, 48000)
			e, err := audio.NewEncoder(audio.Format{Codec: codec, Rate: 48000, Channels: 1, Bitrate: 48000, ID: "x"})
			if err != nil {
				b.Fatal(err)
			}
			size, begin := 0, cpu(b)
			for b.Loop() {
				s, err := e.Encode(samples)
				if err != nil {
					b.Fatal(err)
				}
				size += len(s[0].Data)
			}
			b.ReportMetric((cpu(b)-begin).Seconds()/float64(b.N)*3600, "cpu-s/h")
			b.ReportMetric(float64(size)/float64(b.N), "bytes/s")
		})
	}
}

// cpu is this process's CPU time, which does not depend on how busy the machine is.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
