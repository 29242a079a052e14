package e2e_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

// Sound in an Opus recording is where it was heard, within 20 ms, and stock players play the file
// without a warning.
func TestAnOpusRecordingIsAlignedAndPlays(t *testing.T) {
	t.Parallel()
	const length = 40 * audiotest.Rate
	noise := audiotest.Samples(audiotest.Mix(make([]float64, length), 0.1, audiotest.Pink(1, length)))
	room := audiotest.NewPulse(t)
	playStart, err := room.Begin(t.Context(), noise)
	if err != nil {
		t.Fatal(err)
	}
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Codec: "opus"})
	demo := unit.Start(t, room.Env()...)
	demo.Consent()
	demo.Until("five seconds", demotest.Recorded(1, 5))
	demo.Press("clinician")
	file := demo.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File

	_, path := unit.Open(t, file)
	rep := unit.Report(t, file)
	ogg, decoded := path+".opus", filepath.Join(t.TempDir(), "decoded.wav")
	if err := os.Rename(path, ogg); err != nil {
		t.Fatal(err)
	}
	if output := strings.ToUpper(unit.Must(t, demotest.Tool(t, "opusinfo"), ogg)); strings.Contains(output, "WARNING") ||
		strings.Contains(output, "ERROR") {
		t.Errorf("opusinfo prints:\n%s", output)
	}
	if output := unit.Must(t, demotest.Tool(t, "ffmpeg"), "-v", "warning", "-i", ogg, "-f", "null", "-"); output != "" {
		t.Errorf("ffmpeg prints:\n%s", output)
	}
	if output := unit.Must(t, demotest.Tool(t, "opusdec"), "--quiet", "--no-dither", "--rate", "48000", ogg,
		decoded); output != "" {
		t.Errorf("opusdec prints:\n%s", output)
	}
	heard := decode(t, read(t, decoded))
	if int64(len(heard)) != rep.End.Samples {
		t.Errorf("%d samples are decoded, %d were recorded", len(heard), rep.End.Samples)
	}
	aligned(t, noise, heard)

	first := locate(noise, heard[audiotest.Rate:]) - time.Second
	gave, withdrew := rep.Consent[len(rep.Consent)-1].Time, rep.Closing[0].Time
	if begins := playStart.Add(first); begins.Add(latency).Before(gave) {
		t.Errorf("it starts %v before the last consent", gave.Sub(begins))
	}
	if ends := playStart.Add(first + rep.Length()); ends.After(withdrew.Add(tolerance)) {
		t.Errorf("it ends %v after the withdrawal", ends.Sub(withdrew))
	}
}

const tolerance = 20 * time.Millisecond

// aligned finds pieces of a recording in what was played. All must be shifted by the same time.
func aligned(t *testing.T, played, heard []int16) {
	t.Helper()
	var shifts []time.Duration
	for at := 0; at+audiotest.Rate/2 < len(heard); at += audiotest.Rate / 2 {
		shift := locate(played, heard[at:]) - time.Duration(at)*time.Second/audiotest.Rate
		shifts = append(shifts, shift)
		if (shift - shifts[0]).Abs() > tolerance {
			t.Fatalf("the sound moves within the recording: by %v", shifts)
		}
	}
	if len(shifts) < 8 {
		t.Fatalf("only %d pieces of it were looked at", len(shifts))
	}
}

// locate returns where in what was played a recording starts, by the best match of its first 200
// ms, to half a millisecond.
func locate(played, heard []int16) time.Duration {
	where, piece := thin(played), thin(heard[:audiotest.Rate/5])
	best, at := math.Inf(-1), 0
	for i := range len(where) - len(piece) {
		var sum, power float64
		for k, p := range piece {
			v := where[i+k]
			sum += v * p
			power += v * v
		}
		if match := sum / math.Sqrt(power+1); match > best {
			best, at = match, i
		}
	}
	return time.Duration(at) * slower * time.Second / audiotest.Rate
}

// slower is the factor by which a signal is thinned out for the comparison, which keeps what is
// below 1 kHz.
const slower = 24

// thin returns the means of groups of samples.
func thin(samples []int16) []float64 {
	out := make([]float64, len(samples)/slower)
	for i := range out {
		for _, s := range samples[i*slower : (i+1)*slower] {
			out[i] += float64(s)
		}
	}
	return out
}
