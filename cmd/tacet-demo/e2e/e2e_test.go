// Package e2e_test tries the programs as people have them, on real sound: the built tacet-demo and
// tacet as processes of their own, a sound server whose microphone is opened through ALSA like any
// card, stock tools beside.
//
// The sound is a time code: each of its samples says which one it is, and the speaker knows when
// each was due. So a recording tells by itself whether a sample is missing, doubled, or older or
// younger than the consent.
package e2e_test

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/audio/wav"
	"tacet/cmd/tacet-demo/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m) }

// The sound may come this much later to the daemon than it was due: the speaker writes every 10 ms,
// the sound server passes it on when it can, on a machine that has other things to do.
const latency = 300 * time.Millisecond

// spoken is time code that is being played into a room.
type spoken struct {
	begun time.Time // when the sample 0 was due
}

// speech is how long there is something to hear: longer than any test takes.
const speech = 5 * time.Minute

// speak plays the time code until the test has ended.
func speak(t *testing.T, room *audiotest.Pulse) spoken {
	t.Helper()
	begun, err := room.Begin(t.Context(), audiotest.Code(0, int(speech/time.Second)*audiotest.Rate))
	if err != nil {
		t.Fatal(err)
	}
	return spoken{begun}
}

// due is when a sample of the code was due: it was never to be heard before.
func (s spoken) due(index int64) time.Time {
	return s.begun.Add(time.Duration(index) * time.Second / audiotest.Rate)
}

// decode takes the samples out of a WAV file, whose header must tell their true number.
func decode(t *testing.T, file []byte) []int16 {
	t.Helper()
	if len(file) < wav.HeaderLen ||
		string(file[:wav.HeaderLen]) != string(wav.Header(audiotest.Rate, 1, int64(len(file)-wav.HeaderLen))) {
		t.Fatalf("its header is % x", file[:min(len(file), wav.HeaderLen)])
	}
	data := file[wav.HeaderLen:]
	samples := make([]int16, len(data)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return samples
}

// oneRun checks that some samples are a stretch of the code without a fault: each once and in
// order. It returns the first's index.
func oneRun(t *testing.T, samples []int16) (first int64) {
	t.Helper()
	runs := audiotest.Runs(samples)
	if len(runs) != 1 || runs[0].At != 0 || runs[0].Len != len(samples) {
		t.Fatalf("%d samples are not one stretch of what was played: it begins as %+v; damages: %+v", len(samples),
			runs[:min(len(runs), 1)], audiotest.Damages(samples))
	}
	return runs[0].First
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
