package recording_test

import (
	"bytes"
	"slices"
	"testing"

	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// A segment shorter than a second that says so, as older units left one when the process was
// killed, opens for ever.
func TestAShorterSegmentThatSaysSoOpens(t *testing.T) {
	const half = 4000 // samples
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	s := recordingtest.NewSealer(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}})
	h := s.Head()
	file, err := s.Begin(recordingtest.Consent)
	if err != nil {
		t.Fatal(err)
	}
	want := wav.Header(8000, 1, (8000+half)*2)
	for n, happened := range []*recording.Happening{nil, {Samples: half}} {
		data := recordingtest.Sound(h.Audio, h.ID, n+1, 3)
		if happened != nil {
			data = data[:len(data)-half*2]
		}
		piece, err := s.Segment(data, happened)
		if err != nil {
			t.Fatal(err)
		}
		file = slices.Concat(file, piece)
		want = append(want, bytes.TrimPrefix(data, wav.Header(8000, 1, wav.Unknown))...)
	}
	closed, rec, err := recoverFile(file, u)
	if err != nil || rec.End.Samples != 8000+half {
		t.Fatalf("recovered %+v, %v", rec, err)
	}
	if rep := verify(t, closed, u.VKey); rep.State != recording.Interrupted || !rep.Vouched {
		t.Errorf("it is %v: %s", rep.State, rep.Why)
	}
	sound, rep, err := open(closed, o.Identity)
	if err != nil || !bytes.Equal(sound, want) || rep.Sound.Samples != 8000+half {
		t.Errorf("it opens as %d bytes, want %d; %v, %+v", len(sound), len(want), err, rep.Sound)
	}
}
