package ogg

import (
	"bytes"
	"fmt"
	"testing"
)

// Taken apart and joined again, each segment is what it was, the first and the last with their edge.
func TestSecondsComeBack(t *testing.T) {
	all := segments(id, 4)
	for i, segment := range all {
		n := int64(i + 1)
		s, edge, err := ParseSecond(id, 48000, 1, n, segment)
		if err != nil {
			t.Fatal(err)
		}
		if inner := i > 0 && i < 4; inner {
			edge = nil
		}
		if again, err := JoinSecond(id, n, s.Packets, edge); err != nil || !bytes.Equal(again, segment) {
			t.Errorf("segment %d: %d bytes instead of %d, %v", n, len(again), len(segment), err)
		}
		if wrong, _, err := ParseSecond(id, 48000, 1, n+1, segment); err == nil {
			t.Errorf("segment %d is taken for the next: %+v", n, wrong)
		}
		if _, _, err := ParseSecond("other", 48000, 1, n, segment); err == nil {
			t.Errorf("segment %d is taken for another recording's", n)
		}
	}
}

// From its first second on, an excerpt is the recording's own stream.
func TestExcerptOfAllIsTheRecording(t *testing.T) {
	var want, got []byte
	e := NewExcerpt(id, 48000, 1)
	for i, segment := range segments(id, 4) {
		want = append(want, segment...)
		s, _, err := ParseSecond(id, 48000, 1, int64(i+1), segment)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Add(s)...)
	}
	if got = append(got, e.Finish()...); !bytes.Equal(got, want) {
		t.Errorf("%d bytes instead of %d", len(got), len(want))
	}
	if e.Length() != 4*48000+300*48 {
		t.Errorf("%d samples", e.Length())
	}
}

// The time of an excerpt counts from its start, and what is silent has the size of what is not.
func TestExcerptFromTheMiddle(t *testing.T) {
	all := segments(id, 5)
	e := NewExcerpt(id, 48000, 1)
	var file []byte
	for _, n := range []int64{3, 4, 5} {
		s, _, err := ParseSecond(id, 48000, 1, n, all[n-1])
		if err != nil {
			t.Fatal(err)
		}
		if n == 4 {
			s = Silence(s)
		}
		if s.Bytes() != 50*80 {
			t.Errorf("second %d has %d bytes of packets", n, s.Bytes())
		}
		file = append(file, e.Add(s)...)
	}
	list := pages(t, append(file, e.Finish()...), 3)
	if len(list) != 5 || list[2].Granule != 48000 || list[4].Granule != 3*48000 {
		t.Errorf("%d pages, %d to %d", len(list), list[2].Granule, list[4].Granule)
	}
}

func TestPad(t *testing.T) {
	for size := range 1400 {
		p := pad(silence(31<<3), size)
		want := size
		if size < 5 {
			want = 3
		}
		if n, err := Duration(p); err != nil || n != 960 || len(p) != want {
			t.Fatalf("padded to %d: %d bytes, %d samples, %v", size, len(p), n, err)
		}
		if want == 3 {
			continue
		}
		if frame, err := unpad(p); err != nil || !bytes.Equal(frame, []byte{0xff, 0xfe}) {
			t.Fatalf("padded to %d: the frame is %x, %v", size, frame, err)
		}
	}
}

// unpad returns the frame of a padded packet as a decoder does.
func unpad(p []byte) ([]byte, error) {
	if p[0]&3 != 3 || p[1] != 1<<6|1 {
		return nil, fmt.Errorf("it starts with %x", p[:2])
	}
	p = p[2:]
	for {
		n := int(p[0])
		p = p[1:]
		more := n == 255
		if more {
			n = 254
		}
		if n > len(p) {
			return nil, fmt.Errorf("%d bytes of padding", n)
		}
		p = p[:len(p)-n]
		if !more {
			return p, nil
		}
	}
}
