package recording_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"sync"
	"testing"

	"filippo.io/age"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
	"tacet/systemd/needs"
)

// hour is a recording of an hour with 32 kbit/s: 22 MB. Its sound is not Opus, but has as many
// bytes.
var hour struct {
	once   sync.Once
	file   []byte
	unit   recordingtest.Unit
	office recordingtest.Office
}

func makeHour(t testing.TB) []byte {
	hour.once.Do(func() {
		hour.unit, hour.office = recordingtest.NewUnit(t, "high-street", "room-3"),
			recordingtest.NewOffice(t, recordingtest.Hybrid)
		second := make([]byte, 4077)
		hour.file = recordingtest.Make(t,
			recordingtest.Spec{Unit: hour.unit, For: []string{hour.office.Recipient}, Audio: opusAudio,
				Segments: 3600, Sound: func(int) []byte { return second }})
	})
	return hour.file
}

// TestWriteHour writes the recording and its unit's key to the path in TACET_HOUR, to compare
// complete programs.
//
//	TACET_HOUR=/tmp/hour.tacet go test -run WriteHour ./daemon/recording
//	time sha256sum /tmp/hour.tacet; time tacet verify -unit /tmp/hour.tacet.unit /tmp/hour.tacet
func TestWriteHour(t *testing.T) {
	name := needs.Variable(t, "TACET_HOUR", "where TACET_HOUR names a file")
	file := makeHour(t)
	for name, content := range map[string]string{name: string(file), name + ".unit": hour.unit.VKey + "\n",
		name + ".key": hour.office.Secret + "\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	file := makeHour(b)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if rep, err := recording.Verify(bytes.NewReader(file), int64(len(file)), recording.Options{}); err != nil ||
			rep.State != recording.Whole {
			b.Fatal(rep, err)
		}
	}
}

// BenchmarkSHA256 is a lower bound for Verify.
func BenchmarkSHA256(b *testing.B) {
	file := makeHour(b)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		sha256.Sum256(file)
	}
}

func BenchmarkRecover(b *testing.B) {
	file := makeHour(b)
	file = file[:len(file)-5000]
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := recording.Recover(bytes.NewReader(file), int64(len(file)), io.Discard, hour.unit.Signer,
			""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSegment(b *testing.B) {
	u, o := recordingtest.NewUnit(b, "high-street", "room-3"), recordingtest.NewOffice(b, recordingtest.Hybrid)
	s := recordingtest.NewSealer(b, recordingtest.Spec{Unit: u, For: []string{o.Recipient}})
	if _, err := s.Begin(nil); err != nil {
		b.Fatal(err)
	}
	second := make([]byte, 4077)
	for b.Loop() {
		if _, err := s.Segment(second, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenMinute decrypts a minute of WAV.
func BenchmarkOpenMinute(b *testing.B) {
	u, o := recordingtest.NewUnit(b, "high-street", "room-3"), recordingtest.NewOffice(b, recordingtest.Hybrid)
	file := recordingtest.Make(b, recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 60})
	for b.Loop() {
		if _, err := recording.Open(bytes.NewReader(file), int64(len(file)), io.Discard,
			recording.Opening{Identities: []age.Identity{o.Identity}}); err != nil {
			b.Fatal(err)
		}
	}
}
