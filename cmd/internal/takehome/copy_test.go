package takehome_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/audio"
	"tacet/cmd/internal/takehome"
	"tacet/daemon/recording"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/recordingtest"
	"tacet/daemon/recording/visit"
	"tacet/systemd/needs"
)

// samples is the length of the recording that the tests copy: it ends within a second and a packet.
const samples = 7*48000 + 12345

// speech is a sound that changes all the time: a tone that sweeps, and swells twice a second.
func speech() []int16 {
	list := make([]int16, samples)
	for i := range list {
		t := float64(i) / 48000
		list[i] = int16(9000 * math.Sin(2*math.Pi*(200+150*t)*t) * (0.55 + 0.45*math.Sin(4*math.Pi*t)))
	}
	return list
}

// taken is a copy in a folder, and the recording as it opens.
type taken struct {
	dir    string
	opened []byte
	copy   *visit.Copy
	about  *takehome.About
}

// take records with the real encoder, and writes a copy of it.
func take(t *testing.T, part excerpt.Part) *taken {
	t.Helper()
	const id = "7q4k9mz2ha"
	a := recording.Audio{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 48000}
	encoder, err := audio.NewEncoder(audio.Format{Codec: a.Codec, Rate: a.Rate, Channels: a.Channels, Bitrate: a.Bitrate,
		ID: id})
	if err != nil {
		t.Fatal(err)
	}
	segments, err := encoder.Encode(speech())
	if err != nil {
		t.Fatal(err)
	}
	last, err := encoder.Close()
	if err != nil {
		t.Fatal(err)
	}
	segments = append(segments, last...)
	o := recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: recordingtest.NewUnit(t, "high-street", "room-3"), For: []string{o.Recipient}, ID: id,
		Audio: a, Segments: len(segments), Samples: samples, Sound: func(n int) []byte { return segments[n-1].Data }}
	file := recordingtest.Make(t, spec)
	x, _, err := recording.NewIndex(bytes.NewReader(file), int64(len(file)), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Unlock([]age.Identity{o.Identity}); err != nil {
		t.Fatal(err)
	}
	var opened bytes.Buffer
	if _, err := recording.Open(bytes.NewReader(file), int64(len(file)), &opened,
		recording.Opening{Identities: []age.Identity{o.Identity}}); err != nil {
		t.Fatal(err)
	}
	if part.To == 0 {
		part.To = x.Proof.Segments
	}
	c, err := visit.Prepare(x, part)
	if err != nil {
		t.Fatal(err)
	}
	h := x.Proof.Head
	k := &taken{t.TempDir(), opened.Bytes(), c, &takehome.About{Site: h.Site, Room: h.Room, Started: h.Started,
		Part: "All of it, 0:07", Length: "0:07", Purpose: `Your "own" <record> & more`, Unit: h.UnitKey, ID: h.ID, Codec: "opus",
		Office: "tacet-office/high-street"}}
	for _, f := range c.Files() {
		k.write(t, f.Name, f.Write)
	}
	return k
}

func (k *taken) write(t *testing.T, name string, write func(w io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.path(name), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (k *taken) path(name string) string { return filepath.Join(k.dir, name) }

// decoded is what ffmpeg decodes of a file, as mono samples of 16 bits.
func decoded(t *testing.T, file string, rate int) []int16 {
	t.Helper()
	needs.Program(t, "ffmpeg", "ffmpeg")
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "warning", "-i", file, "-f", "s16le", "-ac", "1",
		"-ar", fmt.Sprint(rate), "-")
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if said := strings.ReplaceAll(errs.String(), "Guessed Channel Layout", ""); err != nil || strings.Contains(said, "rror") {
		t.Fatalf("%s: %v, %s", file, err, errs.String())
	}
	list := make([]int16, len(out)/2)
	for i := range list {
		list[i] = int16(binary.LittleEndian.Uint16(out[2*i:]))
	}
	return list
}

// TestSameSound: decoded, each file of a copy is what the recording opens to, to the sample.
func TestSameSound(t *testing.T) {
	k := take(t, excerpt.Part{})
	if err := os.WriteFile(k.path("opened.opus"), k.opened, 0o600); err != nil {
		t.Fatal(err)
	}
	want := decoded(t, k.path("opened.opus"), 48000)
	if len(want) != samples {
		t.Fatalf("the recording has %d samples, not %d", len(want), samples)
	}
	// ffmpeg plays the last packet of an MP4 file to its end, and the priming of a CAF file.
	for name, skip := range map[string]int{visit.M4A: 0, visit.CAF: 312} {
		got := decoded(t, k.path(name), 48000)
		if got = got[min(skip, len(got)):]; len(got) < samples || len(got) >= samples+960 || likeness(got, want) < 0.9999 {
			t.Errorf("%s: %d samples, like the recording to %f", name, len(got), likeness(got, want))
		}
	}
}

// likeness is the correlation of two sounds.
func likeness(a, b []int16) float64 {
	var ab, aa, bb float64
	for i := range min(len(a), len(b)) {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// TestWAV: decoded without libopus, the sound has its length to the sample, and is what ffmpeg
// decodes.
func TestWAV(t *testing.T) {
	for what, part := range map[string]excerpt.Part{
		"whole":                {},
		"a part, with silence": {Span: excerpt.Span{From: 1, To: 7}, Withheld: []excerpt.Span{{From: 3, To: 4}}},
	} {
		k := take(t, part)
		k.write(t, takehome.WAVName, func(w io.Writer) error { return takehome.WAV(w, k.copy) })
		got, want := decoded(t, k.path(takehome.WAVName), 16000), decoded(t, k.path(visit.M4A), 16000)
		if int64(len(got)) != k.copy.Track().Heard()/3 || likeness(got, want) < 0.99 {
			t.Errorf("%s: %d samples, not %d, like ffmpeg's to %f", what, len(got), k.copy.Track().Heard()/3, likeness(got, want))
		}
	}
}
