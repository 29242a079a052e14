package recording_test

import (
	"bytes"
	"errors"
	"testing"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// HasEnd recognises a finished file by its last blocks, and HeadSize and HasSegment find the head
// and the segments of every file that has them, however short.
func TestLayout(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	whole := recordingtest.Make(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 2,
		Sound: func(int) []byte { return make([]byte, 3000) }})
	list := members(t, whole)
	head := int64(len(join(list[:5])))
	for n := int64(0); n <= int64(len(whole)); n++ {
		r := bytes.NewReader(whole[:n])
		if got := recording.HasEnd(r, n); got != (n == int64(len(whole))) {
			t.Fatalf("HasEnd of %d of %d bytes: %v", n, len(whole), got)
		}
		if got := recording.HeadSize(r, n); n >= head && got != head || n < head && got != n {
			t.Fatalf("HeadSize of %d bytes: %d, and the head has %d", n, got, head)
		}
		if got, err := recording.HasSegment(r, n); err != nil || got != (n >= head+512) {
			t.Fatalf("HasSegment of %d bytes, of which %d are the head: %v, %v", n, head, got, err)
		}
	}
	for what, b := range map[string][]byte{
		"zeros":            make([]byte, 8192),
		"zeros after":      append(bytes.Clone(whole), make([]byte, 512)...),
		"zeros for an end": append(join(list[:find(t, list, "end.age")]), make([]byte, 1024)...),
	} {
		if recording.HasEnd(bytes.NewReader(b), int64(len(b))) {
			t.Errorf("%s: taken for finished", what)
		}
	}
	if recording.HasEnd(unreadable{}, 8192) || recording.HeadSize(unreadable{}, 8192) != 8192 {
		t.Error("what can't be read is finished, or has a head")
	}
}

type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, errors.New("failing") }
