package bench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tacet/cmd/tacet-demo/demotest"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// BenchmarkVerify verifies a recording of an hour, against sha256sum of the same file.
func BenchmarkVerify(b *testing.B) {
	unit, office := recordingtest.NewUnit(b, "high-street", "room-3"), recordingtest.NewOffice(b, recordingtest.Hybrid)
	second := make([]byte, 4077) // as many bytes as Opus at 32 kbit/s has with its page
	file := recordingtest.Make(b, recordingtest.Spec{
		Unit: unit, For: []string{office.Recipient}, Segments: 3600, Sound: func(int) []byte { return second },
		Audio: recording.Audio{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 32000},
	})
	path := filepath.Join(b.TempDir(), "hour.tacet")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		b.Fatal(err)
	}
	var verify, sum, ratios []float64
	for range 11 {
		v := used(b, demotest.Program("tacet"), "verify", "-unit", unit.VKey, path)
		s := used(b, "sha256sum", path)
		verify, sum, ratios = append(verify, v), append(sum, s), append(ratios, v/s)
	}
	measured("tacet verify of an hour, against sha256sum of the file", median(ratios), 2, "")
	measured("– ours", median(verify)*1000, 0, "CPU ms")
	measured("– sha256sum", median(sum)*1000, 0, "CPU ms")
}

// used returns the CPU seconds that a program uses.
func used(b *testing.B, name string, args ...string) float64 {
	b.Helper()
	c := exec.Command(name, args...)
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
}

// BenchmarkSize measures the programs' sizes.
func BenchmarkSize(b *testing.B) {
	for name, most := range map[string]float64{"tacet": 10, "tacetd": 14} {
		info, err := os.Stat(demotest.Program(name))
		if err != nil {
			b.Fatal(err)
		}
		measured("size of "+name, float64(info.Size())/1e6, most, "MB")
	}
}
