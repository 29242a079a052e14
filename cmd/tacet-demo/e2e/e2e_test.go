// Package e2e_test tests the programs as people have them, with real sound: the built tacet-demo
// and tacet run as processes, with a sound server whose microphone is opened through ALSA like any
// card, and with stock tools.
//
// The sound is a time code: each sample says which one it is, and the speaker knows when each was
// due. So a recording shows by itself whether a sample is missing, doubled, or outside of the
// consent.
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

// latency is how much later than it was due a sample may reach the daemon: the speaker writes every
// 10 ms, and the sound server passes the sound on when a busy machine lets it.
const latency = 300 * time.Millisecond

// spoken is time code that is played into a room.
type spoken struct {
	start time.Time // when sample 0 was due
}

// speech is how long the time code is: longer than any test.
const speech = 5 * time.Minute

// speak plays the time code until the test ends.
func speak(t *testing.T, room *audiotest.Pulse) spoken {
	t.Helper()
	start, err := room.Begin(t.Context(), audiotest.Code(0, int(speech/time.Second)*audiotest.Rate))
	if err != nil {
		t.Fatal(err)
	}
	return spoken{start}
}

// due returns when a sample of the code was due. Nobody could have heard it earlier.
func (s spoken) due(index int64) time.Time {
	return s.start.Add(time.Duration(index) * time.Second / audiotest.Rate)
}

// decode returns the samples of a WAV file, whose header must state their true number.
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

// oneRun checks that samples are a faultless stretch of the code, each once and in order. It
// returns the index of the first.
func oneRun(t *testing.T, samples []int16) (first int64) {
	t.Helper()
	runs := audiotest.Runs(samples)
	if len(runs) != 1 || runs[0].At != 0 || runs[0].Len != len(samples) {
		t.Fatalf("%d samples are not one stretch of what was played: it starts as %+v; damages: %+v", len(samples),
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
