package clip_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"tacet/audio/ogg"
	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/clip"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/recordingtest"
)

func TestMain(m *testing.M) {
	recording.ChildMain()
	os.Exit(m.Run())
}

var audios = []recording.Audio{
	{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 48000},
	{Codec: "flac", Rate: 8000, Channels: 2},
	{Codec: "wav", Rate: 8000, Channels: 1},
}

const id = "7q4k9mz2ha"

// source is a recording, and who can open it.
type source struct {
	spec   recordingtest.Spec
	office recordingtest.Office
	file   []byte
}

// record makes a recording. Something happens in its second 4.
func record(t testing.TB, a recording.Audio, change func(*recordingtest.Spec)) *source {
	t.Helper()
	o := recordingtest.NewOffice(t, recordingtest.Classic)
	lost := &recording.Happening{Gaps: []recording.Gap{{Sample: 3*int64(a.Rate) + 5, Samples: 7}}}
	spec := recordingtest.Spec{Unit: recordingtest.NewUnit(t, "high-street", "room-3"), For: []string{o.Recipient}, ID: id,
		Audio: a, Segments: 8, Happened: map[int]*recording.Happening{4: lost}}
	if change != nil {
		change(&spec)
	}
	return &source{spec, o, recordingtest.Make(t, spec)}
}

// recover closes a recording as a unit does after a power cut.
func (s *source) recover(t testing.TB) {
	t.Helper()
	var closed bytes.Buffer
	_, err := recording.Recover(bytes.NewReader(s.file), int64(len(s.file)), &closed, s.spec.Unit.Signer, "boot")
	if err != nil {
		t.Fatal(err)
	}
	s.file = closed.Bytes()
}

func (s *source) index(t testing.TB) *recording.Index {
	t.Helper()
	x, rep, err := recording.NewIndex(bytes.NewReader(s.file), int64(len(s.file)), recording.Options{})
	if err != nil {
		t.Fatalf("%v, %+v", err, rep)
	}
	if err := x.Unlock([]age.Identity{s.office.Identity}); err != nil {
		t.Fatal(err)
	}
	return x
}

// clip makes a clip for a receiver.
func (s *source) clip(t testing.TB, to recordingtest.Office, from, until int64, withheld ...excerpt.Span) []byte {
	t.Helper()
	recipients, err := recording.ParseRecipients([]string{to.Recipient})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	part := excerpt.Part{Span: excerpt.Span{From: from, To: until}, Withheld: withheld}
	if err := clip.Make(&b, s.index(t), part, recipients); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verify(file []byte, units ...string) (*clip.Report, error) {
	return clip.Verify(bytes.NewReader(file), int64(len(file)), clip.Options{Units: units})
}

func open(file []byte, ids ...age.Identity) ([]byte, *clip.Report, error) {
	var b bytes.Buffer
	rep, err := clip.Open(bytes.NewReader(file), int64(len(file)), &b, clip.Opening{Identities: ids})
	return b.Bytes(), rep, err
}

// A clip is checked without a key, says where it stands, and opens to the recording's own sound.
func TestClip(t *testing.T) {
	for _, a := range audios {
		t.Run(a.Codec, func(t *testing.T) {
			s, to := record(t, a, nil), recordingtest.NewOffice(t, recordingtest.Hybrid)
			file := s.clip(t, to, 2, 7, excerpt.Span{From: 4, To: 5})
			if !clip.Is(bytes.NewReader(file), int64(len(file))) || clip.Is(bytes.NewReader(s.file), int64(len(s.file))) {
				t.Error("a clip is not told from a recording")
			}
			rep, err := verify(file, s.spec.Unit.VKey)
			if err != nil {
				t.Fatal(err)
			}
			if !rep.Vouched || rep.Head.ID != id || rep.Part.From != 2 || rep.Part.To != 7 || rep.Part.Held() != 1 ||
				rep.Length() != 8*time.Second || rep.End == nil || len(rep.End.Gaps) != 1 {
				t.Errorf("%+v", rep)
			}
			if rep, err := verify(file); err != nil || rep.Vouched {
				t.Errorf("by an unknown unit: %+v, %v", rep, err)
			}
			if _, _, err := open(file, s.office.Identity); !errors.Is(err, recording.ErrIdentity) {
				t.Errorf("the recording's own key opens it: %v", err)
			}
			sound, rep, err := open(file, to.Identity)
			if err != nil {
				t.Fatal(err)
			}
			checkSound(t, a, sound, rep.Sound.Samples)
		})
	}
}

// checkSound checks the sound of seconds 2 to 7 of 8, with silence for the fifth.
func checkSound(t *testing.T, a recording.Audio, sound []byte, samples int64) {
	t.Helper()
	switch a.Codec {
	case "opus":
		if samples != 5*48000-ogg.PreSkip {
			t.Errorf("%d samples", samples)
		}
		n := 0
		for rest := sound; len(rest) > 0; n++ {
			p, more, err := ogg.Parse(rest)
			if err != nil || int(p.Sequence) != n || (p.Flags&ogg.Last != 0) != (len(more) == 0) {
				t.Fatalf("page %d: %+v, %v", n, p, err)
			}
			if n > 1 && p.Granule != int64(n-1)*48000 {
				t.Errorf("page %d ends at %d", n, p.Granule)
			}
			rest = more
		}
		if n != 7 {
			t.Errorf("%d pages", n)
		}
	case "wav":
		var want []byte
		for n := 3; n <= 7; n++ {
			for _, v := range recordingtest.Tone(a, n) {
				if n == 5 {
					v = 0
				}
				want = binary.LittleEndian.AppendUint16(want, uint16(v))
			}
		}
		if !bytes.Equal(sound[44:], want) || int(binary.LittleEndian.Uint32(sound[40:])) != len(want) {
			t.Errorf("%d bytes instead of %d", len(sound)-44, len(want))
		}
	default:
		if samples != 5*int64(a.Rate) {
			t.Errorf("%d samples", samples)
		}
	}
}

// From its first second to its last, a clip has the sound that the recording opens to.
func TestClipOfAllIsTheRecording(t *testing.T) {
	for _, a := range audios {
		s, to := record(t, a, nil), recordingtest.NewOffice(t, recordingtest.Classic)
		var want bytes.Buffer
		_, err := recording.Open(bytes.NewReader(s.file), int64(len(s.file)), &want,
			recording.Opening{Identities: []age.Identity{s.office.Identity}})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := open(s.clip(t, to, 0, 8), to.Identity); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: %d bytes instead of %d, %v", a.Codec, len(got), want.Len(), err)
		}
	}
}

// A passphrase opens what was made for one.
func TestPassphrase(t *testing.T) {
	s := record(t, audios[2], nil)
	to, err := age.NewScryptRecipient("six words are not easy to guess")
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(10)
	var b bytes.Buffer
	part := excerpt.Part{Span: excerpt.Span{From: 1, To: 2}}
	if err := clip.Make(&b, s.index(t), part, []age.Recipient{to}); err != nil {
		t.Fatal(err)
	}
	if rep, err := verify(b.Bytes()); err != nil || rep.Stanza != "scrypt" {
		t.Fatalf("%+v, %v", rep, err)
	}
	for pass, want := range map[string]error{"six words are not easy to guess": nil, "another": recording.ErrIdentity} {
		who, err := age.NewScryptIdentity(pass)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := open(b.Bytes(), who); !errors.Is(err, want) {
			t.Errorf("%q: %v", pass, err)
		}
	}
}

// Of a recording that is not complete, a clip holds what the last good note covers.
func TestClipOfWhatIsLeft(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	cut := record(t, audios[2], func(s *recordingtest.Spec) { s.Cut = true })
	file := cut.clip(t, to, 5, 8)
	rep, err := verify(file, cut.spec.Unit.VKey)
	if err != nil || rep.End != nil || rep.Length() != 8*time.Second || !rep.Vouched {
		t.Fatalf("unfinished: %+v, %v", rep, err)
	}
	if _, _, err := open(file, to.Identity); err != nil {
		t.Error(err)
	}
	bad := record(t, audios[2], nil)
	bad.file[bytes.Index(bad.file, []byte("000007.note"))+600] ^= 1
	if rep, err := verify(bad.clip(t, to, 0, 6)); err != nil || rep.End != nil || rep.Length() != 6*time.Second {
		t.Errorf("damaged: %+v, %v", rep, err)
	}
	var b bytes.Buffer
	if err := clip.Make(&b, bad.index(t), excerpt.Part{Span: excerpt.Span{From: 0, To: 7}}, nil); err == nil {
		t.Error("a second that is not proved is in a clip")
	}
	none := record(t, audios[2], func(s *recordingtest.Spec) { s.Segments = 0 })
	_, _, err = recording.NewIndex(bytes.NewReader(none.file), int64(len(none.file)), recording.Options{})
	if !errors.Is(err, recording.ErrNoPart) {
		t.Errorf("a recording without a second: %v", err)
	}
	text := strings.NewReader("not a recording")
	_, found, err := recording.NewIndex(text, text.Size(), recording.Options{})
	if !errors.Is(err, recording.ErrNoPart) || found.State != recording.Foreign {
		t.Errorf("not a recording: %v", err)
	}
}

// A recording that a power cut ended is signed by the unit.
func TestClipOfAnInterruptedRecording(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s := record(t, audios[0], func(s *recordingtest.Spec) { s.Cut = true })
	s.recover(t)
	rep, err := verify(s.clip(t, to, 3, 8), s.spec.Unit.VKey)
	if err != nil || rep.End == nil || rep.End.Reason != recording.InterruptedBy {
		t.Errorf("%+v, %v", rep, err)
	}
}

func isFault(err error) bool { return errors.As(err, new(*bundle.Fault)) }
