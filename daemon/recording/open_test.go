package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/audio/flac"
	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

var (
	opusAudio = recording.Audio{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 32000}
	flacAudio = recording.Audio{Codec: "flac", Rate: 8000, Channels: 2}
	wavAudio  = recording.Audio{Codec: "wav", Rate: 8000, Channels: 2}
)

func open(file []byte, ids ...age.Identity) ([]byte, *recording.Report, error) {
	var out bytes.Buffer
	rep, err := recording.Open(bytes.NewReader(file), int64(len(file)), &out, recording.Opening{Identities: ids})
	return out.Bytes(), rep, err
}

// sound is the expected result of opening a complete recording: the segments as they were sealed,
// with the true length for WAV.
func sound(a recording.Audio, id string, from, to, total int) []byte {
	var b []byte
	for n := from; n <= to; n++ {
		b = append(b, recordingtest.Sound(a, id, n, total)...)
	}
	switch a.Codec {
	case "wav":
		copy(b, wav.Header(a.Rate, a.Channels, int64(len(b)-wav.HeaderLen)))
	case "flac":
		j, _ := flac.NewJoiner(id, a.Rate, a.Channels)
		for n := from; n <= to; n++ {
			j.Add(recordingtest.Sound(a, id, n, total))
		}
		copy(b, j.Header())
	}
	return b
}

func TestOpen(t *testing.T) {
	u := recordingtest.NewUnit(t, "high-street", "room-3")
	for _, a := range []recording.Audio{opusAudio, flacAudio, wavAudio} {
		for _, hybrid := range []bool{recordingtest.Hybrid, recordingtest.Classic} {
			t.Run(fmt.Sprintf("%s, hybrid %v", a.Codec, hybrid), func(t *testing.T) {
				first, second := recordingtest.NewOffice(t, hybrid), recordingtest.NewOffice(t, hybrid)
				stranger := recordingtest.NewOffice(t, !hybrid)
				spec := recordingtest.Spec{Unit: u, For: []string{first.Recipient, second.Recipient}, ID: recording.NewID(),
					Audio: a, Segments: 4}
				file := recordingtest.Make(t, spec)
				for _, o := range []recordingtest.Office{first, second} {
					got, rep, err := open(file, stranger.Identity, o.Identity)
					if err != nil {
						t.Fatal(err)
					}
					if want := sound(a, spec.ID, 1, 4, 4); !bytes.Equal(got, want) {
						t.Errorf("%d bytes of sound, not the %d that were sealed", len(got), len(want))
					}
					if !slices.Equal(rep.Consent, recordingtest.Consent) || !slices.Equal(rep.Closing, recordingtest.Closing) {
						t.Errorf("acts: %v and %v", rep.Consent, rep.Closing)
					}
					if rep.State != recording.Whole || rep.Sound.Seconds != 4 || rep.Sound.Silence != nil ||
						rep.Sound.Unproved != nil || rep.Damages != nil {
						t.Errorf("%v, %+v, %v", rep.State, rep.Sound, rep.Damages)
					}
				}
				for name, ids := range map[string][]age.Identity{"a stranger": {stranger.Identity},
					"another": {recordingtest.NewOffice(t, hybrid).Identity}} {
					if got, _, err := open(file, ids...); !errors.Is(err, recording.ErrIdentity) || len(got) > 0 {
						t.Errorf("with %s's identity: %d bytes, %v", name, len(got), err)
					}
				}
			})
		}
	}
}

// TestOpenInterrupted: what was kept plays to its end, with the end mark or the true length.
func TestOpenInterrupted(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	for _, a := range []recording.Audio{opusAudio, flacAudio, wavAudio} {
		spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: a, Segments: 9}
		whole := recordingtest.Make(t, spec)
		list := members(t, whole)
		cut := join(list[:find(t, list, "000004.note")]) // its page is not the last of its stream
		recovered, _, err := recoverFile(cut, u)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			file     []byte
			seconds  int64
			unproved []recording.Span
		}{
			"recovered": {recovered, 3, nil},
			"as it is":  {cut, 4, []recording.Span{{First: 4, Last: 4}}},
		} {
			got, rep, err := open(c.file, o.Identity)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Sound.Seconds != c.seconds || rep.Sound.Silence != nil || !slices.Equal(rep.Sound.Unproved, c.unproved) {
				t.Errorf("%s, %s: %+v", a.Codec, name, rep.Sound)
			}
			want := sound(a, spec.ID, 1, int(c.seconds), 9)
			if a.Codec == "opus" {
				want = sound(a, spec.ID, 1, int(c.seconds), int(c.seconds)) // with the end mark
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, %s: not what was sealed", a.Codec, name)
			}
		}
	}
}

// TestOpenForeignKey: a key.age from another recording opens nothing.
func TestOpenForeignKey(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	list, others := members(t, small(t, u, o)), members(t, small(t, u, o))
	i := find(t, list, "key.age")
	got, _, err := open(join(slices.Replace(slices.Clone(list), i, i+1, others[i])), o.Identity)
	if !errors.Is(err, recording.ErrNoSound) || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 3}
	file := recordingtest.Make(t, spec)
	refusal := errors.New("no")
	rep, err := recording.Open(bytes.NewReader(file), int64(len(file)), failingWriter{errors.New("written all the same")},
		recording.Opening{
			Identities: []age.Identity{o.Identity}, Accept: func(*recording.Report) error { return refusal }})
	if !errors.Is(err, refusal) || rep.Consent != nil {
		t.Errorf("not accepted: %v", err)
	}
	spec.Segments = 0
	if _, _, err := open(recordingtest.Make(t, spec), o.Identity); !errors.Is(err, recording.ErrNoSound) {
		t.Errorf("no segments: %v", err)
	}
	if _, _, err := open([]byte("no recording"), o.Identity); err == nil ||
		!strings.Contains(err.Error(), "not a recording") {
		t.Errorf("foreign: %v", err)
	}
	full := errors.New("disk full")
	if _, err := recording.Open(bytes.NewReader(file), int64(len(file)), failingWriter{full},
		recording.Opening{Identities: []age.Identity{o.Identity}}); !errors.Is(err, full) {
		t.Errorf("full disk: %v", err)
	}
	if _, err := recording.Open(failing{bytes.NewReader(file), full}, int64(len(file)), io.Discard,
		recording.Opening{Identities: []age.Identity{o.Identity}}); !errors.Is(err, full) {
		t.Errorf("failing disk: %v", err)
	}
}

// TestOpenOfAFileThatChanges: what is decrypted is what was verified.
func TestOpenOfAFileThatChanges(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: wavAudio, Segments: 3}
	file := recordingtest.Make(t, spec)
	later := slices.Clone(file)
	list := members(t, recordingtest.Make(t, spec))
	swapped := join(list[:find(t, list, "000002.age")])
	copy(later[len(swapped):], list[find(t, list, "000002.age")].bytes)
	changing := &changing{bytes.NewReader(file)}
	_, err := recording.Open(changing, int64(len(file)), io.Discard, recording.Opening{
		Identities: []age.Identity{o.Identity},
		Accept:     func(*recording.Report) error { changing.Reader = bytes.NewReader(later); return nil },
	})
	if !errors.Is(err, recording.ErrChanged) {
		t.Errorf("%v", err)
	}
}

type changing struct{ *bytes.Reader }

// TestOpenEveryByte: whatever byte is altered, Open ends, and writes only what was sealed, and
// silence.
func TestOpenEveryByte(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: opusAudio, Segments: 3}
	file := recordingtest.Make(t, spec)
	want := sound(opusAudio, spec.ID, 1, 3, 3)
	for range 500 {
		got, rep, err := open(altered(file, rng.IntN(len(file))), o.Identity)
		if err != nil {
			if rep == nil {
				t.Fatal(err)
			}
			continue
		}
		if len(rep.Sound.Silence) == 0 && rep.Sound.Seconds == 3 && !bytes.Equal(got, want) {
			t.Fatalf("%+v, but it is not what was sealed", rep.Sound)
		}
	}
}

// TestOpenProgress: progress only rises, and ends below the total.
func TestOpenProgress(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	file := recordingtest.Make(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 600})
	last, calls := 0.0, 0
	options := recording.Options{Progress: func(done, total int64) {
		calls++
		if part := float64(done) / float64(total); part < last || part > 1 {
			t.Errorf("%d of %d after %v", done, total, last)
		} else {
			last = part
		}
	}}
	if _, err := recording.Open(bytes.NewReader(file), int64(len(file)), io.Discard,
		recording.Opening{Options: options, Identities: []age.Identity{o.Identity}}); err != nil {
		t.Fatal(err)
	}
	if calls < 6 || last < 0.8 {
		t.Errorf("%d calls, up to %v", calls, last)
	}
}

// TestOpenKeyOfAnotherRecording: a unit that sealed another recording's key into this one is not
// believed, whatever it signed.
func TestOpenKeyOfAnotherRecording(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := recording.ParseRecipients([]string{o.Recipient})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := recording.SealIdentity(identity, recording.Origin("high-street", "room-3", "0000000000"), to)
	if err != nil {
		t.Fatal(err)
	}
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: "7q4k9mz2ha", Started: recordingtest.Started,
		Audio: wavAudio}
	s, err := recording.NewSealer(spec.Head(), recording.Key{Age: sealed, Recipient: identity.Recipient()}, u.Signer)
	if err != nil {
		t.Fatal(err)
	}
	begin, err := s.Begin(nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Segment(recordingtest.Sound(wavAudio, spec.ID, 1, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	end, err := s.End(recording.End{Reason: recording.Stopped, Samples: 8000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := slices.Concat(begin, second, end)
	if rep := verify(t, file, u.VKey); rep.State != recording.Whole {
		t.Fatalf("%v: %s", rep.State, rep.Why)
	}
	got, _, err := open(file, o.Identity)
	if err == nil || !strings.Contains(err.Error(), "key.age is that of tacet/high-street/room-3/0000000000") ||
		len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
