package visit

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/audio/container"
	"tacet/audio/ogg"
	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/recordingtest"
	"tacet/systemd/needs"
)

const id = "7q4k9mz2ha"

var audios = []recording.Audio{
	{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 48000},
	{Codec: "flac", Rate: 8000, Channels: 2},
	{Codec: "wav", Rate: 8000, Channels: 1},
}

// source is a recording, and its key.
type source struct {
	file   []byte
	office recordingtest.Office
	unit   recordingtest.Unit
}

func record(t testing.TB, a recording.Audio, segments int) *source {
	t.Helper()
	o, u := recordingtest.NewOffice(t, recordingtest.Classic), recordingtest.NewUnit(t, "high-street", "room-3")
	lost := &recording.Happening{Gaps: []recording.Gap{{Sample: int64(a.Rate), Samples: 7}}}
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: id, Audio: a, Segments: segments,
		Happened: map[int]*recording.Happening{2: lost}}
	if a.Codec == "opus" {
		spec.Sound = func(n int) []byte { return opusSecond(n, segments) }
	}
	return &source{recordingtest.Make(t, spec), o, u}
}

// opusSecond is a second of 40-byte packets, each with other content. The last one has 173 ms.
func opusSecond(n, total int) []byte {
	var out []byte
	if n == 1 {
		_, out = ogg.NewStream(id, ogg.Head{Channels: 1, PreSkip: ogg.PreSkip, Rate: 48000})
	}
	p := ogg.Page{Serial: ogg.Serial(id), Sequence: uint32(n) + 1, Granule: int64(n) * ogg.Rate}
	count := 50
	if n == total {
		p.Flags, p.Granule, count = ogg.Last, int64(n-1)*ogg.Rate+173*48+ogg.PreSkip, 9
	}
	for i := range count {
		packet := bytes.Repeat([]byte{byte(n), byte(i)}, 20)
		packet[0] = 31 << 3
		p.Body, p.Lacing = append(p.Body, packet...), append(p.Lacing, 40)
	}
	return p.Append(out)
}

// copied is a copy's files, by name.
func (s *source) copied(t testing.TB, part excerpt.Part) map[string][]byte {
	t.Helper()
	x, _, err := recording.NewIndex(bytes.NewReader(s.file), int64(len(s.file)), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Unlock([]age.Identity{s.office.Identity}); err != nil {
		t.Fatal(err)
	}
	c, err := Prepare(x, part)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range c.Files() {
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		files[f.Name] = b.Bytes()
	}
	return files
}

// check checks a file of a copy.
func check(proof, file []byte, name string) error {
	p, err := ReadProof(bytes.NewReader(proof), int64(len(proof)))
	if err != nil {
		return err
	}
	return p.Check(name, bytes.NewReader(file), int64(len(file)))
}

func isFault(err error) bool { return errors.As(err, new(*bundle.Fault)) }

// parts are the parts that are tried, of a recording of six segments.
var parts = map[string]excerpt.Part{
	"whole":     {Span: excerpt.Span{From: 0, To: 6}},
	"middle":    {Span: excerpt.Span{From: 1, To: 4}},
	"start":     {Span: excerpt.Span{From: 0, To: 2}},
	"end":       {Span: excerpt.Span{From: 4, To: 6}},
	"one":       {Span: excerpt.Span{From: 2, To: 3}},
	"without":   {Span: excerpt.Span{From: 0, To: 6}, Withheld: []excerpt.Span{{From: 2, To: 4}}},
	"no start":  {Span: excerpt.Span{From: 0, To: 6}, Withheld: []excerpt.Span{{From: 0, To: 2}}},
	"no end":    {Span: excerpt.Span{From: 1, To: 6}, Withheld: []excerpt.Span{{From: 5, To: 6}}},
	"but a few": {Span: excerpt.Span{From: 0, To: 6}, Withheld: []excerpt.Span{{From: 0, To: 2}, {From: 3, To: 6}}},
}

// TestCopies: each file of each copy proves itself.
func TestCopies(t *testing.T) {
	for _, a := range audios {
		s := record(t, a, 6)
		for name, part := range parts {
			files := s.copied(t, part)
			p, err := ReadProof(bytes.NewReader(files[ProofName]), int64(len(files[ProofName])))
			if err != nil {
				t.Fatalf("%s, %s: %v", a.Codec, name, err)
			}
			if p.Head.UnitKey != s.unit.VKey || p.Part.Span != part.Span || p.Part.Held() != part.Held() ||
				p.Whole != (name == "whole") {
				t.Errorf("%s, %s: %+v", a.Codec, name, p)
			}
			for _, sound := range Sounds(a.Codec) {
				if err := check(files[ProofName], files[sound], sound); err != nil {
					t.Errorf("%s, %s, %s: %v", a.Codec, name, sound, err)
				}
			}
		}
	}
}

// TestWholeCopyIsWhatOpenWrites: FLAC and WAV byte for byte, Opus packet for packet.
func TestWholeCopyIsWhatOpenWrites(t *testing.T) {
	for _, a := range audios {
		s := record(t, a, 6)
		files := s.copied(t, parts["whole"])
		var want bytes.Buffer
		_, err := recording.Open(bytes.NewReader(s.file), int64(len(s.file)), &want,
			recording.Opening{Identities: []age.Identity{s.office.Identity}})
		if err != nil {
			t.Fatal(err)
		}
		if a.Codec != "opus" {
			if got := files[Sounds(a.Codec)[0]]; !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s: %d bytes, not %d", a.Codec, len(got), want.Len())
			}
			continue
		}
		var packets []byte
		for i, rest := 0, want.Bytes(); len(rest) > 0; i++ {
			var p ogg.Page
			if p, rest, err = ogg.Parse(rest); err != nil {
				t.Fatal(err)
			}
			if i > 1 {
				packets = append(packets, p.Body...)
			}
		}
		for _, name := range []string{M4A, CAF} {
			if !bytes.HasSuffix(files[name], packets) {
				t.Errorf("%s doesn't end with the recording's packets", name)
			}
			testProbe(t, name, files[name], 5*48000+173*48)
		}
	}
}

// testProbe checks what ffprobe says of a file.
func testProbe(t *testing.T, name string, file []byte, samples int64) {
	t.Helper()
	needs.Program(t, "ffprobe", "ffmpeg")
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "warning", "-of", "json", "-show_entries",
		"packet=duration:stream=duration_ts", "-")
	cmd.Stdin = bytes.NewReader(file)
	var warnings bytes.Buffer
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	var said struct {
		Packets []struct{ Duration int64 }
		Streams []struct {
			Duration int64 `json:"duration_ts"`
		}
	}
	if err := errors.Join(err, json.Unmarshal(out, &said)); err != nil || warnings.Len() > 0 {
		t.Fatalf("%s: %v, %s", name, err, warnings.String())
	}
	if name == M4A && said.Streams[0].Duration != samples {
		t.Errorf("%s: %d samples, not %d", name, said.Streams[0].Duration, samples)
	}
}

// TestEveryByte: a change of any byte of a file or of the proof shows.
func TestEveryByte(t *testing.T) {
	short := recording.Audio{Codec: "wav", Rate: 8000, Channels: 1}
	for _, a := range []recording.Audio{audios[0], audios[1], short} {
		s := record(t, a, 3)
		part := excerpt.Part{Span: excerpt.Span{From: 0, To: 3}, Withheld: []excerpt.Span{{From: 1, To: 2}}}
		files := s.copied(t, part)
		for _, name := range append(Sounds(a.Codec), ProofName) {
			sound := Sounds(a.Codec)[0]
			if name != ProofName {
				sound = name
			}
			file := files[name]
			for i := 0; i < len(file); i++ {
				if a.Codec != "opus" && i > 200 { // the sound is long, and checked as a whole: try some of it
					i = min(i+28, len(file)-1)
				}
				file[i] ^= 1 << (i % 8)
				if err := check(files[ProofName], files[sound], sound); !isFault(err) {
					t.Fatalf("byte %d of %d of %s, with %s, is changed: %v", i, len(file), name, sound, err)
				}
				file[i] ^= 1 << (i % 8)
			}
			for _, other := range [][]byte{file[:len(file)-1], append(bytes.Clone(file), 0), nil, file[:len(file)/2]} {
				files[name] = other
				if err := check(files[ProofName], files[sound], sound); !isFault(err) {
					t.Errorf("%s with %d of %d bytes: %v", name, len(other), len(file), err)
				}
			}
			files[name] = file
		}
	}
}

// TestSplices: seconds moved, another recording's proof or sound, other times, hidden silence.
func TestSplices(t *testing.T) {
	for _, a := range audios {
		s, other := record(t, a, 6), record(t, a, 6)
		sound := Sounds(a.Codec)[0]
		mine, his := s.copied(t, parts["middle"]), other.copied(t, parts["middle"])
		if a.Codec != "opus" && !bytes.Equal(mine[sound], his[sound]) {
			t.Fatal("the test needs the same sound in both")
		}
		if err := check(his[ProofName], mine[sound], sound); err != nil { // the same sound: both units recorded it
			t.Errorf("%s: the same sound under the other proof: %v", a.Codec, err)
		}
		for what, with := range map[string]string{"later": "end", "earlier": "start", "longer": "whole", "shorter": "one"} {
			if err := check(s.copied(t, parts[with])[ProofName], mine[sound], sound); !isFault(err) {
				t.Errorf("%s: the proof of a %s part: %v", a.Codec, what, err)
			}
		}
		quiet, loud := s.copied(t, parts["without"]), s.copied(t, parts["whole"])
		if err := check(quiet[ProofName], loud[sound], sound); !isFault(err) {
			t.Errorf("%s: sound where something is withheld: %v", a.Codec, err)
		}
		if err := check(loud[ProofName], quiet[sound], sound); !isFault(err) {
			t.Errorf("%s: silence that the proof doesn't know: %v", a.Codec, err)
		}
	}
	s := record(t, audios[0], 6)
	files := s.copied(t, parts["whole"])
	head, err := container.MP4(container.Track{Channels: 1, Rate: 48000, PacketSize: 40, Packets: 259,
		Length: 5*48000 + 173*48 + ogg.PreSkip})
	if err != nil || !bytes.HasPrefix(files[M4A], head) {
		t.Fatal("the header is not the one of the track", err)
	}
	moved := bytes.Clone(files[M4A])
	second := func(n int) []byte { return moved[len(head)+2000*n:][:2000] }
	third := bytes.Clone(second(2))
	copy(second(2), second(3))
	copy(second(3), third)
	err = check(files[ProofName], moved, M4A)
	if !isFault(err) || !strings.Contains(err.Error(), "0:02: the sound of this second") {
		t.Errorf("two seconds moved: %v", err)
	}
	if err := check(files[ProofName], files[CAF], M4A); !isFault(err) {
		t.Errorf("a CAF file as m4a: %v", err)
	}
}
