package container

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"tacet/audio/ogg"
	"tacet/systemd/needs"
)

// packets are valid packets of one size, with other content each.
func packets(n, size int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	list := make([][]byte, n)
	for i := range list {
		list[i] = make([]byte, size)
		for k := range list[i] {
			list[i][k] = byte(rng.Uint32())
		}
		list[i][0] = 31 << 3 // CELT, 20 ms, mono
	}
	return list
}

// probed is what ffprobe says of a file.
type probed struct {
	Streams []struct {
		Codec    string `json:"codec_name"`
		Channels int    `json:"channels"`
		Duration string `json:"duration"`
	} `json:"streams"`
	Packets []struct {
		Size string `json:"size"`
	} `json:"packets"`
	Format struct {
		Duration string            `json:"duration"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
}

// TestFFmpegReadsIt: ffprobe has no warning, knows the length to the sample, and finds the packets
// byte for byte.
func TestFFmpegReadsIt(t *testing.T) {
	needs.Program(t, "ffprobe", "ffmpeg")
	for name, header := range map[string]func(Track) ([]byte, error){"m4a": MP4, "caf": CAF} {
		for _, c := range []struct {
			count int
			trim  int64
		}{{200, 0}, {173, 600}, {50, 959}, {1, 0}} {
			all := packets(c.count, 120)
			track := Track{Channels: 1, Rate: 48000, PacketSize: 120, Packets: int64(c.count),
				Length: int64(c.count)*960 - c.trim}
			head, err := header(track)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "sound."+name)
			if err := os.WriteFile(file, append(head, bytes.Join(all, nil)...), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "warning", "-of", "json", "-show_streams", "-show_format",
				"-show_packets", file)
			var warnings bytes.Buffer
			cmd.Stderr = &warnings
			out, err := cmd.Output()
			if err != nil || warnings.Len() > 0 {
				t.Errorf("%s, %+v: %v, %s", name, c, err, warnings.String())
			}
			var p probed
			if err := json.Unmarshal(out, &p); err != nil || len(p.Streams) != 1 {
				t.Fatal(err, string(out))
			}
			if p.Streams[0].Codec != "opus" || p.Streams[0].Channels != 1 || len(p.Packets) != c.count {
				t.Errorf("%s, %+v: %+v, %d packets", name, c, p.Streams, len(p.Packets))
			}
			if seconds, err := strconv.ParseFloat(p.Format.Duration, 64); name == "m4a" &&
				(err != nil || int64(seconds*ogg.Rate+0.5) != track.Heard()) {
				t.Errorf("%s, %+v: %s s, not %d samples", name, c, p.Format.Duration, track.Heard())
			}
			if got := extract(t, file); !bytes.Equal(got, bytes.Join(all, nil)) {
				t.Errorf("%s, %+v: other packets come out: %d bytes", name, c, len(got))
			}
			if c.count == 200 {
				t.Logf("%s: %s s, %d bytes of header, %v", name, p.Format.Duration, len(head), p.Format.Tags)
			}
		}
	}
}

// extract returns the packets that ffmpeg finds, one after the other.
func extract(t *testing.T, file string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", file, "-c", "copy", "-f", "data",
		"-map", "0", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTracksThatCannotBe(t *testing.T) {
	good := Track{1, 48000, 120, 50, 48000}
	if _, err := MP4(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []Track{{0, 48000, 120, 50, 48000}, {3, 48000, 120, 50, 48000}, {1, 48000, 0, 50, 48000},
		{1, 48000, 1276, 50, 48000}, {1, 48000, 120, 0, 0}, {1, 48000, 120, 50, 48001}, {1, 48000, 120, 50, 0},
		{1, 48000, 1275, 1 << 23, 1 << 33}, {1, 48000, 1, 1 << 62, 48000}} {
		if _, err := MP4(bad); err == nil {
			t.Errorf("MP4 of %+v", bad)
		}
		if _, err := CAF(bad); err == nil {
			t.Errorf("CAF of %+v", bad)
		}
	}
}
